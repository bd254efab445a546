# SPDX-License-Identifier: GPL-2.0-only
"""Lines of plain text on a terminal, styled, harmless whatever they quote."""

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from analyzer.model.outcome import Severity
from reports.safe_text import visible

MAX_LINES = 12  # of one list, where not everything is asked for

SEVERITY_STYLES = {
    Severity.CRITICAL: "bold red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "default",
    Severity.INFO: "dim",
}
_ASCII = str.maketrans({"→": ">", "·": "-", "…": "~", "–": "-", "\u202f": " ", "✕": "X", "§": "s."})


class Pen:
    """Makes rich texts out of plain ones: never markup, never a control character, ASCII where nothing else shows."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.ascii = console.options.ascii_only
        self.width = console.width

    def text(self, text: str, style: str = "") -> Text:
        """One piece of one line."""
        shown = "\n".join(visible(line) for line in text.split("\n"))
        if self.ascii:
            shown = shown.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")
        return Text(shown, style=style)

    def line(self, *pieces: tuple[str, str], indent: int = 0) -> None:
        """Print one line of styled pieces; where it wraps, the rest keeps the indent."""
        line = Text()
        for text, style in pieces:
            line.append_text(self.text(visible(text), style))
        self._console.print(Padding(line, (0, 0, 0, indent), expand=False) if indent else line)

    def table(self, table: Table) -> None:
        """Print a table."""
        self._console.print(table)


def print_list(title: str, mark: tuple[str, str], lines: list[str], pen: Pen, verbose: bool) -> None:
    """A list under its title; no more than MAX_LINES of it unless `verbose`."""
    if not lines:
        return
    limit = len(lines) if verbose else MAX_LINES
    pen.line()
    pen.line((title, f"bold {mark[1]}"))
    for line in lines[:limit]:
        pen.line(mark, (line, ""), indent=2)
    print_more(len(lines) - limit, pen)


def print_more(number: int, pen: Pen) -> None:
    """Say how many stay out of a list, if any do."""
    if number > 0:
        pen.line((f"     and {number} more", "dim"))
