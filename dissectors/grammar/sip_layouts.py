# SPDX-License-Identifier: GPL-2.0-only
"""Header sections laid out as earlier ones were: one regular expression reads the fields that tell calls apart.

A program writes the messages of one kind with the same fields in the same order. A layout that was met often enough
gets an expression of its own; what does not fit one of those is split line by line, with the same result.
"""

import re
from typing import NamedTuple

from dissectors.grammar.sip_headers import SectionShape, long_name, split_ordinary_section

WANTED = ("cseq", "from", "to", "call-id", "via", "content-type", "content-length")
WORTH_COMPILING = 16  # sections of one layout: an expression takes as long to compile as dozens to be split
MAX_LAYOUTS = 4  # that are tried for a kind of message
MAX_KINDS = 256
MAX_FIELDS = 64  # of a layout that gets an expression
MAX_COUNTED = 1024  # layouts that wait for their expression; past it all are counted anew
_NEVER = "(?:(?!)())?"  # a group that stands for a field which does not occur
_VALUE, _CAUGHT = r":[^\r\n]*+\r\n", r":([^\r\n]*+)\r\n"

Kind = tuple[str | int | None, bool]  # method or status, and whether there is a body: other kinds, other fields
Values = tuple[str, str, str, str, str, str | None, str | None]


class _Layout(NamedTuple):
    """The expression of a layout, and which of its groups are the wanted fields."""

    pattern: re.Pattern[str]
    groups: tuple[int, ...]
    shape: SectionShape


class Layouts:
    """The layouts met so far, by kind of message; what it remembers is bounded."""

    def __init__(self) -> None:
        self._known: dict[Kind, list[_Layout]] = {}
        self._met: dict[tuple[Kind, tuple[str, ...]], int] = {}

    def read(self, text: str, kind: Kind) -> tuple[Values, SectionShape] | None:
        """The first value of each of `WANTED`, not stripped, and the shape of the section.

        None unless it is one of plain fields, each mandatory one among them, those that stand once not repeated.
        """
        for layout in self._known.get(kind, ()):
            found = layout.pattern.fullmatch(text)
            if found is not None:
                return found.group(*layout.groups), layout.shape  # type: ignore[return-value]  # seven groups
        ordinary = split_ordinary_section(text)
        if ordinary is None or not ordinary.shape.is_plain:
            return None
        if len(ordinary.names) <= MAX_FIELDS:
            self._count(kind, ordinary.names, ordinary.shape)
        return tuple(map(ordinary.value, WANTED)), ordinary.shape  # type: ignore[return-value]  # the mandatory are there

    def _count(self, kind: Kind, names: tuple[str, ...], shape: SectionShape) -> None:
        """One more section of this layout, which may be worth an expression now."""
        met = self._met.get((kind, names), 0) + 1
        if len(self._met) >= MAX_COUNTED:
            self._met.clear()
        self._met[kind, names] = met
        if met == WORTH_COMPILING and (kind in self._known or len(self._known) < MAX_KINDS):
            known = self._known.get(kind, [])
            self._known[kind] = [_compile(names, shape), *known[: MAX_LAYOUTS - 1]]


def _compile(names: tuple[str, ...], shape: SectionShape) -> _Layout:
    caught: dict[str, int] = {}
    lines = [_NEVER]
    for name in names:
        known = long_name(name)
        is_first = known in WANTED and known not in caught
        if is_first:
            caught[known] = len(caught) + 2
        lines.append(re.escape(name) + (_CAUGHT if is_first else _VALUE))
    return _Layout(re.compile("".join(lines)), tuple(caught.get(name, 1) for name in WANTED), shape)
