# SPDX-License-Identifier: GPL-2.0-only
"""A header section read by the expression of its layout says what it says line by line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissectors.grammar import sip_layouts
from dissectors.grammar.sip_headers import SectionShape
from dissectors.grammar.sip_layouts import MAX_COUNTED, MAX_KINDS, MAX_LAYOUTS, WORTH_COMPILING, Kind, Layouts, Values
from tests.grammar.test_quick_ways import MESSAGE, mutate

SECTION = MESSAGE[MESSAGE.index(b"\n") + 1 : MESSAGE.index(b"\r\n\r\n") + 2]
WITHOUT_BODY = SECTION[: SECTION.index(b"Content-Type")]
INVITE: Kind = ("INVITE", True)


def read(layouts: Layouts, section: bytes, kind: Kind = INVITE) -> tuple[Values, SectionShape] | None:
    return layouts.read(section.decode("utf-8", "backslashreplace"), kind)


def taught(*sections: bytes, kind: Kind = INVITE) -> Layouts:
    layouts = Layouts()
    for section in sections:
        for _ in range(WORTH_COMPILING):
            read(layouts, section, kind)
    return layouts


TAUGHT = taught(SECTION, WITHOUT_BODY)


@given(st.sampled_from((SECTION, WITHOUT_BODY)), st.integers(0, 2**32))
@settings(max_examples=1500)
def test_both_ways_say_the_same(section: bytes, seed: int) -> None:
    section = mutate(section, seed)
    assert read(TAUGHT, section) == read(Layouts(), section)


def test_what_came_often_is_split_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    layouts, split = taught(SECTION), []
    monkeypatch.setattr(sip_layouts, "split_ordinary_section", split.append)
    assert read(layouts, SECTION.replace(b"tag=1", b"tag=2")) is not None
    assert not split
    read(layouts, WITHOUT_BODY)
    assert len(split) == 1


def test_what_is_remembered_is_bounded() -> None:
    layouts = taught(*(SECTION + b"X-%d: a\r\n" % number for number in range(MAX_LAYOUTS + 2)))
    assert len(layouts._known[INVITE]) == MAX_LAYOUTS
    for number in range(MAX_KINDS + 2):
        for _ in range(WORTH_COMPILING):
            read(layouts, SECTION, (f"M{number}", False))
    assert len(layouts._known) == MAX_KINDS
    for number in range(MAX_COUNTED + 2):
        read(layouts, SECTION + b"Y-%d: a\r\n" % number)
    assert len(layouts._met) <= MAX_COUNTED
    assert read(layouts, SECTION) == read(Layouts(), SECTION)
