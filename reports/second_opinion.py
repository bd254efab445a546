# SPDX-License-Identifier: GPL-2.0-only
"""What another dissector made of the same captures, for a terminal."""

from typing import Protocol

from analyzer.model.cross_check import CrossCheck, Difference, KnownGap
from reports.spelling import frames_text, plural

MAX_DIFFERENCES = 200  # in a page for people


class Pen(Protocol):
    """Whoever prints pieces of text with their styles as one line."""

    def line(self, *pieces: tuple[str, str], indent: int = 0) -> None:
        """Print one line."""
        ...


def print_second_opinion(check: CrossCheck, pen: Pen, limit: int | None) -> None:
    """Agreements in numbers, then each difference and each known gap; no more than `limit` differences."""
    pen.line()
    agreed = ", ".join(f"{each.number} {each.topic}" for each in check.agreements if each.number)
    pen.line(("Second opinion  ", "bold"), (f"{check.tool} agrees on {agreed or 'nothing'}", ""))
    shown = check.differences[:limit]
    for each in shown:
        pen.line((f"  differs: {describe_difference(each)}", "yellow"))
    if len(shown) < len(check.differences):
        pen.line((f"  and {len(check.differences) - len(shown)} more differences", ""))
    for gap in check.gaps:
        pen.line((f"  known gap: {describe_gap(gap)}", "dim"))
    for note in check.notes:
        pen.line((f"  {note}", ""))


def describe_difference(each: Difference) -> str:
    """Where the two differ and what each of them says."""
    where = f", {frames_text(each.frames)}" if each.frames else ""
    return f"{each.topic} in capture {each.capture + 1}{where}: we {_said(each.ours)}, they {_said(each.theirs)}"


def describe_gap(gap: KnownGap) -> str:
    """What is known not to be read there, and where it was met."""
    where = f", {frames_text(gap.frames)}" if gap.frames else ""
    return f"{gap.explanation} ({plural(gap.number, 'time')} in capture {gap.capture + 1}{where})"


def _said(text: str) -> str:
    return f"read {text}" if text else "see nothing"
