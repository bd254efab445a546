# SPDX-License-Identifier: GPL-2.0-only
"""A wrong key, a flipped bit, a cut end and exchanged payloads: in every mode each says something of its own."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import pytest

from analyzer.keying.key_ring import EccsiEntry, IbeEntry, KeyRing, PskEntry, SakkeEntry
from analyzer.keying.mikey_books import MikeyBooks
from analyzer.keying.mikey_exchanges import open_mode_message
from analyzer.keying.mikey_messages import OpenedMikey
from analyzer.keying.mikey_opener import MikeyOpener
from analyzer.keying.sakke import CURVE
from analyzer.model.call import Side
from analyzer.model.evidence import FrameRef
from analyzer.model.keying import MacState, MikeyEvidence
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.mikey import Ibake, Identity, IdentityWithRole, Opaque, Payload, Timestamp, parse_mikey
from dissectors.grammar.mikey.registries import payload_name
from dissectors.grammar.secret import Secret
from pcaps import calls as pcaps_calls
from pcaps.ibake_exchange import IbakeExchange
from pcaps.mode_exchanges import SakkeExchange
from tests.grammar.mikey.test_mikey_mutation import mutated
from tests.keying import mikey_builders as made
from tests.keying import ticket_builders as kms
from tests.keying.mikey_builders import ALICE, BOB, rsa_key
from tests.keying.mikey_vectors import V1
from tests.keying.test_kms_requests import RING as KMS_RING
from tests.keying.test_kms_requests import request as kms_request
from tests.keying.test_kms_requests import response as kms_response
from tests.keying.test_mikey_exchanges import PSK, RING, modes
from tests.keying.ticket_builders import TPK, D, F, H, ticket, transfer_init, transfer_response

V1_KEY = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
TICKET_FLAGS = D | F | H
KMS = "sip:kms@example.com"
KMS_PSK = b"what a user and the KMS share"
GIVEN = ticket(key=b"known to the KMS alone")
PARTIES = (ALICE, BOB)


def exchanges() -> dict[str, tuple[bytes, bytes]]:
    """Message and answer of each mode in which both verify by themselves."""
    first = transfer_init(TICKET_FLAGS)
    asked, resolved, private = kms.request(KMS_PSK), kms.resolve(KMS_PSK, GIVEN), kms.key_request(KMS_PSK)
    others = {
        "PSK": (bytes.fromhex(V1["I"]), bytes.fromhex(V1["R"])),
        "TICKET": (first, transfer_response(first, TICKET_FLAGS)),
        "REQUEST_INIT_PSK": (asked, kms.request_response(asked, KMS_PSK, GIVEN)),
        "RESOLVE_INIT_PSK": (resolved, kms.resolve_response(resolved, KMS_PSK)),
        "REQUEST_KEY_PSK": (private, kms.key_response(KMS_PSK)),
    }
    signed = {name: kms_request(kind) for name, kind in SIGNED_REQUESTS.items()}
    by_kind = {name: (octets, kms_response(SIGNED_REQUESTS[name], octets)) for name, octets in signed.items()}
    return modes() | others | by_kind


def psk(*keys: tuple[bytes, str]) -> tuple[PskEntry, ...]:
    return tuple(PskEntry(Secret(key), name, 1) for key, name in keys)


SIGNED_REQUESTS = {"REQUEST_INIT_PK": 12, "RESOLVE_INIT_PK": 17, "REQUEST_KEY_PKE": 20}
RIGHT = replace(
    RING,
    private_key=RING.private_key + KMS_RING.private_key,
    certificate=RING.certificate + KMS_RING.certificate,
    psk=psk((PSK, ALICE), (V1_KEY, ALICE), (KMS_PSK, ALICE), (TPK, KMS), (KMS_PSK, BOB)),
)
IMPOSTOR = rsa_key("impostor")
WRONG = replace(
    made.ring(private=[rsa_key("impostor")], certificates=[made.certify(IMPOSTOR, uri) for uri in (ALICE, BOB)]),
    psk=psk((b"another key of 16", ALICE), (b"another key of 16", BOB), (b"another ticket key", KMS)),
)
MODES = ["PSK", "PKE", "DH", "DHHMAC", "RSA-R", "TICKET"]
EXCHANGES = [*MODES, "REQUEST_INIT_PSK", "RESOLVE_INIT_PSK", "REQUEST_KEY_PSK", *SIGNED_REQUESTS]


class Said(NamedTuple):
    """What is said of a message: its state, why, and its defects."""

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
    opener = MikeyOpener(ring, MikeyBooks())
    opened = opener.open("call", evidence(first, Side.OFFERER), PARTIES)
    (opened,), (checked,) = opener.check_answers("call", [opened], [evidence(second, Side.ANSWERER)], PARTIES)
    return opened, checked


def said(first: bytes, second: bytes, ring: KeyRing = RIGHT) -> tuple[Said, Said]:
    opened, checked = exchange(first, second, ring)
    return _said(opened.evidence), _said(checked)


def _said(one: MikeyEvidence) -> Said:
    return Said(one.mac.verified, one.mac.how, frozenset(defect.code for defect in one.defects))


def flipped(octets: bytes) -> bytes:
    """One bit of the first SSRC in the map, on which neither a key nor an identity depends."""
    place = 16 if octets[9] else 12
    return octets[:place] + bytes((octets[place] ^ 1,)) + octets[place + 1 :]


def reordered(octets: bytes) -> bytes:
    """T and the payload behind it change places, each naming what now follows."""
    message = parse_mikey(octets)
    first, second, *rest = message.payloads
    head = replace(message.header, next_payload=second.payload_type).build()
    last = replace(first, next_payload=rest[0].payload_type if rest else 0).build()
    swapped = replace(second, next_payload=first.payload_type).build() + last
    return head + swapped + (octets[rest[0].offset :] if rest else b"")


FAULTS: dict[str, Callable[[bytes], bytes]] = {
    "flipped bit": flipped,
    "truncated": lambda octets: octets[:-7],
    "reordered": reordered,
}


def cut_name(octets: bytes) -> str:
    return f"it is cut short in its {payload_name(parse_mikey(octets).payloads[-1].payload_type)} payload"


@pytest.mark.parametrize("mode", EXCHANGES)
def test_each_fault_of_either_message_says_something_of_its_own(mode: str) -> None:
    first, second = exchanges()[mode]
    clean = said(first, second)
    assert [one.verified for one in clean] == [True, True]
    assert not (clean[0].codes | clean[1].codes) & {"payload-truncated", "payload-order"}
    wrong = said(first, second, WRONG)
    of_first = {name: said(change(first), second) for name, change in FAULTS.items()}
    of_second = {name: said(first, change(second)) for name, change in FAULTS.items()}
    assert len({clean, wrong, *of_first.values(), *of_second.values()}) == 8, (wrong, of_first, of_second)
    assert wrong[1].verified is not True
    for octets, faults, place in ((first, of_first, 0), (second, of_second, 1)):
        guilty = {name: pair[place] for name, pair in faults.items()}
        assert guilty["flipped bit"].verified is guilty["reordered"].verified is False
        assert guilty["truncated"].verified is None
        assert guilty["truncated"].how == cut_name(octets)
        assert "payload-truncated" in guilty["truncated"].codes
        assert "payload-order" in guilty["reordered"].codes
        others = [pair[1 - place] for pair in faults.values()]
        assert not [
            one for one in others if one.verified is False or one.codes & {"payload-truncated", "payload-order"}
        ]


@pytest.mark.parametrize(
    ("mode", "kind"), [("PSK", Identity), ("PKE", Identity), ("RSA-R", Timestamp), ("TICKET", IdentityWithRole)]
)
def test_an_answer_is_not_accused_of_what_it_covers_of_an_altered_offer(mode: str, kind: type[Payload]) -> None:
    first, second = exchanges()[mode]
    altered = parse_mikey(first).find_all(kind)[0]
    place = altered.offset + altered.length - 1
    offer, answer = said(first[:place] + bytes((first[place] ^ 1,)) + first[place + 1 :], second)
    assert (offer.verified, answer.verified) == (False, None)
    assert answer.how.endswith("offer, which does not verify itself")


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
