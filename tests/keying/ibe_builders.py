# SPDX-License-Identifier: GPL-2.0-only
"""A key management service for Boneh-Franklin encryption, from RFC 5091 §5.1 to §5.4: it makes what is opened."""

import hashlib
from dataclasses import dataclass

import ibe_vectors as vectors

from analyzer.keying.boneh_franklin import (
    IbeParameters,
    canonical,
    hash_bytes,
    hash_to_range,
    pair,
    read_ibe_parameters,
)
from analyzer.keying.key_ring import IbeEntry
from analyzer.keying.prime_curve import Point
from dissectors.grammar.mikey.ibe_blocks import (
    Ciphertext,
    FpPoint,
    PublicParameters,
    build_ciphertext,
    build_private_key,
    build_public_parameters,
)
from dissectors.grammar.secret import Secret

TYPE_1 = bytes.fromhex("6086480186FD1E01010101")


@dataclass(frozen=True)
class Service:
    """The RFC's own curve and master secret, unless told otherwise."""

    secret: int = vectors.MASTER_SECRET
    hash_function: bytes = vectors.SHA_1

    @property
    def block(self) -> bytes:
        public = self.parameters.curve.multiply(self.secret, Point(*vectors.BASE))
        assert public is not None
        return self._block(FpPoint(*public))

    def _block(self, public: FpPoint) -> bytes:
        return build_public_parameters(
            PublicParameters(TYPE_1, vectors.P, vectors.Q, FpPoint(*vectors.BASE), public, self.hash_function)
        )

    @property
    def parameters(self) -> IbeParameters:
        found = read_ibe_parameters(self._block(FpPoint(*vectors.PUBLIC)))
        assert found is not None
        return found

    def identity_point(self, identity: bytes) -> Point:
        """HashToPoint1 (RFC 5091 §4.4.2)."""
        curve = self.parameters.curve
        y = hash_to_range(identity, curve.p, self.parameters)
        x = pow(y * y - 1, (2 * curve.p - 1) // 3, curve.p)
        point = curve.multiply((curve.p + 1) // curve.order, Point(x, y))
        assert point is not None
        return point

    def private_point(self, identity: bytes) -> Point:
        """BFextractPriv (RFC 5091 §5.3.1)."""
        point = self.parameters.curve.multiply(self.secret, self.identity_point(identity))
        assert point is not None
        return point

    def private_key(self, identity: bytes) -> Secret:
        return build_private_key(FpPoint(*self.private_point(identity)))

    def entry(self, identity: bytes, id_: str | None = None) -> IbeEntry:
        return IbeEntry(self.block, self.private_key(identity), id_, 1)

    def encrypt(self, clear: bytes, identity: bytes, seed: bytes = b"rho of the sender") -> bytes:
        """BFencrypt (RFC 5091 §5.4.1): theta is e'(P_pub, Q_id) to the power of l, here e'([l]P_pub, Q_id)."""
        parameters = self.parameters
        curve = parameters.curve
        rho = hashlib.new(parameters.hash_name, seed).digest()
        factor = hash_to_range(rho + parameters.digest(clear), curve.order, parameters)
        u, public = curve.multiply(factor, curve.base), curve.multiply(factor * self.secret, curve.base)
        assert u is not None
        assert public is not None
        theta = pair(public, self.identity_point(identity), curve)
        assert theta is not None
        mask = parameters.digest(canonical(theta, parameters))
        v = bytes(one ^ other for one, other in zip(mask, rho, strict=True))
        stream = hash_bytes(len(clear), rho, parameters)
        w = bytes(one ^ other for one, other in zip(stream, clear, strict=True))
        return build_ciphertext(Ciphertext(FpPoint(*u), v, w))
