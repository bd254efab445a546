# SPDX-License-Identifier: GPL-2.0-only
"""Lines of styled text, measured in the cells of a terminal: cut, padded and wrapped."""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

Piece = tuple[str, str]  # text without line ends, and its style
Line = list[Piece]

_WORD = re.compile(r"\s*\S+\s*")
_WIDTHLESS = frozenset(("Mn", "Mc", "Me", "Cf"))  # marks on the character before
# Vowels and finals of Hangul syllables and skin tones, which change the character before them.
_JOINED = (range(0x1160, 0x1200), range(0xD7B0, 0xD800), range(0x1F3FB, 0x1F400))


def count_cells(text: str) -> int:
    """How many cells a text takes that has no control characters."""
    return len(text) if text.isascii() else sum(map(_cells_of, text))


@lru_cache(maxsize=4096)
def _cells_of(character: str) -> int:
    code = ord(character)
    if unicodedata.category(character) in _WIDTHLESS or any(code in joined for joined in _JOINED):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def plain_text(line: Line) -> str:
    """What a line says."""
    return "".join([text for text, _ in line])


def cut_line(line: Line, room: int, mark: str = "") -> Line:
    """The line as far as it fits into `room` cells, ending in `mark` where that is not all of it."""
    text = plain_text(line)
    if count_cells(text) <= room:
        return line
    kept = _cut_text(text, room - len(mark)) + mark
    cut, at = [], 0
    for own, style in line:
        if part := kept[at : at + len(own)]:
            cut.append((part, style))
        at += len(own)
    return cut


def pad_line(line: Line, room: int, style: str, *, right: bool = False) -> Line:
    """The line filled with spaces up to `room` cells; to the right of the spaces with `right`."""
    left = room - count_cells(plain_text(line))
    if left <= 0:
        return line
    spaces = " " * left
    if right:
        joins = bool(line) and line[0][1] == style
        return [(spaces + line[0][0], style), *line[1:]] if joins else [(spaces, style), *line]
    joins = bool(line) and line[-1][1] == style
    return [*line[:-1], (line[-1][0] + spaces, style)] if joins else [*line, (spaces, style)]


def strip_line(line: Line, limit: int | None = None) -> Line:
    """The line without spaces at its end, or without `limit` of them at most."""
    text = plain_text(line)
    spaces = len(text) - len(text.rstrip())
    return _slice(line, 0, len(text) - (spaces if limit is None else min(spaces, max(0, limit))))


def wrap_line(line: Line, room: int, *, fold: bool = True) -> Iterator[Line]:
    """The line between words, in lines of `room` cells; without `fold`, a word that is longer sticks out."""
    text = plain_text(line)
    if count_cells(text) <= room:
        yield line
        return
    for start, stop in pairwise((0, *_breaks(text, room, fold), len(text))):
        part = _slice(line, start, stop)
        stripped = strip_line(part, count_cells(text[start:stop]) - room)
        yield cut_line(stripped, room) if fold else stripped  # one character may be wider than the room


def _slice(line: Line, start: int, stop: int) -> Line:
    parts, at = [], 0
    for text, style in line:
        if part := text[max(0, start - at) : max(0, stop - at)]:
            parts.append((part, style))
        at += len(text)
    return parts


def _cut_text(text: str, room: int) -> str:
    """As much as fits; a space for half of a wide character."""
    if room <= 0:
        return ""
    taken = 0
    for at, character in enumerate(text):
        cells = _cells_of(character)
        if taken + cells > room:
            return text[:at] + " " * (room - taken)
        taken += cells
    return text


def _breaks(text: str, room: int, fold: bool) -> Iterator[int]:
    """Where lines begin."""
    taken = 0
    for match in _WORD.finditer(text):
        word, start = match.group(), match.start()
        cells = count_cells(word.rstrip())
        if cells <= room - taken:
            taken += count_cells(word)
        elif cells > room:
            if start:
                yield start
            *whole, rest = _fold(word, room) if fold else [word]
            for part in whole:
                start += len(part)
                yield start
            taken = count_cells(rest)
        elif taken and start:
            yield start
            taken = count_cells(word)


def _fold(word: str, room: int) -> list[str]:
    parts, taken = [""], 0
    for character in word:
        cells = _cells_of(character)
        if taken + cells > room:
            parts.append("")
            taken = 0
        parts[-1] += character
        taken += cells
    return parts
