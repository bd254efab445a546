# SPDX-License-Identifier: GPL-2.0-only
"""Captured text made safe to look at: nothing invisible, nothing that steers a terminal or reorders a line."""

import re

MAX_TEXT = 512
CUT_MARK = "…[cut]"
SPREADSHEET_TRIGGERS = ("=", "+", "-", "@", "\t", "\r")

# Printable by category, yet without a mark of their own: fillers, joiners, variation selectors, the blank of Braille.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# How Python's surrogateescape keeps an octet that is not UTF-8.
_ESCAPED_OCTET = range(0xDC80, 0xDD00)
_SPACES = (" ", "\u00a0", "\u202f")


class VisibleText(str):
    """Text that went through `visible` or `visible_block`, or that this program wrote itself."""

    __slots__ = ()


def _escape(character: str) -> str:
    if character in _SPACES or (character.isprintable() and not _INVISIBLE.fullmatch(character)):
        return character
    code = ord(character)
    if code in _ESCAPED_OCTET:
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x100:
        return {"\t": "\\t", "\n": "\\n", "\r": "\\r"}.get(character, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def visible(text: str, limit: int = MAX_TEXT) -> VisibleText:
    """One line of text with every invisible character as a visible escape.

    C0, C1, DEL, bidirectional controls, zero-width and unassigned characters, line separators and octets that were
    not UTF-8 become `\\xNN`, `\\uNNNN` or `\\UNNNNNNNN`. Longer than `limit` characters: cut, with a mark.
    """
    if isinstance(text, VisibleText) and len(text) <= limit:
        return text
    cut = text[:limit]
    if not (cut.isprintable() and (cut.isascii() or not _INVISIBLE.search(cut))):
        cut = "".join(map(_escape, cut))
    return VisibleText(cut + CUT_MARK if len(text) > limit else cut)


def visible_block(text: str, limit: int = 64 * MAX_TEXT) -> VisibleText:
    """Like `visible` for text of several lines: line ends and indentation stay."""
    lines = text[:limit].replace("\r\n", "\n").expandtabs(4).split("\n")
    block = "\n".join(visible(line, limit) for line in lines)
    return VisibleText(f"{block}\n{CUT_MARK}" if len(text) > limit else block)


def csv_cell(value: str | int | float | None) -> str | int | float | None:
    """A cell no spreadsheet takes for a formula; numbers stay numbers, absent stays absent."""
    if not isinstance(value, str):
        return value
    text = str(visible(value))
    return f"'{text}" if value.startswith(SPREADSHEET_TRIGGERS) else text
