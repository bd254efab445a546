# SPDX-License-Identifier: GPL-2.0-only
"""Lines of plain text on a terminal, styled, harmless whatever they quote."""

from collections.abc import Iterable
from typing import TextIO

from analyzer.model.outcome import Severity
from reports.safe_text import visible
from reports.table import Cell, Table
from reports.wrapping import Line, Piece, count_cells, cut_line, pad_line, plain_text, wrap_line

MAX_LINES = 12  # of one list, where not everything is asked for

SEVERITY_STYLES = {
    Severity.CRITICAL: "bold red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "default",
    Severity.INFO: "dim",
}
_ASCII = str.maketrans({"→": ">", "·": "-", "…": "~", "–": "-", "\u202f": " ", "✕": "X", "§": "s."})


_SGR = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "magenta": "35", "default": "39"}


class Pen:
    """Writes lines and tables: never a control character, ASCII where nothing else shows, no wider than `width` cells.

    A style is words of `_SGR`, written as ECMA-48 §8.3.117 has them where the page is `colored`, else left out.
    """

    def __init__(self, file: TextIO, width: int, *, colored: bool = False) -> None:
        self._file = file
        self._colored = colored
        self.ascii = not (getattr(file, "encoding", None) or "utf-8").lower().startswith("utf")
        self.width = width

    def text(self, text: str, style: str = "") -> Cell:
        """A cell of a table; it may have several lines."""
        return Cell([[(self._shown(line), style)] for line in text.split("\n")], style)

    def cell(self, *pieces: Piece) -> Cell:
        """A cell of a table: one line of styled pieces; the space beside it has no style."""
        return Cell([self._line(pieces)])

    def line(self, *pieces: Piece, indent: int = 0) -> None:
        """Write one line of styled pieces; where it wraps, the rest keeps the indent."""
        line = self._line(pieces)
        room = min(self.width - indent, count_cells(plain_text(line))) if indent else self.width
        if not indent:
            self._write(wrap_line(line, room))
        elif room > 0:
            margin = [(" " * indent, "")]
            self._write([*margin, *pad_line(part, room, "")] for part in wrap_line(line, room))

    def table(self, table: Table) -> None:
        """Write a table."""
        lines = table.iter_lines(self.width, ascii_only=self.ascii)
        self._write(cut_line(line, self.width) for line in lines)

    def _line(self, pieces: Iterable[Piece]) -> Line:
        return [(self._shown(text), style) for text, style in pieces]

    def _shown(self, text: str) -> str:
        shown = visible(text)
        return shown.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii") if self.ascii else shown

    def _write(self, lines: Iterable[Line]) -> None:
        self._file.write("".join([f"{''.join(map(self._styled, line))}\n" for line in lines]))
        self._file.flush()

    def _styled(self, piece: tuple[str, str]) -> str:
        text, style = piece
        if not (self._colored and style and text):
            return text
        return f"\x1b[{';'.join([_SGR[word] for word in style.split()])}m{text}\x1b[0m"


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
