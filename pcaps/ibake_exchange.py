# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY-IBAKE (RFC 6267 §4.2.2): two round trips in which points go encrypted to identities, the last one under V.

The key management service has the curve of RFC 5091's test data, which is small: samples protect nothing. Nothing is
random, as everywhere in the samples.
"""

import hmac
from collections.abc import Sequence

from analyzer.keying.boneh_franklin import (
    IbeParameters,
    canonical,
    hash_bytes,
    hash_to_range,
    pair,
    read_ibe_parameters,
)
from analyzer.keying.mikey_prf import KeyConstant, crypto_session_label, derive_mikey_key, message_label
from analyzer.keying.nist_curves import P_256
from analyzer.keying.prime_curve import Point
from analyzer.srtp.context import SrtpContext
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
)
from dissectors.grammar.mikey.ibe_blocks import (
    Ciphertext,
    FpPoint,
    PublicParameters,
    build_ciphertext,
    build_private_key,
    build_public_parameters,
)
from dissectors.grammar.mikey.registries import DataType, EccCurve
from dissectors.grammar.secret import Secret
from pcaps.keying import MAC_OCTETS, context, fixed
from pcaps.mode_exchanges import LIST, LaterExchange, chain
from pcaps.signalling import Phone

DATE = b"2026-01"
# RFC 5091 §7.4 to §7.6.
PRIME = 0xA6A0FFD016103FFFFFFFFFF595F002FE9EF195F002FE9EFB
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFEFFFFFFFFFFFF
BASE = FpPoint(0x6924C354256ACF5A0FF7F61BE4F0495B54540A5BF6395B3D, 0x024FD8E2EB7C09104BCA116F41C035219955237C0EAC19AB)
PUBLIC = FpPoint(0xA68412AE960D1392701066664D20B2F4A76D6EE715621108, 0x9E7644E75C9A131D075752E143E3F0435FF231B6745A486F)
MASTER_SECRET = 0x749E52DDB807E0220054417E514742B05A0
TYPE_1_CURVE = bytes.fromhex("6086480186FD1E01010101")
SHA_256 = bytes.fromhex("608648016503040201")
NO_CSB_ID = 0xFFFFFFFF
KEY_OCTETS = 16


class KeyService:
    """The service that gives users their private keys (RFC 5091 §5.1 to §5.4)."""

    block = build_public_parameters(PublicParameters(TYPE_1_CURVE, PRIME, ORDER, BASE, PUBLIC, SHA_256))

    @property
    def parameters(self) -> IbeParameters:
        """What everybody knows of it."""
        found = read_ibe_parameters(self.block)
        if found is None:
            raise ValueError("no parameters of RFC 5091")
        return found

    def public_key(self, phone: Phone) -> Point:
        """HashToPoint of the identity and the date (RFC 5091 §4.4.2, RFC 6267 §4.1)."""
        curve = self.parameters.curve
        y = hash_to_range(phone.uri.encode() + DATE, curve.p, self.parameters)
        x = pow(y * y - 1, (2 * curve.p - 1) // 3, curve.p)
        return _known(curve.multiply((curve.p + 1) // curve.order, Point(x, y)))

    def private_key(self, phone: Phone) -> Secret:
        """BFextractPriv (RFC 5091 §5.3.1)."""
        return build_private_key(
            FpPoint(*_known(self.parameters.curve.multiply(MASTER_SECRET, self.public_key(phone))))
        )

    def encrypt(self, clear: bytes, phone: Phone, what: str) -> bytes:
        """BFencrypt (RFC 5091 §5.4.1)."""
        parameters = self.parameters
        curve = parameters.curve
        rho = fixed(what, 32)
        factor = hash_to_range(rho + parameters.digest(clear), curve.order, parameters)
        theta = pair(_known(curve.multiply(factor, Point(*PUBLIC))), self.public_key(phone), curve)
        mask = parameters.digest(canonical(theta or (1, 0), parameters))
        u = FpPoint(*_known(curve.multiply(factor, curve.base)))
        return build_ciphertext(Ciphertext(u, _xor(mask, rho), _xor(hash_bytes(len(clear), rho, parameters), clear)))


class IbakeExchange(LaterExchange):
    """Both round trips; the second one goes in an offer of its own."""

    mode = DataType.I_MESSAGE_1
    service = KeyService()

    def exponent(self, phone: Phone) -> int:
        """x or y."""
        return int.from_bytes(fixed(f"{self.name} {phone.name} exponent", 40), "big") % P_256.order

    def point(self, phone: Phone) -> EccPoint:
        """[x]P or [y]P, filled up to 32 bits."""
        point = _known(P_256.multiply(self.exponent(phone), P_256.base))
        return EccPoint(int(EccCurve.P_256), P_256.write_point(point), bytes(1), tgk_octets=KEY_OCTETS)

    @property
    def session_key(self) -> Secret:
        """[x][y]P without compression (RFC 6267 §5.1, SEC 1 §2.3.3)."""
        product = self.exponent(self.caller) * self.exponent(self.callee)
        return Secret(P_256.write_point(_known(P_256.multiply(product, P_256.base))))

    def derived(self, constant: KeyConstant) -> Secret:
        """MPK or TGK (RFC 6267 §5.1)."""
        return derive_mikey_key(self.session_key, message_label(constant, NO_CSB_ID, self.rand), KEY_OCTETS, 0)

    def context(self, sender: Phone, suite: str) -> SrtpContext:
        """How `sender` protects its media (RFC 3830 §4.1.3)."""
        cs_id = 1 if sender == self.caller else 2
        tgk = self.derived(KeyConstant.MPK_OF_RESPONDER)
        lengths = ((KeyConstant.TEK, 16), (KeyConstant.TGK_SALT, 14))
        key, salt = (
            derive_mikey_key(tgk, crypto_session_label(constant, cs_id, self.csb_id, self.rand), octets, 0)
            for constant, octets in lengths
        )
        return context(suite, key.reveal(), salt.reveal())

    @property
    def later(self) -> Timestamp:
        """T of the second round trip, half a second after the first."""
        return Timestamp(0, (int.from_bytes(self.timestamp, "big") + (1 << 31)).to_bytes(8, "big"))

    def identities(self) -> list[IdentityWithRole]:
        """IDRi and IDRr."""
        pairs = ((1, self.caller), (2, self.callee))
        return [IdentityWithRole(role, 1, phone.uri.encode()) for role, phone in pairs]

    def sealed(self, payloads: Sequence[Payload], phone: Phone, what: str) -> Ibake:
        """IBAKE = E(K_PUB, …)."""
        return Ibake(self.service.encrypt(chain(payloads), phone, f"{self.name} {what}"))

    def offer(self) -> bytes:
        """I_MESSAGE_1: HDR, T, RAND, IDRi, IDRr, SP, extension, IBAKE = E(IDRi ‖ ECCPTi ‖ IDRr), ESK = E(IDRr ‖ SK)."""
        initiator, responder = self.identities()
        sealed = self.sealed([initiator, self.point(self.caller), responder], self.callee, "I_MESSAGE_1")
        secret = chain([responder, SecretKey(1, Secret(fixed(f"{self.name} SK")))])
        esk = EncryptedSecretKey(self.service.encrypt(secret, self.callee, f"{self.name} ESK"))
        first = [Timestamp(0, self.timestamp), Rand(self.rand), initiator, responder]
        return self.message(22, [*first, self.policy(), LIST, sealed, esk], v=True)

    def answer(self) -> bytes:
        """R_MESSAGE_1: HDR, T, IDRi, IDRr, IBAKE = E(IDRi ‖ ECCPTi ‖ IDRr ‖ ECCPTr)."""
        initiator, responder = self.identities()
        inside = [initiator, self.point(self.caller), responder, self.point(self.callee)]
        sealed = self.sealed(inside, self.caller, "R_MESSAGE_1")
        return self.message(23, [Timestamp(0, self.timestamp), initiator, responder, sealed], v=True)

    def second_offer(self) -> bytes:
        """I_MESSAGE_2: HDR, T, RAND, IDRi, IDRr, extension, IBAKE = E(IDRi ‖ IDRr ‖ ECCPTr)."""
        initiator, responder = self.identities()
        sealed = self.sealed([initiator, responder, self.point(self.callee)], self.callee, "I_MESSAGE_2")
        rand = Rand(fixed(f"{self.name} second RAND"))
        return self.message(24, [self.later, rand, initiator, responder, LIST, sealed], v=True)

    def second_answer(self) -> bytes:
        """R_MESSAGE_2: HDR, T, IDRi, IDRr, V over the message and both identities (RFC 6267 §5.4)."""
        octets = self.message(25, [self.later, *self.identities(), Verification(1, bytes(MAC_OCTETS))])[:-MAC_OCTETS]
        label = message_label(KeyConstant.MESSAGE_AUTHENTICATION_KEY, self.csb_id, self.rand)
        key = derive_mikey_key(self.derived(KeyConstant.MPK_OF_INITIATOR), label, MAC_OCTETS, 0)
        names = self.caller.uri.encode() + self.callee.uri.encode()
        return octets + hmac.digest(key.reveal(), octets + names, "sha1")


def _known(point: Point | None) -> Point:
    if point is None:
        raise ValueError("the point at infinity")
    return point


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(left, right, strict=True))
