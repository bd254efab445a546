# SPDX-License-Identifier: GPL-2.0-only
"""Tables of styled text, no wider than what they are printed on."""

from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import NamedTuple

from dissectors.grammar.late_dataclass import dataclass
from reports.wrapping import Line, count_cells, cut_line, pad_line, plain_text, strip_line, wrap_line

WIDEST = 1 << 30


class Column(NamedTuple):
    """How one column is set; it is as wide as its longest cell where no `width` is given."""

    title: str
    right: bool = False
    width: int | None = None
    wraps: bool = True
    folds: bool = False  # words that are wider than the column, instead of cutting them
    mark: str = "…"  # where a cell is cut


class Cell(NamedTuple):
    """Lines, and the style of the space beside them."""

    lines: Sequence[Line]
    style: str = ""

    @property
    def cells(self) -> int:
        """How wide it is, uncut."""
        return max(count_cells(plain_text(line)) for line in self.lines)


@dataclass(slots=True)
class Table:
    """Rows of cells under the titles of their columns; one with a title of its own has no rule under those.

    With `edged` there is a blank at its left and right, too.
    """

    columns: Sequence[Column]
    title_style: str  # of the columns
    title: str | None = None
    edged: bool = False
    rows: list[Sequence[Cell]] = field(default_factory=list)

    @property
    def ruled(self) -> bool:
        """Whether a rule parts the titles from the rows."""
        return self.title is None

    def iter_lines(self, room: int, *, ascii_only: bool) -> Iterator[Line]:
        """The lines of the table on a page with so much room."""
        titles = [Cell([[(column.title, self.title_style)]], self.title_style) for column in self.columns]
        dividers = len(self.columns) - 1 if self.ruled else 0
        widths = self._fit([titles, *self.rows], room - dividers)
        divider = ("|" if ascii_only else " ") if self.ruled else ""
        if self.title is not None:
            title_style = "bold"
            for part in wrap_line([(self.title, title_style)], sum(widths)):
                yield pad_line(part, sum(widths), title_style)
        yield from self._iter_row(titles, widths, divider, is_title=True)
        if self.ruled:
            dash, joint = "-+" if ascii_only else "──"
            yield [(joint.join(dash * width for width in widths), "")]
        for row in self.rows:
            yield from self._iter_row(row, widths, divider)

    def _margins(self, index: int) -> tuple[int, int]:
        """Blank cells before and behind the text of a column, which belong to its width."""
        before, behind = (self.edged or index > 0) and not self.ruled, self.edged or index < len(self.columns) - 1
        return int(before), int(behind)

    def _fit(self, rows: Sequence[Sequence[Cell]], room: int) -> list[int]:
        """The widths of the columns, margins included; the widest of those that wrap shrink first."""
        widths = [
            sum(self._margins(index))
            + (max(row[index].cells for row in rows) if column.width is None else column.width)
            for index, column in enumerate(self.columns)
        ]
        widths = [min(width, room) or 1 for width in widths]
        if sum(widths) <= room:
            return widths
        shrunk = _shrink_widest(widths, [column.wraps and column.width is None for column in self.columns], room)
        if sum(shrunk) > room:
            shrunk = _take(sum(shrunk) - room, shrunk, shrunk)
        return [max(0, min(width, left)) for width, left in zip(widths, shrunk, strict=True)]

    def _iter_row(
        self, row: Sequence[Cell], widths: Sequence[int], divider: str, *, is_title: bool = False
    ) -> Iterator[Line]:
        styles = [cell.style if is_title else "" for cell in row]
        blocks = [self._set(index, cell, widths[index], is_title) for index, cell in enumerate(row)]
        height = max(map(len, blocks))
        for index, block in enumerate(blocks):
            blanks = [pad_line([], widths[index], styles[index])] * (height - len(block))
            blocks[index] = [*blanks, *block] if is_title else [*block, *blanks]
        for parts in zip(*blocks, strict=True):
            line = list(parts[0])
            for part in parts[1:]:
                line += [(divider, ""), *part] if divider else part
            yield line

    def _set(self, index: int, cell: Cell, width: int, is_title: bool) -> list[Line]:
        """The lines of one cell, each as wide as the column."""
        column, (before, behind) = self.columns[index], self._margins(index)
        room = width - before - behind
        if room < 1:
            return []
        style = cell.style if is_title else ""
        found = []
        for line in cell.lines:
            for part in wrap_line(line, room, fold=column.folds) if column.wraps else [line]:
                cut = cut_line(strip_line(part) if column.right else part, room, "" if column.folds else column.mark)
                padded = pad_line(cut, room, cell.style, right=column.right)
                found.append([*pad_line([], before, style), *padded, *pad_line([], behind, style)])
        return found


def _shrink_widest(widths: Sequence[int], wrapping: Sequence[bool], room: int) -> list[int]:
    """Make the widest of the columns that wrap as narrow as the next ones, as often as it takes."""
    shrunk = list(widths)
    while (excess := sum(shrunk) - room) > 0:
        able = [width if wraps else 0 for width, wraps in zip(shrunk, wrapping, strict=True)]
        widest = max(able)
        step = widest - max((width for width in able if width != widest), default=0)
        if not step or not widest:
            break
        most = [min(excess, step) if width == widest else 0 for width in able]
        shrunk = _take(excess, most, shrunk)
    return shrunk


def _take(excess: int, most: Sequence[int], widths: Sequence[int]) -> list[int]:
    """Take `excess` cells evenly from the columns that may lose some, and from each no more than it may lose."""
    left, sharers = excess, sum(1 for limit in most if limit)
    result = []
    for limit, width in zip(most, widths, strict=True):
        share = min(limit, round(left / sharers)) if limit else 0
        result.append(width - share)
        left -= share
        sharers -= bool(limit)
    return result
