# SPDX-License-Identifier: GPL-2.0-only
"""A wrong key, a flipped bit, a cut end and exchanged payloads: in every mode each says something of its own."""

import random
from dataclasses import replace
from typing import NamedTuple

import pytest

from analyzer.keying.key_ring import EccsiEntry, IbeEntry, KeyRing, PskEntry, SakkeEntry
from analyzer.keying.mikey_exchanges import check_mode_responses, open_mode_message
from analyzer.keying.mikey_messages import OpenedMikey, check_responses, open_initiator_message
from analyzer.keying.sakke import CURVE
from analyzer.model.call import Side
from analyzer.model.evidence import FrameRef
from analyzer.model.keying import MacState, MikeyEvidence
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.mikey import Ibake, Opaque, parse_mikey
from dissectors.grammar.secret import Secret
from pcaps import calls as pcaps_calls
from pcaps.ibake_exchange import IbakeExchange
from pcaps.mode_exchanges import SakkeExchange
from tests.grammar.mikey.test_mikey_mutation import mutated
from tests.keying import mikey_builders as made
from tests.keying.mikey_builders import ALICE, BOB, rsa_key
from tests.keying.mikey_vectors import V1
from tests.keying.test_mikey_exchanges import PSK, RING, modes
from tests.keying.ticket_builders import TPK, D, F, H, transfer_init, transfer_response

V1_KEY = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
TICKET_FLAGS = D | F | H
KMS = "sip:kms@example.com"


def exchanges() -> dict[str, tuple[bytes, bytes]]:
    first = transfer_init(TICKET_FLAGS)
    others = {
        "PSK": (bytes.fromhex(V1["I"]), bytes.fromhex(V1["R"])),
        "TICKET": (first, transfer_response(first, TICKET_FLAGS)),
    }
    return modes() | others


def psk(*keys: tuple[bytes, str]) -> tuple[PskEntry, ...]:
    return tuple(PskEntry(Secret(key), name, 1) for key, name in keys)


RIGHT = replace(RING, psk=psk((PSK, ALICE), (V1_KEY, ALICE), (TPK, KMS)))
IMPOSTOR = rsa_key("impostor")
WRONG = replace(
    made.ring(private=[rsa_key("impostor")], certificates=[made.certify(IMPOSTOR, uri) for uri in (ALICE, BOB)]),
    psk=psk((b"another key of 16", ALICE), (b"another ticket key", KMS)),
)
MODES = ["PSK", "PKE", "DH", "DHHMAC", "RSA-R", "TICKET"]


class Said(NamedTuple):
    """What is said of an offer: its state, why, and which defects it has that a good one has not."""

    verified: bool | None
    how: str
    codes: frozenset[str]


def evidence(octets: bytes, side: Side) -> MikeyEvidence:
    parsed = parse_mikey(octets)
    unread = MacState(None, "no key in the ring fits")
    return MikeyEvidence(
        FrameRef(0, 1), "media", 1, side, "mikey", octets, parsed, unread, bound_key=False, defects=parsed.defects
    )


def exchange(first: bytes, second: bytes, ring: KeyRing) -> tuple[OpenedMikey, MikeyEvidence]:
    offer, answer = evidence(first, Side.OFFERER), evidence(second, Side.ANSWERER)
    if parse_mikey(first).header.data_type == 0:
        opened = open_initiator_message(offer, ring.psk, (ALICE, BOB))
    else:
        opened = open_mode_message(offer, ring, ALICE, BOB, None)
    (opened,), (checked,) = check_responses([opened], [answer], ring.psk, (ALICE, BOB))
    (opened,), (checked,) = check_mode_responses([opened], [checked], ring, (ALICE, BOB), [None])
    return opened, checked


def said(first: bytes, second: bytes, ring: KeyRing = RIGHT) -> Said:
    opened, _ = exchange(first, second, ring)
    return Said(
        opened.evidence.mac.verified, opened.evidence.mac.how, frozenset(d.code for d in opened.evidence.defects)
    )


def flipped(octets: bytes) -> bytes:
    """One bit of the first SSRC in the map, on which neither a key nor an identity depends."""
    place = 16 if octets[9] else 12
    return octets[:place] + bytes((octets[place] ^ 1,)) + octets[place + 1 :]


def reordered(octets: bytes) -> bytes:
    """T and the payload behind it change places, each naming what now follows."""
    message = parse_mikey(octets)
    first, second, third = message.payloads[:3]
    head = replace(message.header, next_payload=second.payload_type).build()
    swapped = (
        replace(second, next_payload=first.payload_type).build()
        + replace(first, next_payload=third.payload_type).build()
    )
    return head + swapped + octets[third.offset :]


@pytest.mark.parametrize("mode", MODES)
def test_each_fault_says_something_of_its_own(mode: str) -> None:
    first, second = exchanges()[mode]
    clean = said(first, second)
    assert clean.verified is True
    faults = {
        "wrong key": said(first, second, WRONG),
        "flipped bit": said(flipped(first), second),
        "truncated": said(first[:-7], second),
        "reordered": said(reordered(first), second),
    }
    assert len({clean, *faults.values()}) == 5, faults
    assert faults["wrong key"].verified is not True
    assert faults["flipped bit"].verified is False
    assert "altered" in faults["flipped bit"].how
    assert "payload-truncated" in faults["truncated"].codes
    assert faults["truncated"].verified is not True
    assert faults["reordered"].verified is False
    assert "payload-order" in faults["reordered"].codes
    assert not clean.codes & {"payload-truncated", "payload-order"}


@pytest.mark.parametrize("mode", MODES)
def test_every_place_of_a_cut_is_named(mode: str) -> None:
    first, _ = exchanges()[mode]
    for end in range(10, len(first)):
        message = parse_mikey(first[:end])
        codes = {defect.code for defect in message.defects}
        if mode == "DHHMAC" and end == len(first) - 20:  # without its MAC it is one that RFC 4650 numbers so
            assert codes == {"kemac-numbered-by-rfc4650"}
            continue
        assert codes & {"payload-truncated", "cs-id-map-truncated"} or message.find(Opaque), end


@pytest.mark.parametrize("mode", MODES)
def test_mutated_messages_of_a_mode_raise_nothing_when_they_are_opened(mode: str) -> None:
    generator = random.Random(f"opened {mode}")
    first, second = exchanges()[mode]
    for _ in range(60):
        pair = generator.choice([(mutated(generator, first), second), (first, mutated(generator, second))])
        try:
            exchange(*pair, RIGHT)
        except GrammarError:
            continue


def identity_ring(mode: str, *, right: bool) -> KeyRing:
    """The keys of the samples' identities, or those of another name."""
    name = f"mikey_{mode.lower()}" if right else "another"
    if mode == "IBAKE":
        service = IbakeExchange(name).service
        key = service.private_key(pcaps_calls.BOB if right else pcaps_calls.ALICE)
        return KeyRing(ibe=(IbeEntry(service.block, key, pcaps_calls.BOB.uri, 1),))
    keys = SakkeExchange(name)
    points = (Secret(CURVE.write_point(point)) for point in (keys.receiver_key, keys.kms_public_key))
    return KeyRing(
        sakke=(SakkeEntry(*points, pcaps_calls.BOB.uri, None, 1),),
        eccsi=(EccsiEntry(keys.authentication_key, None, None, 1),),
    )


def told(octets: bytes, ring: KeyRing) -> tuple[object, ...]:
    """State, reason, defects and facts of one initiator's message."""
    parties = pcaps_calls.ALICE.uri, pcaps_calls.BOB.uri
    opened = open_mode_message(evidence(octets, Side.OFFERER), ring, *parties, None)
    mac = opened.evidence.mac
    codes = frozenset(defect.code for defect in opened.evidence.defects)
    steps = () if opened.opening is None else opened.opening.steps  # type: ignore[union-attr]
    return mac.verified, mac.how, codes, steps, bool(opened.keys)


@pytest.mark.parametrize(("mode", "lost"), [("SAKKE", 200), ("IBAKE", 160)])
def test_each_fault_of_the_identity_based_modes_says_something_of_its_own(mode: str, lost: int) -> None:
    first = {"SAKKE": SakkeExchange, "IBAKE": IbakeExchange}[mode](f"mikey_{mode.lower()}").offer()
    damaged = flipped(first)
    if mode == "IBAKE":  # nothing in its first message covers the map; an altered payload stays shut
        place = (parse_mikey(first).find(Ibake) or Ibake(b"")).offset + 100
        damaged = first[:place] + bytes((first[place] ^ 1,)) + first[place + 1 :]
    right = identity_ring(mode, right=True)
    faults = {
        "none": told(first, right),
        "no key": told(first, KeyRing()),
        "wrong key": told(first, identity_ring(mode, right=False)),
        "flipped bit": told(damaged, right),
        "truncated": told(first[:-lost], right),
        "reordered": told(reordered(first), right),
    }
    assert len(set(faults.values())) == len(faults), faults
    assert all(verified is not True for verified, *_ in (faults[name] for name in faults if name != "none"))
    assert "payload-truncated" in faults["truncated"][2]  # type: ignore[operator]
    assert "payload-order" in faults["reordered"][2]  # type: ignore[operator]
