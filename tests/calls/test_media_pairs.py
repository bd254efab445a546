# SPDX-License-Identifier: GPL-2.0-only
"""Media of two legs find each other wherever an element put them; where several may be one, nobody is accused."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.calls.media_pairs import MediaPairs, pair_media
from analyzer.model.legs import LegChange
from analyzer.model.outcome import OutcomeValue
from analyzer.rules import dtl_007, kmg_009
from dissectors.grammar.sdp import SessionDescription, parse_sdp
from tests.calls.test_legs import SESSION, two

CRYPTO = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"
KEY_A, KEY_B, KEY_C = (CRYPTO + letter * 40 for letter in "ABC")
PRINT = "a=fingerprint:sha-256 " + ":".join(["AB"] * 32)
AUDIO, VIDEO, TEXT = (f"m={kind} 4000 RTP/SAVP 96" for kind in ("audio", "video", "text"))
HEAD = "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n"


def session(*media: str) -> SessionDescription:
    """A description of these media: lines of each, parted by a bar."""
    return parse_sdp(body(*media))


def body(*media: str) -> bytes:
    return (HEAD + "".join(line.strip() + "\r\n" for each in media for line in each.split("|"))).encode()


def told(found: MediaPairs) -> tuple[list[tuple[int, int]], list[int], list[int], list[int]]:
    pairs = [(one.index, other.index) for one, other in found.pairs]
    return pairs, *([media.index for media in side] for side in found[1:])  # type: ignore[return-value]


def with_(media: str, *attributes: str) -> str:
    return "|".join((media, *attributes))


A, V, T = with_(AUDIO, KEY_A), with_(VIDEO, KEY_B), with_(TEXT, KEY_C)
V2 = with_(VIDEO, KEY_C)
NEW_V, NEW_V2 = (with_(VIDEO, CRYPTO + letter * 40) for letter in "DE")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((A, V), (V, A), ([(0, 1), (1, 0)], [], [], [])),
        ((A, V), (A,), ([(0, 0)], [1], [], [])),
        ((A, V), (V,), ([(1, 0)], [0], [], [])),
        ((A,), (V, A), ([(0, 1)], [], [], [])),
        ((A, V), (VIDEO, AUDIO), ([(0, 1), (1, 0)], [], [], [])),
        ((A, V, V2), (A, V2, V), ([(0, 0), (1, 2), (2, 1)], [], [], [])),
        ((A, V, V2), (A, V2), ([(0, 0), (2, 1)], [1], [], [])),
        ((A, V, V2), (A, NEW_V, NEW_V2), ([(0, 0), (1, 1), (2, 2)], [], [], [])),
        ((V, V2), (VIDEO, VIDEO), ([(0, 0), (1, 1)], [], [], [])),
        ((V, V2), (VIDEO,), ([(0, 0)], [1], [], [])),
        ((V, V2), (V, VIDEO), ([(0, 0), (1, 1)], [], [], [])),
        ((V, VIDEO), (VIDEO, V), ([(0, 1), (1, 0)], [], [], [])),
        ((V, VIDEO), (VIDEO, NEW_V), ([], [], [0, 1], [0, 1])),
        ((V, VIDEO), (VIDEO, VIDEO), ([(0, 0), (1, 1)], [], [], [])),
        ((V, VIDEO), (VIDEO,), ([], [], [0, 1], [0])),
        ((A, V, VIDEO), (NEW_V, AUDIO), ([(0, 1)], [], [1, 2], [0])),
    ],
)
def test_media_are_paired_by_type_key_and_order(
    one: tuple[str, ...],
    other: tuple[str, ...],
    expected: tuple[list[tuple[int, int]], list[int], list[int], list[int]],
) -> None:
    assert told(pair_media(session(*one), session(*other))) == expected


def test_names_pair_where_both_sides_have_the_same() -> None:
    first = session(with_(V, "a=mid:x"), with_(VIDEO, "a=mid:y"))
    assert told(pair_media(first, session(with_(VIDEO, "a=mid:y"), with_(NEW_V, "a=mid:x"))))[0] == [(0, 1), (1, 0)]
    renamed = session(with_(VIDEO, "a=mid:0"), with_(NEW_V, "a=mid:1"))
    assert told(pair_media(first, renamed)) == ([], [], [0, 1], [0, 1])
    counted = session(with_(A, "a=mid:0"), with_(V, "a=mid:1")), session(with_(V, "a=mid:0"), with_(A, "a=mid:1"))
    assert told(pair_media(*counted))[0] == [(0, 1), (1, 0)]  # each side counts by itself


def named(first: str, second: str) -> SessionDescription:
    return session(with_(first, "a=mid:0"), with_(second, "a=mid:1"))


@pytest.mark.parametrize(
    ("here", "there", "pairs", "unclear"),
    [
        (named(V, V2), named(V2, V), [(0, 1), (1, 0)], []),  # by their keys
        (named(V, V2), named(NEW_V, NEW_V2), [(0, 0), (1, 1)], []),
        (named(V, VIDEO), named(VIDEO, V), [(0, 1), (1, 0)], []),
        (named(V, VIDEO), named(NEW_V, VIDEO), [(0, 0), (1, 1)], []),
        (named(V, VIDEO), named(VIDEO, VIDEO), [(0, 0), (1, 1)], []),
        (named(V, VIDEO), named(VIDEO, NEW_V), [], [0, 1]),
    ],
)
def test_names_that_were_given_to_other_media_of_a_type_pair_nothing(
    here: SessionDescription, there: SessionDescription, pairs: list[tuple[int, int]], unclear: list[int]
) -> None:
    found = told(pair_media(here, there))
    assert (found[0], found[2]) == (pairs, unclear)


media_lists = st.lists(
    st.builds(with_, st.sampled_from([AUDIO, VIDEO, TEXT]), st.sampled_from(["a=sendrecv", KEY_A, KEY_B, PRINT])),
    min_size=1, max_size=5,
)  # fmt: skip


@given(media_lists, media_lists)
def test_every_medium_has_one_place_and_both_sides_say_the_same(one: list[str], other: list[str]) -> None:
    mine, theirs = session(*one), session(*other)
    there, back = pair_media(mine, theirs), pair_media(theirs, mine)
    pairs, removed, unclear, unclear_there = told(there)
    assert sorted([*(first for first, _ in pairs), *removed, *unclear]) == list(range(len(one)))
    assert len({second for _, second in pairs} | set(unclear_there)) == len(pairs) + len(unclear_there)
    assert sorted((second, first) for first, second in pairs) == told(back)[0]
    assert (unclear, unclear_there) == told(back)[:1:-1]
    assert all(first.type == second.type for first, second in there.pairs)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_an_order_changes_nothing(order: tuple[int, ...]) -> None:
    media = (A, V, V2)
    incoming, outgoing = two(body(*media), body(*(media[place] for place in order)), SESSION)
    assert outgoing.other_legs[0].offer.differences == incoming.other_legs[0].offer.differences == ()
    for stripped in range(3):
        left = [with_(AUDIO), with_(VIDEO), with_(VIDEO)]
        offers = [left[place] if place == stripped else media[place] for place in order]
        incoming, outgoing = two(body(*media), body(*offers), SESSION)
        found = [each for each in outgoing.other_legs[0].offer.differences if each.change is LegChange.LINES_REMOVED]
        assert [(each.index_there, each.index_here) for each in found] == [(stripped, order.index(stripped))]
        assert kmg_009._check_call(outgoing, ()).value is OutcomeValue.FAIL


@pytest.mark.parametrize(
    ("one", "other", "says"),
    [
        ((A, VIDEO), (VIDEO, A), "pass"),  # by index each would have lost or gained keys
        ((A, VIDEO), (VIDEO, AUDIO), "fail"),
        ((A, V), (V,), "pass"),
        ((V, VIDEO), (VIDEO,), "unknown"),
        ((V, VIDEO), (NEW_V,), "pass"),
        ((V, VIDEO), (VIDEO, NEW_V), "unknown"),
        ((V, VIDEO), (VIDEO, VIDEO), "fail"),
        ((V, V2), (VIDEO,), "fail"),
        ((V, VIDEO), ("m=video 0 RTP/SAVP 96",), "pass"),
    ],
)
def test_nobody_is_accused_where_several_media_may_be_one(
    one: tuple[str, ...], other: tuple[str, ...], says: str
) -> None:
    _, outgoing = two(body(*one), body(*other), SESSION)
    assert kmg_009._check_call(outgoing, ()).value.value == says


def test_a_fingerprint_of_an_unknown_medium_is_not_told() -> None:
    keyed, keyed_anew = with_(VIDEO, PRINT), with_(VIDEO, PRINT.replace("AB", "CD"))
    for other, says in (
        ((keyed,), "pass"),
        ((keyed, VIDEO), "pass"),
        ((keyed_anew, VIDEO), "fail"),
        ((keyed_anew,), "unknown"),
    ):
        _, outgoing = two(body(keyed, VIDEO), body(*other), SESSION)
        assert dtl_007._check_call(outgoing, ()).value.value == says
