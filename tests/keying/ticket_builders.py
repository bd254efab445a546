# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY-TICKET messages made for the tests from RFC 6043's text: labels and coverage are written out here once more."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from dissectors.grammar.mikey import (
    GenericIdEntry,
    Header,
    IdentityWithRole,
    Kemac,
    KeyData,
    KeyDataPayloads,
    Payload,
    Rand,
    RandWithRole,
    SecurityPolicy,
    Ticket,
    TicketPolicy,
    Timestamp,
    TimestampWithRole,
    Verification,
    build_key_data_payloads,
    build_mikey,
    link_payloads,
)
from dissectors.grammar.mikey.policy import build_policy_for_suite
from dissectors.grammar.secret import Secret

ALICE, BOB, KMS = b"sip:alice@example.com", b"sip:bob@example.com", b"sip:kms@example.com"
CSB_ID = 0x0A0B0C0D
T = bytes.fromhex("ecf4d04000000000")
RAND_I, RAND_R, RAND_KMS, TICKET_RAND = (bytes(range(n, n + 16)) for n in (0x10, 0x30, 0x50, 0x70))
TPK, MPK, TGK = b"the ticket's own protection key!", bytes(range(0x90, 0xA0)), bytes(range(0xB0, 0xC0))
ENCR, AUTH, SALT = (bytes.fromhex(text) for text in ("150533E1", "2D22AC75", "29B88916"))
TEK, TGK_SALT = bytes.fromhex("2AD01C64"), bytes.fromhex("39A2C14B")
NONE = b"\xff\xff\xff\xff"
D, E, F, G, H, FORKING = (1 << bit for bit in range(11, 5, -1))  # FORKING: the flag I
SUITE = "AES_CM_128_HMAC_SHA1_80"


def prf(key: bytes, label: bytes, octets: int) -> bytes:
    """PRF-HMAC-SHA-256 (RFC 6043 §6.1): MIKEY-1 with another hash."""
    blocks = [key[start : start + 32] for start in range(0, len(key), 32)]
    result = bytes(octets)
    for block in blocks:
        a, out = label, b""
        while len(out) < octets:
            a = hmac.digest(block, a, hashlib.sha256)
            out += hmac.digest(block, a + label, hashlib.sha256)
        result = bytes(x ^ y for x, y in zip(result, out, strict=False))
    return result


def counted(*rands: bytes) -> bytes:
    return b"".join(bytes((len(rand),)) + rand for rand in rands)


@dataclass(frozen=True)
class Protector:
    """Protects with keys whose labels end in one tail: csb ‖ kind ‖ RANDs."""

    key: bytes
    csb: bytes
    tail: bytes

    def derive(self, constant: bytes, octets: int) -> bytes:
        return prf(self.key, constant + b"\xff" + self.csb + self.tail, octets)

    def mac(self, covered: bytes) -> bytes:
        return hmac.digest(self.derive(AUTH, 32), covered, hashlib.sha256)

    def seal(self, keys: Sequence[KeyData]) -> Kemac:
        following = [each.payload_type for each in keys[1:]] + [0]
        linked = tuple(replace(each, next_payload=kind) for each, kind in zip(keys, following, strict=True))
        clear = build_key_data_payloads(KeyDataPayloads(linked))
        mask = bytes(2) + self.csb + T
        iv = bytes(x ^ y for x, y in zip(self.derive(SALT, 14), mask, strict=True)) + bytes(2)
        encryptor = Cipher(algorithms.AES(self.derive(ENCR, 16)), modes.CTR(iv)).encryptor()
        return Kemac(1, Secret(encryptor.update(clear)), 0, b"")


def mpk(role: str) -> bytes:
    constant = {"i": "220E99A2", "r": "1F4D675B"}[role]
    return prf(MPK, bytes.fromhex(constant) + b"\xff" + NONE + b"\6" + counted(TICKET_RAND), len(MPK))


def forked(key: bytes, constant: str, identity: bytes = BOB) -> bytes:
    modifier = len(identity).to_bytes(2, "big") + identity + counted(RAND_KMS)
    return prf(key, bytes.fromhex(constant) + b"\xff" + NONE + b"\0" + modifier, len(key))


def tek(cs_id: int, tgk: bytes = TGK, rands: tuple[bytes, bytes] = (RAND_I, b"")) -> bytes:
    """Master key and salt of a crypto session (RFC 6043 §5.1.3)."""
    tail = bytes((cs_id,)) + NONE + b"\3" + counted(*rands)
    return prf(tgk, TEK + tail, 16) + prf(tgk, TGK_SALT + tail, 14)


def chain(payloads: Sequence[Payload]) -> bytes:
    """Payloads one after another, each naming the next."""
    following = [each.payload_type for each in payloads[1:]] + [0]
    return b"".join(replace(each, next_payload=kind).build() for each, kind in zip(payloads, following, strict=True))


def ticket(flags: int = D | H, *, key: bytes = TPK, expires: int | None = None, initiator_data: bytes = b"") -> Ticket:
    """A MIKEY base ticket (RFC 6043 Appendix A)."""
    policy: list[Payload] = [IdentityWithRole(3, 1, KMS), IdentityWithRole(1, 1, ALICE)]
    if expires is not None:
        policy.append(TimestampWithRole(3, 0, (int.from_bytes(T[:4], "big") + expires).to_bytes(4, "big") + bytes(4)))
    tp_data = bytes((14,)) + chain([*policy, IdentityWithRole(2, 1, BOB)])
    protector = Protector(key, NONE, b"\5" + counted(TICKET_RAND))
    inside = [
        Timestamp(0, T),
        Rand(TICKET_RAND),
        protector.seal([KeyData(6, Secret(MPK)), KeyData(0, Secret(TGK))]),
        IdentityWithRole(4, 1, KMS),
        Verification(2, bytes(32)),
    ]
    data = b"\5\0\0" + chain(inside)
    made = Ticket(1, 1, 1, 1, flags, 0, tp_data, data, b"")
    covered = made.build()[1 : -2 - 32]
    return replace(made, ticket_data=data[:-32] + protector.mac(covered), initiator_data=initiator_data)


def sessions(*, answered: bool = False) -> tuple[GenericIdEntry, ...]:
    ssrcs = ((1, 0xA1), (2, 0xB1 if answered else 0))
    return tuple(
        GenericIdEntry(cs, 0, False, (0,), ssrc.to_bytes(4, "big") if ssrc else b"", b"") for cs, ssrc in ssrcs
    )


def header(kind: int, entries: Sequence[GenericIdEntry] = (), *, v: bool = False) -> Header:
    return Header(1, kind, 0, v, 1, CSB_ID, len(entries), 2 if entries else 1, tuple(entries))


def finish(head: Header, payloads: Sequence[Payload], protector: Protector, appended: bytes, cut: bytes = b"") -> bytes:
    """The message with V over itself without `cut`, and what is appended."""
    octets = build_mikey(link_payloads(head, [*payloads, Verification(2, bytes(32))]))[:-32]
    covered = octets.replace(cut, b"", 1) if cut else octets
    return octets + protector.mac(covered + appended)


def protector(key: bytes, kind: int, rand_r: bytes = b"", rand_i: bytes = RAND_I) -> Protector:
    return Protector(key, CSB_ID.to_bytes(4, "big"), bytes((kind,)) + counted(rand_i, rand_r))


def transfer_init(flags: int = D | H, *, given: Ticket | None = None) -> bytes:
    """TRANSFER_INIT (RFC 6043 §4.2.2.1); with key forking the initiator's data carry Vi and Vr."""
    given = given or ticket(flags)
    policy: SecurityPolicy = build_policy_for_suite(SUITE, 0)
    before = [
        Timestamp(0, T), RandWithRole(1, RAND_I), IdentityWithRole(1, 1, ALICE), IdentityWithRole(2, 1, BOB), policy,
    ]  # fmt: skip
    head = header(14, sessions(), v=bool(flags & F))
    keys = protector(mpk("i"), 1)
    plain = finish(head, [*before, given], keys, ALICE + BOB, cut=b"")
    if not flags & FORKING:
        # The two length octets of the empty initiator data are not covered: they stand right before V.
        octets = build_mikey(link_payloads(head, [*before, given, Verification(2, bytes(32))]))[:-32]
        covered = octets[: -2 - 2] + octets[-2:]
        return octets + keys.mac(covered + ALICE + BOB)
    octets = plain[:-32]
    vi = keys.mac(octets[: -2 - 2] + octets[-2:] + ALICE + BOB)
    data = b"\x09" + b"\x09\2" + vi + b"\0\2"
    vr = hmac.digest(prf(mpk("r"), AUTH + b"\xff" + NONE + b"\4", 32), data, hashlib.sha256)
    full = replace(given, initiator_data=data + vr)
    return build_mikey(link_payloads(head, [*before, full, Verification(2, bytes(32))]))[:-32] + vi


def transfer_response(first: bytes, flags: int = D | F | H) -> bytes:
    """TRANSFER_RESP (RFC 6043 §4.2.2.3)."""
    rand_r = RAND_R if flags & G else b""
    payloads: list[Payload] = [Timestamp(0, T)]
    payloads += [RandWithRole(2, RAND_R)] if flags & G else []
    payloads.append(IdentityWithRole(2, 1, BOB))
    payloads += [RandWithRole(3, RAND_KMS)] if flags & FORKING else []
    key = forked(mpk("r"), "2B288856") if flags & FORKING else mpk("i")
    return finish(header(15, sessions(answered=True)), payloads, protector(key, 2, rand_r), first)


def request(psk: bytes) -> bytes:
    """REQUEST_INIT_PSK (RFC 6043 §4.2.1)."""
    policy = TicketPolicy(1, 1, 1, 1, D | H, 0, bytes((14,)) + chain([IdentityWithRole(2, 1, BOB)]))
    payloads = [
        Timestamp(0, T), RandWithRole(1, RAND_I), IdentityWithRole(1, 1, ALICE), IdentityWithRole(3, 1, KMS), policy,
    ]  # fmt: skip
    return finish(header(11), payloads, protector(psk, 1), ALICE + KMS)


def request_response(first: bytes, psk: bytes, given: Ticket) -> bytes:
    """REQUEST_RESP: the ticket, and MPKi and TGK for the initiator (RFC 6043 §4.2.1.5)."""
    keys = protector(psk, 2)
    kemac = keys.seal([KeyData(6, Secret(mpk("i"))), KeyData(0, Secret(TGK))])
    return finish(header(13), [Timestamp(0, T), IdentityWithRole(3, 1, KMS), given, kemac], keys, first)


def resolve(psk: bytes, given: Ticket) -> bytes:
    """RESOLVE_INIT_PSK (RFC 6043 §4.2.3.2)."""
    payloads = [
        Timestamp(0, T),
        RandWithRole(2, RAND_R),
        IdentityWithRole(2, 1, BOB),
        IdentityWithRole(3, 1, KMS),
        given,
    ]
    return finish(header(16), payloads, protector(psk, 1, RAND_R, b""), BOB + KMS)


def resolve_response(first: bytes, psk: bytes) -> bytes:
    """RESOLVE_RESP: MPKi, the forked MPKr and TGK for the responder, and the modifier (RFC 6043 §4.2.3.5)."""
    keys = protector(psk, 2, RAND_R, b"")
    kemac = keys.seal(
        [
            KeyData(6, Secret(mpk("i"))),
            KeyData(6, Secret(forked(mpk("r"), "2B288856"))),
            KeyData(0, Secret(forked(TGK, "1512B54A"))),
        ]
    )
    payloads = [
        Timestamp(0, T),
        IdentityWithRole(3, 1, KMS),
        kemac,
        IdentityWithRole(2, 1, BOB),
        RandWithRole(3, RAND_KMS),
    ]
    return finish(header(18), payloads, keys, first)


def key_request(psk: bytes) -> bytes:
    """REQUEST_KEY_PSK (RFC 6267 §4.2.1), whose labels are those of RFC 3830."""
    payloads = [Timestamp(0, T), Rand(RAND_I), IdentityWithRole(1, 1, ALICE), IdentityWithRole(3, 1, KMS)]
    return finish(header(19), payloads, Protector(psk, CSB_ID.to_bytes(4, "big"), RAND_I), ALICE + KMS)


def key_response(psk: bytes) -> bytes:
    """REQUEST_KEY_RESP with a private key (RFC 6267 §4.2.1.3)."""
    keys = Protector(psk, CSB_ID.to_bytes(4, "big"), RAND_I)
    payloads = [
        Timestamp(0, T),
        IdentityWithRole(1, 1, ALICE),
        IdentityWithRole(3, 1, KMS),
        keys.seal([KeyData(7, Secret(bytes(64)))]),
    ]
    return finish(header(21), payloads, keys, ALICE + KMS)
