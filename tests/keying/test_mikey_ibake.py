# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY-IBAKE: what each set of keys shows of the four messages, and every way to fail; made from RFC 6267's text."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

import mikey_builders as made
import pytest
from binary_curve_vectors import FIRST_OCTETS_COMPRESSED, POINTS, X, Y
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from ibe_builders import Service
from mikey_builders import ALICE, BOB

from analyzer.keying.key_ring import DhEntry, IbeEntry, KeyRing
from analyzer.keying.mikey_books import LearntKey, MikeyBooks
from analyzer.keying.mikey_exchanges import check_mode_responses, open_mode_message
from analyzer.keying.mikey_messages import OpenedMikey
from analyzer.model.call import Side
from analyzer.model.evidence import FrameRef
from analyzer.model.keying import MacState, MikeyEvidence
from analyzer.model.mikey_facts import KnownBy
from dissectors.grammar.mikey import (
    EccPoint,
    EncryptedSecretKey,
    Ibake,
    IdentityWithRole,
    Payload,
    Rand,
    SecretKey,
    Timestamp,
    Verification,
    parse_mikey,
)
from dissectors.grammar.mikey.registries import EccCurve
from dissectors.grammar.secret import Secret

SERVICE = Service()
DATE = b"2026-01-01"
IDENTITIES = {1: ALICE.encode(), 2: BOB.encode()}
CURVES = {
    EccCurve.P_192: ec.SECP192R1(), EccCurve.P_224: ec.SECP224R1(), EccCurve.P_256: ec.SECP256R1(),
    EccCurve.P_384: ec.SECP384R1(), EccCurve.P_521: ec.SECP521R1(),
}  # fmt: skip
SECOND_RAND = bytes(range(0x60, 0x70))
ALICE_KEY, BOB_KEY = (SERVICE.entry(name + DATE, name.decode()) for name in IDENTITIES.values())


def exponents(*numbers: int) -> tuple[DhEntry, ...]:
    return tuple(DhEntry(Secret(number.to_bytes(32, "big")), 1) for number in numbers)


ALL = KeyRing(ibe=(ALICE_KEY, BOB_KEY), dh=exponents(Y))


def prf(key: bytes, label: bytes, octets: int) -> bytes:
    """MIKEY-1 (RFC 3830 §4.1.2), written out once more."""
    result = 0
    rounds = -(-octets // 20)
    for start in range(0, len(key), 32):
        a, out = label, b""
        for _ in range(rounds):
            a = hmac.digest(key[start : start + 32], a, hashlib.sha1)
            out += hmac.digest(key[start : start + 32], a + label, hashlib.sha1)
        result ^= int.from_bytes(out, "big")
    return result.to_bytes(20 * rounds, "big")[:octets]


@dataclass(frozen=True)
class Peers:
    """Both ends of one exchange, and how they read what RFC 6267 leaves open."""

    curve: EccCurve = EccCurve.P_256
    compressed: bool = False
    mpk_octets: int = 16
    tgk_octets: int = 16
    stated_octets: int = 16
    second_rand_counts: bool = False

    def public(self, exponent: int) -> ec.EllipticCurvePublicKey:
        return ec.derive_private_key(exponent, CURVES[self.curve]).public_key()

    def _vector(self, number: int) -> bytes:
        point = POINTS[self.curve][number]
        first = FIRST_OCTETS_COMPRESSED[self.curve][number : number + 1]
        return first + point[1 : (len(point) + 1) // 2] if self.compressed else point

    def point(self, exponent: int) -> EccPoint:
        form = PublicFormat.CompressedPoint if self.compressed else PublicFormat.UncompressedPoint
        if self.curve in POINTS:
            octets = self._vector((X, Y).index(exponent))
        else:
            octets = self.public(exponent).public_bytes(Encoding.X962, form)
        return EccPoint(int(self.curve), octets, bytes(-(2 + len(octets)) % 4), tgk_octets=self.stated_octets)

    @property
    def session_key(self) -> bytes:
        if self.curve in POINTS:
            return self._vector(2)
        order = {192: 24, 224: 28, 256: 32, 384: 48, 521: 66}[CURVES[self.curve].key_size]
        x = ec.derive_private_key(X, CURVES[self.curve]).exchange(ec.ECDH(), self.public(Y))
        assert len(x) == order
        numbers = self.public(X * Y % ORDERS[self.curve]).public_numbers()
        assert numbers.x == int.from_bytes(x, "big")  # the same point by another way
        form = PublicFormat.CompressedPoint if self.compressed else PublicFormat.UncompressedPoint
        return numbers.public_key().public_bytes(Encoding.X962, form)

    def derived(self, constant: str, octets: int) -> bytes:
        rand = SECOND_RAND if self.second_rand_counts else made.RAND
        return prf(self.session_key, bytes.fromhex(constant) + b"\xff\xff\xff\xff\xff" + rand, octets)

    def master(self, cs_id: int) -> tuple[bytes, bytes]:
        tgk = self.derived("1F4D675B", self.tgk_octets)
        tail = bytes((cs_id,)) + made.CSB_ID.to_bytes(4, "big") + made.RAND
        return prf(tgk, bytes.fromhex("2AD01C64") + tail, 16), prf(tgk, bytes.fromhex("39A2C14B") + tail, 14)

    def i_message_1(self, *more: Payload, inside: str = ALICE, exponent: int = X) -> bytes:
        sealed = seal([idr(1, inside), self.point(exponent), idr(2)], BOB)
        return made.build(22, made.opening_payloads(idr(1), idr(2), Ibake(sealed), *more))

    def r_message_1(self, *, echoed: int | None = X) -> bytes:
        returned = [] if echoed is None else [self.point(echoed)]
        sealed = seal([idr(1), *returned, idr(2), self.point(Y)], ALICE)
        return made.build(23, [Timestamp(0, made.T_ALICE), idr(1), idr(2), Ibake(sealed)], sessions=ANSWERED)

    def i_message_2(self, *, echoed: int = Y) -> bytes:
        sealed = seal([idr(1), idr(2), self.point(echoed)], BOB)
        parts = [Timestamp(0, made.T_ALICE), Rand(SECOND_RAND), idr(1), idr(2), Ibake(sealed)]
        return made.build(24, parts)

    def r_message_2(self, *, named: bool = True, esk: bool = False) -> bytes:
        names = [idr(1), idr(2)] if named else []
        ignored = [EncryptedSecretKey(b"not covered")] if esk else []
        parts: list[Payload] = [Timestamp(0, made.T_ALICE), *names, *ignored, Verification(1, bytes(20))]
        octets = made.build(25, parts, v=False, sessions=ANSWERED)[:-20]
        rand = SECOND_RAND if self.second_rand_counts else made.RAND
        label = bytes.fromhex("2D22AC75") + b"\xff" + made.CSB_ID.to_bytes(4, "big") + rand
        key = prf(self.derived("220E99A2", self.mpk_octets), label, 20)
        covered = octets.replace(EncryptedSecretKey(b"not covered", 9).build(), b"") if esk else octets
        return octets + hmac.digest(key, covered + b"".join(IDENTITIES.values()), "sha1")


ORDERS = {
    EccCurve.P_192: 0xFFFFFFFFFFFFFFFFFFFFFFFF99DEF836146BC9B1B4D22831,
    EccCurve.P_224: 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFF16A2E0B8F03E13DD29455C5C2A3D,
    EccCurve.P_256: 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    EccCurve.P_384: 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    EccCurve.P_521: (1 << 521) - 0x5AE79787C40D069948033FEB708F65A2FC44A36477663B851449048E16EC79BF7,
}
ANSWERED = tuple(entry._replace(ssrc=entry.ssrc or 0xFEEDFACE) for entry in made.SESSIONS)


def idr(role: int, name: str | None = None) -> IdentityWithRole:
    return IdentityWithRole(role, 1, IDENTITIES[role] if name is None else name.encode())


def seal(payloads: Sequence[Payload], receiver: str) -> bytes:
    following = [each.payload_type for each in payloads[1:]] + [0]
    clear = b"".join(replace(each, next_payload=kind).build() for each, kind in zip(payloads, following, strict=True))
    return SERVICE.encrypt(clear, receiver.encode() + DATE)


def evidence(data: bytes, side: Side) -> MikeyEvidence:
    unread = MacState(None, "no key in the ring fits")
    return MikeyEvidence(FrameRef(0, 1), "media", 1, side, "mikey", data, parse_mikey(data), unread, bound_key=False)


def round_trip(offer: bytes, answer: bytes, ring: KeyRing, books: MikeyBooks) -> tuple[OpenedMikey, MikeyEvidence]:
    opened = open_mode_message(evidence(offer, Side.OFFERER), ring, ALICE, BOB, None, books)
    (opened,), (checked,) = check_mode_responses(
        [opened], [evidence(answer, Side.ANSWERER)], ring, (ALICE, BOB), [None], books
    )
    return opened, checked


def whole(
    peers: Peers, ring: KeyRing = ALL, **changed: bytes
) -> tuple[tuple[OpenedMikey, MikeyEvidence], tuple[OpenedMikey, MikeyEvidence]]:
    books = MikeyBooks()
    messages = {name: changed.get(name, getattr(peers, name)()) for name in NAMES if hasattr(peers, name)}
    first = round_trip(messages["i_message_1"], messages["r_message_1"], ring, books)
    return first, round_trip(messages["i_message_2"], messages["r_message_2"], ring, books)


NAMES = ("i_message_1", "r_message_1", "i_message_2", "r_message_2")


def facts(evidence: MikeyEvidence, opened: OpenedMikey | None = None) -> dict[str, tuple[KnownBy, str]]:
    steps = evidence.facts if opened is None or opened.opening is None else opened.opening.steps  # type: ignore[union-attr]
    return {fact.what: (fact.known_by, fact.detail) for fact in steps}


@pytest.mark.parametrize("curve", list(EccCurve), ids=lambda curve: curve.label)
@pytest.mark.parametrize(("known", "compressed"), [(X, False), (Y, True)], ids=["x", "y, compressed"])
def test_a_known_exponent_opens_the_exchange_on_every_curve(curve: EccCurve, known: int, compressed: bool) -> None:
    peers = Peers(curve, compressed)
    (first, answer), (second, last) = whole(peers, replace(ALL, dh=exponents(known)))
    for opened in (first, second):
        keys = {key.cs_id: (key.master_key.reveal(), key.master_salt.reveal()) for key in opened.keys}
        assert keys == {1: peers.master(1), 2: peers.master(2)}
        assert [key.ssrc for key in opened.keys] == [0xDECAFBAD, 0xFEEDFACE]
        assert (opened.evidence.mac.verified, opened.evidence.mac.how) == (None, "no MAC")
    assert (answer.mac.verified, answer.mac.how) == (None, "no MAC")
    assert last.mac.verified is True
    assert facts(answer)["responder"][0] is KnownBy.CONSISTENT
    assert facts(last)["session key"] == (KnownBy.MAC, "V verifies under it")
    assert facts(last)["TGK"][0] is KnownBy.CONSISTENT
    assert not (first.evidence.defects + answer.defects + second.evidence.defects + last.defects)


@pytest.mark.parametrize("curve", [EccCurve.SECT163R2, EccCurve.P_224], ids=lambda curve: curve.label)
@pytest.mark.parametrize("compressed", [False, True])
def test_a_point_that_is_not_on_its_curve_opens_nothing(curve: EccCurve, compressed: bool) -> None:
    peers = Peers(curve, compressed)
    point = peers.point(X)
    stray = replace(point, point=point.point[:-1] + bytes((point.point[-1] ^ 6,)))
    offer = made.build(22, made.opening_payloads(idr(1), idr(2), Ibake(seal([idr(1), stray, idr(2)], BOB))))
    answer = peers.r_message_1(echoed=None)
    (first, checked), _ = whole(peers, i_message_1=offer, r_message_1=answer)
    assert not first.keys
    assert facts(checked)["session key"] == (KnownBy.CLAIMED, f"not opened: a point is not on {curve.label}")


@pytest.mark.parametrize("mpk", [16, 20, 32])
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("second_rand", [False, True])
def test_v_decides_between_the_readings_of_the_rfc(mpk: int, compressed: bool, second_rand: bool) -> None:
    peers = Peers(compressed=compressed, mpk_octets=mpk, second_rand_counts=second_rand)
    _, (second, last) = whole(peers)
    assert last.mac.verified is True
    every = second.keys + second.alternates
    assert peers.master(1) in [(key.master_key.reveal(), key.master_salt.reveal()) for key in every]


@pytest.mark.parametrize(("stated", "used"), [(16, 16), (0, 16), (0, 32), (24, 24), (24, 16)])
def test_every_length_of_the_tgk_is_tried_and_named(stated: int, used: int) -> None:
    peers = Peers(stated_octets=stated, tgk_octets=used)
    _, (second, _) = whole(peers)
    found = [key for key in second.keys + second.alternates if key.master_key.reveal() == peers.master(1)[0]]
    (key,) = (each for each in found if each.cs_id == 1)
    assert key.label == ("" if used == (stated or 16) else f"TGK of {used} octets")


def test_without_an_exponent_both_points_are_read_and_the_session_key_stays_shut() -> None:
    (first, answer), (second, last) = whole(Peers(), replace(ALL, dh=()))
    assert (first.keys, second.keys) == ((), ())
    known, detail = facts(answer)["session key"]
    assert known is KnownBy.CLAIMED
    assert "both points are known, and neither x nor y follows from them" in detail
    assert "V can't be checked: both points are known" in last.mac.how
    assert last.mac.verified is None


@pytest.mark.parametrize(
    ("ring", "opens"),
    [
        (KeyRing(), ()),
        (KeyRing(ibe=(ALICE_KEY,)), ("r_message_1",)),
        (KeyRing(ibe=(BOB_KEY,)), ("i_message_1", "i_message_2")),
        (KeyRing(ibe=(IbeEntry(SERVICE.block, None, None, 1),)), ()),
        (KeyRing(ibe=(Service(secret=99).entry(IDENTITIES[2] + DATE),)), ()),
    ],
    ids=["none", "Alice's", "Bob's", "parameters alone", "another service's"],
)
def test_a_private_key_opens_what_goes_to_its_identity(ring: KeyRing, opens: tuple[str, ...]) -> None:
    (first, answer), (second, _) = whole(Peers(), ring)
    found = (("i_message_1", facts(first.evidence, first)), ("r_message_1", facts(answer)))
    for name, known in (*found, ("i_message_2", facts(second.evidence, second))):
        how, detail = known["IBAKE payload"]
        assert (how is KnownBy.CONSISTENT) is (name in opens)
        assert detail.startswith("opens with the private key of" if name in opens else "not opened: no identity-based")


def test_a_private_key_that_the_service_sent_opens_as_one_of_the_ring_does() -> None:
    books = MikeyBooks()
    books.ibake.learnt.append(LearntKey(BOB_KEY.private_key, BOB))
    ring = KeyRing(ibe=(IbeEntry(SERVICE.block, None, None, 1),))
    opened = open_mode_message(evidence(Peers().i_message_1(), Side.OFFERER), ring, ALICE, BOB, None, books)
    assert facts(opened.evidence, opened)["IBAKE payload"][0] is KnownBy.CONSISTENT


@pytest.mark.parametrize("name", ["r_message_1", "i_message_2"])
def test_another_point_than_was_sent_is_a_failure(name: str) -> None:
    peers = Peers()
    (_, answer), (second, last) = whole(peers, **{name: getattr(peers, name)(echoed=0xBAD)})
    guilty = answer if name == "r_message_1" else second.evidence
    assert guilty.mac.verified is False
    assert "sends back another point than the" in guilty.mac.how
    assert [defect.code for defect in guilty.defects] == ["ec-point-not-echoed"]
    assert last.mac.verified is not False


def test_an_altered_v_accuses_nobody_and_is_a_defect() -> None:
    octets = bytearray(Peers().r_message_2())
    octets[-1] ^= 1
    _, (_, last) = whole(Peers(), r_message_2=bytes(octets))
    assert last.mac.verified is None
    assert [defect.code for defect in last.defects] == ["v-not-verified"]


def test_v_covers_neither_esk_nor_needs_the_identities_in_its_message() -> None:
    for octets in (Peers().r_message_2(named=False), Peers().r_message_2(esk=True)):
        _, (_, last) = whole(Peers(), r_message_2=octets)
        assert last.mac.verified is True


def test_an_altered_payload_and_a_reflected_one_are_told_apart() -> None:
    octets = bytearray(Peers().i_message_1())
    octets[-3] ^= 1
    opened = open_mode_message(evidence(bytes(octets), Side.OFFERER), ALL, ALICE, BOB, None)
    assert "or the payload was altered" in facts(opened.evidence, opened)["IBAKE payload"][1]
    reflected = open_mode_message(
        evidence(Peers().i_message_1(inside="sip:mallory@example.com"), Side.OFFERER), ALL, ALICE, BOB, None
    )
    assert [defect.code for defect in reflected.evidence.defects] == ["ibake-identity-differs"]
    plain = made.build(22, made.opening_payloads(idr(1), idr(2), Ibake(bytes(40))))
    shut = open_mode_message(evidence(plain, Side.OFFERER), ALL, ALICE, BOB, None)
    assert "no ciphertext block of RFC 5091" in facts(shut.evidence, shut)["IBAKE payload"][1]


def test_a_secret_key_for_deferred_delivery_is_opened_and_never_shown() -> None:
    secret = bytes(range(0xA0, 0xB0))
    esk = EncryptedSecretKey(seal([idr(2), SecretKey(1, Secret(secret))], BOB))
    opened = open_mode_message(evidence(Peers().i_message_1(esk), Side.OFFERER), ALL, ALICE, BOB, None)
    assert facts(opened.evidence, opened)["secret key"] == (KnownBy.CONSISTENT, "for deferred delivery: 16 octets")
    assert secret.hex() not in repr(opened)


def test_a_mailbox_that_could_not_read_the_point_answers_without_it() -> None:
    (first, answer), _ = whole(Peers(), r_message_1=Peers().r_message_1(echoed=None))
    assert "responder" not in facts(answer)
    assert first.keys  # both points are known all the same


def test_a_later_exchange_of_other_parties_does_not_touch_this_one() -> None:
    books, peers = MikeyBooks(), Peers()
    round_trip(peers.i_message_1(), peers.r_message_1(), ALL, books)
    intruder = evidence(peers.i_message_1(exponent=0xBAD), Side.OFFERER)
    open_mode_message(intruder, ALL, "sip:eve@example.com", BOB, None, books)
    _, last = round_trip(peers.i_message_2(), peers.r_message_2(), ALL, books)
    assert last.mac.verified is True


def test_an_update_without_rand_agrees_anew_and_is_proved_by_its_answer() -> None:
    books, peers = MikeyBooks(), Peers()
    for offer, answer in ((peers.i_message_1(), peers.r_message_1()), (peers.i_message_2(), peers.r_message_2())):
        round_trip(offer, answer, ALL, books)
    parts = made.opening_payloads(idr(1), idr(2), rand=False)
    again = made.build(22, [*parts, Ibake(seal([idr(1), peers.point(X), idr(2)], BOB))])
    sealed = Ibake(seal([idr(1), peers.point(X), idr(2), peers.point(Y)], ALICE))
    body = made.build(23, [Timestamp(0, made.T_ALICE), idr(1), idr(2), sealed, Verification(1, bytes(20))])[:-20]
    label = bytes.fromhex("2D22AC75") + b"\xff" + made.CSB_ID.to_bytes(4, "big") + made.RAND
    key = prf(peers.derived("220E99A2", 16), label, 20)
    mac = hmac.digest(key, body + b"".join(IDENTITIES.values()), "sha1")
    opened, checked = round_trip(again, body + mac, ALL, books)
    assert checked.mac.verified is True
    assert [key.master_key.reveal() for key in opened.keys] == [peers.master(1)[0], peers.master(2)[0]]


def test_mutated_messages_raise_nothing_and_are_never_taken_for_authentic() -> None:
    random, peers = Random(6267), Peers()
    messages = {name: getattr(peers, name)() for name in NAMES}
    for number in range(160):
        name = NAMES[number % 4]
        octets = bytearray(messages[name])
        for _ in range(random.randint(1, 3)):
            octets[random.randrange(10, len(octets))] = random.randrange(256)
        if name == "r_message_2" and bytes(octets) == messages[name]:
            continue
        _, (_, last) = whole(peers, **{name: bytes(octets)})
        if name == "r_message_2":
            assert last.mac.verified is not True
