# SPDX-License-Identifier: GPL-2.0-only
"""Captured text becomes visible: nothing invisible is left, and nothing ordinary is harmed."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.safe_text import CUT_MARK, MAX_TEXT, csv_cell, visible, visible_block


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain Äöü 日本 🙂", "plain Äöü 日本 🙂"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("\x00\x07\x7f\x9b", "\\x00\\x07\\x7f\\x9b"),
        ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("\u202eevil\u2066", "\\u202eevil\\u2066"),
        ("a\u200bb\ufeffc\u00ad", "a\\u200bb\\ufeffc\\xad"),
        ("\u2028\u3164\u2800\ufe0f", "\\u2028\\u3164\\u2800\\ufe0f"),
        ("\U000e0041", "\\U000e0041"),
        (b"\xff\xfeok".decode("utf-8", "surrogateescape"), "\\xff\\xfeok"),
    ],
)
def test_what_cannot_be_seen_is_spelled_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text(st.characters(codec=None), max_size=700))
def test_no_control_survives(text: str) -> None:
    for shown in (visible(text), visible_block(text).replace("\n", "")):
        assert all(unicodedata.category(one) not in {"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"} for one in shown)
        shown.encode("utf-8")


def test_long_text_is_cut_with_a_mark() -> None:
    assert visible("x" * MAX_TEXT) == "x" * MAX_TEXT
    assert visible("x" * (MAX_TEXT + 1)) == "x" * MAX_TEXT + CUT_MARK
    assert len(visible_block("y\n" * 100_000)) < 70_000


def test_blocks_keep_their_lines() -> None:
    assert visible_block("v=0\r\n\ts=\x1b\r\n") == "v=0\n    s=\\x1b\n"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert str(csv_cell(text)).startswith("'")


def test_numbers_stay_numbers_in_cells() -> None:
    assert csv_cell(-3) == -3
    assert csv_cell(None) is None
    assert csv_cell("alice") == "alice"
