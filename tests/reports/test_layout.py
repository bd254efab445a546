# SPDX-License-Identifier: GPL-2.0-only
"""Lines and tables are set as Rich sets them, octet by octet: wrapping, wide characters, narrow pages, styles."""

import io
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from reports.pen import Pen
from reports.safe_text import visible
from reports.table import Cell, Column, Table
from reports.wrapping import count_cells

STYLES = ("", "bold", "dim", "red", "bold red", "yellow", "bold magenta", "default", "green")
# Letters, spaces, punctuation, wide characters and what Rich and we show as it is; marks are in a test of their own.
TEXTS = st.text(st.sampled_from("abcdefgh  ,:/@→·…漢字한é🙂"), max_size=70)
WORDS = st.text(st.sampled_from("abc漢é"), min_size=1, max_size=30)
TITLES = st.text(st.sampled_from("abc é"), min_size=1, max_size=8)
NARROW = st.text(st.sampled_from("abcdefgh  ,:/@→·…é"), max_size=70)  # Rich leaves blanks behind wide words to the cut
PIECES = st.lists(st.tuples(TEXTS, st.sampled_from(STYLES)), max_size=4)


def as_rich(width: int, *printed: Any) -> str:
    file = io.StringIO()
    console = Console(
        file=file, width=width, force_terminal=True, color_system="standard", highlight=False, markup=False, emoji=False
    )
    for each in printed:
        console.print(each)
    return file.getvalue()


def rich_text(pieces: list[tuple[str, str]]) -> Text:
    text = Text()
    for own, style in pieces:
        text.append_text(Text(own, style=style))
    return text


def pen_on(width: int) -> tuple[io.StringIO, Pen]:
    file = io.StringIO()
    return file, Pen(file, width, colored=True)


@given(PIECES, st.integers(2, 60), st.sampled_from([0, 0, 2, 4, 8, 12]))
def test_lines_wrap_as_rich_wraps_them(pieces: list[tuple[str, str]], width: int, indent: int) -> None:
    assume(width - indent != 1)  # where a wide character has no place, nothing is as it should be
    file, pen = pen_on(width)
    pen.line(*pieces, indent=indent)
    text = rich_text(pieces)
    assert file.getvalue() == as_rich(width, Padding(text, (0, 0, 0, indent), expand=False) if indent else text)


@given(
    st.lists(st.tuples(WORDS, st.booleans(), st.integers(1, 20)), min_size=2, max_size=6),
    st.lists(st.lists(st.tuples(TEXTS, st.sampled_from(STYLES)), min_size=6, max_size=6), max_size=4),
    st.integers(20, 90),
    st.sampled_from(["", "…"]),
)
def test_ruled_tables_of_given_widths_are_those_of_rich(
    titles: list[tuple[str, bool, int]], rows: list[list[tuple[str, str]]], width: int, mark: str
) -> None:
    file, pen = pen_on(width)
    ours = Table([Column(title, right, own, wraps=False, mark=mark) for title, right, own in titles], "dim")
    theirs = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0))
    for title, right, own in titles:
        theirs.add_column(
            title,
            justify="right" if right else "left",
            no_wrap=True,
            overflow="ellipsis" if mark else "crop",
            width=own,
        )
    for row in rows:
        cells = [(text.replace("…", "\n"), style) for text, style in row[: len(titles)]]
        ours.rows.append([pen.text(text, style) for text, style in cells])
        theirs.add_row(*(Text(text, style=style) for text, style in cells))
    pen.table(ours)
    assert file.getvalue() == as_rich(width, theirs)


@given(
    st.lists(st.tuples(TITLES, st.booleans(), st.booleans()), min_size=2, max_size=5),
    st.lists(
        st.lists(st.lists(st.tuples(NARROW, st.sampled_from(STYLES)), max_size=4), min_size=5, max_size=5), max_size=4
    ),
    st.integers(50, 120),  # every column keeps some room
    st.booleans(),
    st.booleans(),
)
def test_tables_as_wide_as_what_they_hold_are_those_of_rich(
    titles: list[tuple[str, bool, bool]],
    rows: list[list[list[tuple[str, str]]]],
    width: int,
    folds: bool,
    edged: bool,
) -> None:
    file, pen = pen_on(width)
    ours = Table(
        [Column(title, right, None, wraps, folds) for title, right, wraps in titles], "bold", "A title", edged=edged
    )
    theirs = RichTable(title="A title", title_justify="left", title_style="bold", box=None, pad_edge=edged)
    for title, right, wraps in titles:
        theirs.add_column(
            title, justify="right" if right else "left", no_wrap=not wraps, overflow="fold" if folds else "ellipsis"
        )
    for row in rows:
        ours.rows.append([pen.cell(*pieces) for pieces in row[: len(titles)]])
        theirs.add_row(*map(rich_text, row[: len(titles)]))
    pen.table(ours)
    assert file.getvalue() == as_rich(width, theirs)


def test_cells_of_several_styles_keep_them() -> None:
    file, pen = pen_on(40)
    table = Table([Column("One", width=12, wraps=False), Column("Two", width=6, wraps=False)], "dim")
    table.rows.append(
        [Cell([*pen.text("first", "red").lines, *pen.text("second", "dim").lines]), pen.text("x", "bold")]
    )
    pen.table(table)
    theirs = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0))
    theirs.add_column("One", width=12, no_wrap=True)
    theirs.add_column("Two", width=6, no_wrap=True)
    theirs.add_row(Text("\n").join([Text("first", "red"), Text("second", "dim")]), Text("x", "bold"))
    assert file.getvalue() == as_rich(40, theirs)


@given(st.text(st.characters(max_codepoint=0x2FFFF, exclude_categories=("Cs", "Cn")), max_size=8))
def test_cells_are_counted_as_rich_counts_them(text: str) -> None:
    shown = "".join(character for character in visible(text) if ord(character) not in NEWLY_WIDE)
    assert count_cells(shown) == cell_len(shown)


# Narrow in the Unicode data of some versions of Python, wide since Unicode 16.
NEWLY_WIDE = {
    *range(0x2630, 0x2638),
    *range(0x268A, 0x2690),
    *range(0x4DC0, 0x4E00),
    *range(0x1D300, 0x1D357),
    *range(0x1D360, 0x1D377),
}
