# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY in the modes beyond RFC 3830: DHHMAC (RFC 4650), RSA-R (RFC 4738), TICKET (RFC 6043) and SAKKE (RFC 6509).

Built on the grammar's values; nothing is random, as everywhere in the samples.
"""

import hashlib
import hmac
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace

from analyzer.keying.eccsi import hash_identity
from analyzer.keying.mikey_prf import KeyConstant, derive_mikey_key, message_label
from analyzer.keying.mikey_protection import ProtectionKeySource, decrypt_kemac
from analyzer.keying.nist_curves import P_256
from analyzer.keying.prime_curve import Point, PrimeCurve
from analyzer.keying.sakke import CURVE, hash_to_range, pair
from analyzer.srtp.context import SrtpContext
from dissectors.grammar.mikey import (
    Dh,
    GeneralExtension,
    GenericIdEntry,
    Header,
    Identity,
    IdentityWithRole,
    Kemac,
    KeyData,
    KeyDataPayloads,
    Payload,
    Pke,
    Rand,
    RandWithRole,
    Sakke,
    SecurityPolicy,
    Sign,
    SrtpIdEntry,
    Ticket,
    TicketFlag,
    Timestamp,
    Verification,
    build_key_data_payloads,
    build_mikey,
    link_payloads,
)
from dissectors.grammar.mikey.policy import build_policy_for_suite
from dissectors.grammar.mikey.registries import DataType, IdRole, KeyDataType, PayloadType
from dissectors.grammar.secret import Secret
from pcaps.keying import (
    CM_80,
    GROUP_OCTETS,
    MAC_OCTETS,
    PRIME,
    SDP_IDS,
    SIGNATURE_OCTETS,
    Exchange,
    context,
    encrypt_to,
    fixed,
    sign,
)
from pcaps.signalling import Phone

KMS = "sip:kms@example.com"
LIST = GeneralExtension(SDP_IDS, b"mikey")
NO_CSB_ID = 0xFFFFFFFF
SHA_256 = 1
FLAGS = int(TicketFlag.D | TicketFlag.F | TicketFlag.G | TicketFlag.H)


def chain(payloads: Sequence[Payload]) -> bytes:
    """Payloads one after another, each naming the next."""
    following = [each.payload_type for each in payloads[1:]] + [int(PayloadType.LAST)]
    return build_key_data_payloads(
        KeyDataPayloads(tuple(replace(each, next_payload=kind) for each, kind in zip(payloads, following, strict=True)))
    )


class LaterExchange(Exchange, ABC):
    """What the modes here share: values instead of layers."""

    @abstractmethod
    def offer(self) -> bytes:
        """The initiator's message."""

    def answer(self) -> bytes:
        """The responder's message, empty where the mode has none."""
        return b""

    def values(self, *roles: int) -> list[Payload]:
        """T and the identities, as ID payloads or with the given roles as IDR."""
        names = [self.caller.uri.encode(), self.callee.uri.encode()]
        if not roles:
            return [Timestamp(0, self.timestamp), *(Identity(1, name) for name in names)]
        return [
            Timestamp(0, self.timestamp),
            *(IdentityWithRole(role, 1, name) for role, name in zip(roles, names, strict=True)),
        ]

    def message(self, data_type: int, payloads: Sequence[Payload], *, v: bool = False) -> bytes:
        """The octets of a message with a crypto session for each direction."""
        sessions = tuple(SrtpIdEntry(cs_id, 0, each.ssrc, 0) for cs_id, each in ((1, self.caller), (2, self.callee)))
        header = Header(1, data_type, 0, v, 0, self.csb_id, len(sessions), 0, sessions)
        return build_mikey(link_payloads(header, payloads))

    def policy(self) -> SecurityPolicy:
        """The one suite that is offered."""
        return build_policy_for_suite(CM_80, 0)


class DhhmacExchange(LaterExchange):
    """Diffie-Hellman under the MAC of a pre-shared key (RFC 4650 §3)."""

    mode = DataType.DHHMAC_INIT
    psk = b"correct horse battery"

    def exponent(self, phone: Phone) -> int:
        """The secret of one side."""
        return int.from_bytes(fixed(f"{self.name} {phone.name} exponent", 32), "big")

    def value(self, phone: Phone) -> Dh:
        """g^x of one side."""
        return Dh(0, pow(2, self.exponent(phone), PRIME).to_bytes(GROUP_OCTETS, "big"))

    @property
    def tgk(self) -> bytes:
        """g^(xi·xr)."""
        power = self.exponent(self.caller) * self.exponent(self.callee)
        return pow(2, power, PRIME).to_bytes(GROUP_OCTETS, "big")

    def offer(self) -> bytes:
        """I_MESSAGE: HDR, T, RAND, IDi, IDr, SP, extension, DHi, KEMAC with nothing but a MAC."""
        first, *identities = self.values()
        return self._protected(7, [first, Rand(self.rand), *identities, self.policy(), LIST, self.value(self.caller)])

    def answer(self) -> bytes:
        """R_MESSAGE: HDR, T, IDr, IDi, DHr, DHi, KEMAC."""
        first, initiator, responder = self.values()
        return self._protected(8, [first, responder, initiator, self.value(self.callee), self.value(self.caller)])

    def _protected(self, data_type: int, payloads: Sequence[Payload]) -> bytes:
        octets = self.message(data_type, [*payloads, Kemac(0, Secret(b""), 1, bytes(MAC_OCTETS))])[:-MAC_OCTETS]
        return octets + self.mac(self.psk, octets)


class RsaRExchange(LaterExchange):
    """The responder sends the keys, to the initiator's certificate (RFC 4738 §3)."""

    mode = DataType.RSA_R_I_MSG

    @property
    def envelope_key(self) -> bytes:
        """What only Alice can open."""
        return fixed(f"{self.name} envelope")

    def offer(self) -> bytes:
        """I_MESSAGE: HDR, T, RAND, IDi, IDr, SP, extension, SIGNi."""
        first, *identities = self.values()
        payloads = [first, Rand(self.rand), *identities, self.policy(), LIST, Sign(0, bytes(SIGNATURE_OCTETS))]
        return sign(self.message(9, payloads)[:-SIGNATURE_OCTETS], "alice")

    def answer(self) -> bytes:
        """R_MESSAGE: HDR, T, IDr, SP, KEMAC, PKE, SIGNr over itself, both identities and T."""
        first, _, responder = self.values()
        clear = chain([responder, KeyData(int(KeyDataType.TGK), Secret(self.tgk))])
        kemac = Kemac(1, self.encrypt(self.envelope_key, clear), 1, b"")
        kemac = replace(kemac, mac=self.mac(self.envelope_key, kemac.build()))
        envelope = Pke(0, encrypt_to("alice", self.envelope_key))
        payloads = [first, responder, self.policy(), kemac, envelope, Sign(0, bytes(SIGNATURE_OCTETS))]
        octets = self.message(10, payloads)[:-SIGNATURE_OCTETS]
        appended = self.caller.uri.encode() + self.callee.uri.encode() + self.timestamp
        return octets + sign(octets + appended, "bob")[len(octets) + len(appended) :]


class TicketExchange(LaterExchange):
    """A ticket of the KMS transferred and answered, with a RAND of either side (RFC 6043 §4.2.2)."""

    mode = DataType.TRANSFER_INIT
    ticket_key = b"ticket protection key of the KMS"

    @property
    def rands(self) -> tuple[bytes, bytes]:
        """RANDRi and RANDRr."""
        return self.rand, fixed(f"{self.name} RANDRr")

    def protection(self, key: bytes, csb_id: int, kind: int, *rands: bytes) -> ProtectionKeySource:
        """Labels end in the kind of derivation and each RAND behind its length (RFC 6043 §5.1)."""
        tail = bytes((kind,)) + b"".join(bytes((len(rand),)) + rand for rand in rands)
        return ProtectionKeySource(Secret(key), csb_id, tail, SHA_256)

    def context(self, sender: Phone, suite: str) -> SrtpContext:
        """How `sender` protects its media (RFC 6043 §5.1.3)."""
        cs_id = 1 if sender == self.caller else 2
        tail = bytes((cs_id,)) + NO_CSB_ID.to_bytes(4, "big") + b"\3"
        tail += b"".join(bytes((len(rand),)) + rand for rand in self.rands)
        lengths = ((KeyConstant.TEK, 16), (KeyConstant.TGK_SALT, 14))
        key, salt = (
            derive_mikey_key(Secret(self.tgk), constant.value + tail, octets, SHA_256) for constant, octets in lengths
        )
        return context(suite, key.reveal(), salt.reveal())

    @property
    def mpk(self) -> bytes:
        """The MIKEY protection key of the transfer (RFC 6043 A.2.2)."""
        rand = fixed(f"{self.name} ticket RAND")
        label = message_label(KeyConstant.MPK_OF_INITIATOR, NO_CSB_ID, b"\6" + bytes((len(rand),)) + rand)
        return derive_mikey_key(Secret(fixed(f"{self.name} MPK")), label, 16, SHA_256).reveal()

    def ticket(self) -> Ticket:
        """A MIKEY base ticket (RFC 6043 Appendix A)."""
        rand = fixed(f"{self.name} ticket RAND")
        source = self.protection(self.ticket_key, NO_CSB_ID, 5, rand)
        keys = chain([KeyData(int(KeyDataType.MPK), Secret(fixed(f"{self.name} MPK"))), KeyData(0, Secret(self.tgk))])
        sealed = decrypt_kemac(source, 1, Secret(keys), self.timestamp) or Secret(b"")
        kms = IdentityWithRole(4, 1, KMS.encode())
        data = chain(
            [Timestamp(0, self.timestamp), Rand(rand), Kemac(1, sealed, 0, b""), kms, Verification(2, bytes(32))]
        )
        policy = bytes((int(PayloadType.IDR),)) + chain([IdentityWithRole(3, 1, KMS.encode())])
        made = Ticket(1, 1, 1, SHA_256, FLAGS, 0, policy, b"\5\0\0" + data, b"")
        mac = self.digest(source, made.build()[1 : -2 - 32])
        return replace(made, ticket_data=made.ticket_data[:-32] + mac)

    def digest(self, source: ProtectionKeySource, covered: bytes) -> bytes:
        """HMAC-SHA-256-256 (RFC 6043 §6.2)."""
        key = source.derive(KeyConstant.MESSAGE_AUTHENTICATION_KEY, 32)
        return hmac.digest(key.reveal(), covered, "sha256")

    def transfer(self, data_type: int, payloads: Sequence[Payload]) -> bytes:
        """A message with a GENERIC-ID map, without its MAC."""
        sessions = tuple(
            GenericIdEntry(cs_id, 0, False, (0,), each.ssrc.to_bytes(4, "big"), b"")
            for cs_id, each in ((1, self.caller), (2, self.callee))
        )
        header = Header(1, data_type, 0, data_type == 14, SHA_256, self.csb_id, 2, 2, sessions)
        return build_mikey(link_payloads(header, [*payloads, Verification(2, bytes(32))]))[:-32]

    def offer(self) -> bytes:
        """TRANSFER_INIT: HDR, T, RANDRi, IDRi, IDRr, SP, TICKET, extension, V."""
        first, *identities = self.values(1, 2)
        octets = self.transfer(14, [first, RandWithRole(1, self.rand), *identities, self.policy(), LIST, self.ticket()])
        # The empty initiator data's length stands right before V and is not covered (RFC 6043 §5.5).
        names = self.caller.uri.encode() + self.callee.uri.encode()
        source = self.protection(self.mpk, self.csb_id, 1, self.rand, b"")
        return octets + self.digest(source, octets[:-4] + octets[-2:] + names)

    def answer(self) -> bytes:
        """TRANSFER_RESP: HDR, T, RANDRr, IDRr, V over itself and the whole TRANSFER_INIT."""
        first, _, responder = self.values(1, 2)
        octets = self.transfer(15, [first, RandWithRole(2, self.rands[1]), responder])
        return octets + self.digest(self.protection(self.mpk, self.csb_id, 2, *self.rands), octets + self.offer())


class SakkeExchange(LaterExchange):
    """One message, encrypted to Bob's identity and signed as Alice's (RFC 6509 §2.1)."""

    mode = DataType.SAKKE_MSG

    def identifier(self, phone: Phone) -> bytes:
        """The month and the URI (RFC 6509 §3.2); the samples are of January 2026."""
        return f"2026-01\0{phone.uri}\0".encode()

    def secret(self, what: str, curve: PrimeCurve) -> int:
        """A number below the order of the curve's base point."""
        return int.from_bytes(fixed(f"{self.name} {what}", curve.octets + 8), "big") % curve.order

    @property
    def tgk(self) -> bytes:
        """The shared secret value."""
        return fixed(f"{self.name} SSV")

    @property
    def kms_public_key(self) -> Point:
        """Z of the KMS (RFC 6508 §2.1)."""
        return _point(CURVE.multiply(self.secret("z", CURVE), CURVE.base))

    @property
    def receiver_key(self) -> Point:
        """Bob's receiver secret key: [1/(z + b)]P (RFC 6508 §6.1.1)."""
        b = int.from_bytes(self.identifier(self.callee), "big")
        return _point(CURVE.multiply(pow(self.secret("z", CURVE) + b, -1, CURVE.order), CURVE.base))

    def encapsulate(self) -> bytes:
        """R ‖ H (RFC 6508 §6.2.1)."""
        identity = self.identifier(self.callee)
        r = hash_to_range(self.tgk + identity, CURVE.order)
        b = int.from_bytes(identity, "big") % CURVE.order
        point = CURVE.multiply(r, CURVE.add(CURVE.multiply(b, CURVE.base), self.kms_public_key))
        mask = hash_to_range(_power(pair(CURVE.base, CURVE.base) or 0, r).to_bytes(128, "big"), 1 << 128)
        return CURVE.write_point(_point(point)) + (int.from_bytes(self.tgk, "big") ^ mask).to_bytes(16, "big")

    @property
    def authentication_key(self) -> bytes:
        """KPAK of the KMS (RFC 6507 §4.2)."""
        return P_256.write_point(_point(P_256.multiply(self.secret("KSAK", P_256), P_256.base)))

    def signature(self, message: bytes) -> bytes:
        """ECCSI as Alice (RFC 6507 §5.1.1, §5.2.1)."""
        order = P_256.order
        v, j = self.secret("v", P_256), self.secret("j", P_256)
        token = P_256.write_point(_point(P_256.multiply(v, P_256.base)))
        hs = hash_identity(self.authentication_key, self.identifier(self.caller), token)
        ssk = (self.secret("KSAK", P_256) + int.from_bytes(hs, "big") * v) % order
        r = _point(P_256.multiply(j, P_256.base)).x.to_bytes(32, "big")
        he = int.from_bytes(hashlib.sha256(hs + r + message).digest(), "big")
        s = pow(he + int.from_bytes(r, "big") * ssk, -1, order) * j % order
        return r + s.to_bytes(32, "big") + token

    def offer(self) -> bytes:
        """I_MESSAGE: HDR, T, RAND, IDRi, IDRr, IDRkmsi, SP, extension, SAKKE, SIGN."""
        first, *identities = self.values(1, 2)
        kms = IdentityWithRole(int(IdRole.INITIATORS_KMS), 1, KMS.encode())
        sakke = Sakke(1, 1, self.encapsulate())
        payloads = [first, Rand(self.rand), *identities, kms, self.policy(), LIST, sakke, Sign(2, bytes(129))]
        octets = self.message(26, payloads)[:-129]
        return octets + self.signature(octets)


def _point(point: Point | None) -> Point:
    if point is None:
        raise ValueError("the point at infinity")
    return point


def _power(element: int, exponent: int) -> int:
    """(1 + element·i)^exponent in F_p², as the ratio that stands for it (RFC 6508 §2.1)."""
    p = CURVE.p
    real, imaginary, base_real, base_imaginary = 1, 0, 1, element
    while exponent:
        if exponent & 1:
            real, imaginary = (
                (real * base_real - imaginary * base_imaginary) % p,
                (real * base_imaginary + imaginary * base_real) % p,
            )
        base_real, base_imaginary = (base_real**2 - base_imaginary**2) % p, 2 * base_real * base_imaginary % p
        exponent >>= 1
    return imaginary * pow(real, -1, p) % p
