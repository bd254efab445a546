# SPDX-License-Identifier: GPL-2.0-only
"""SSRCs that a session description names: in `a=ssrc`, and in the crypto session maps of its MIKEY messages."""

from collections.abc import Iterator

from analyzer.model.call import MediaSide
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.key_mgmt import parse_key_mgmt
from dissectors.grammar.mikey import parse_mikey

SESSIONS_PER_LINE = 2  # each media line has a crypto session each way (RFC 4567 §7.1)


def stated_ssrcs(side: MediaSide) -> frozenset[int]:
    """The SSRCs of `a=ssrc` (RFC 5576 §4.1)."""
    if b"a=ssrc" not in side.body.session.raw:
        return frozenset()
    words = (value.split(" ", 1)[0] for value in side.media.attribute_values("ssrc"))
    return frozenset(int(word) for word in words if word.isascii() and word.isdigit() and len(word) <= 10)


def mapped_ssrcs(side: MediaSide) -> frozenset[int]:
    """The SSRCs, of both senders, that MIKEY messages map to this line (RFC 3830 §6.1.1); one of 0 names none."""
    if b"key-mgmt" not in side.body.session.raw:
        return frozenset()
    found = set(_mapped(side.media.attribute_values("key-mgmt"), None))
    found.update(_mapped(side.body.session.attribute_values("key-mgmt"), side.media.index))
    return frozenset(found - {0})


def _mapped(values: tuple[str, ...], index: int | None) -> Iterator[int]:
    for value in values:
        try:
            data = parse_key_mgmt(value).data
            sessions = parse_mikey(data).header.crypto_sessions if data is not None else ()
        except GrammarError:
            continue
        for session in sessions:
            if index is None or (session.cs_id - 1) // SESSIONS_PER_LINE == index:
                yield session.ssrc
