# SPDX-License-Identifier: GPL-2.0-only
"""SRTP master keys of ZRTP from s0, and what its Confirm messages prove of it (RFC 6189 §4.5)."""

import hmac
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from analyzer.keying.key_ring import ZrtpEntry
from analyzer.keying.zrtp_handshakes import ZrtpHandshake, read_zrtp_handshakes
from analyzer.model.call import Side
from analyzer.model.evidence import DatagramFlow
from analyzer.model.keying import MasterKey
from analyzer.model.zrtp_suites import ZRTP_SUITES
from analyzer.srtp.suites import suite_by_name
from dissectors.grammar.secret import Secret

FROM_HANDSHAKE = "keys come from the ZRTP handshake"
MULTISTREAM = "Mult"
INITIATOR, RESPONDER = b"Initiator", b"Responder"
SALT_BITS = 112


class ZrtpKeys(NamedTuple):
    """What ZRTP exchanges give: how, the master keys, and whether a Confirm message verified under a given s0."""

    how: str
    keys: tuple[MasterKey, ...] = ()
    verified: bool | None = None


def zrtp_kdf(secret: bytes, label: bytes, context: bytes, bits: int, hash_name: str) -> bytes:
    """KDF(KI, Label, Context, L) = HMAC(KI, i ‖ Label ‖ 00 ‖ Context ‖ L), cut to L bits (§4.5.1)."""
    data = (1).to_bytes(4, "big") + label + b"\0" + context + bits.to_bytes(4, "big")
    return hmac.digest(secret, data, hash_name)[: bits // 8]


class ZrtpSecrets:
    """Every s0 of a key ring, tried on each exchange; a Confirm message tells the right one."""

    def __init__(self, entries: Iterable[ZrtpEntry]) -> None:
        self._given = tuple(entry.s0.reveal() for entry in entries)

    def open(
        self,
        flows: Sequence[DatagramFlow],
        side_at: Callable[[str], Side | None],
        beside: Sequence[DatagramFlow] = (),
    ) -> ZrtpKeys:
        """How the exchanges in `flows` keyed the media between their endpoints; `side_at` names who is where.

        `beside` are the flows of the session's other streams, from one of which Multistream mode takes its secret.
        """
        if not flows:
            return ZrtpKeys(f"{FROM_HANDSHAKE}, which is not in the capture")
        handshakes = read_zrtp_handshakes(flows)
        if not handshakes:
            return ZrtpKeys(f"{FROM_HANDSHAKE}; nobody has committed")
        keys: list[MasterKey] = []
        proofs: list[bool] = []
        for handshake in handshakes:
            for s0 in self._candidates(handshake, beside):
                proof = _confirms(handshake, s0)
                if proof is not False:
                    keys += _master_keys(handshake, s0, side_at, bound=bool(proof))
                    proofs += [proof] if proof else []
        how = "; ".join(dict.fromkeys(map(describe_handshake, handshakes)))
        if proofs:
            return ZrtpKeys(f"{FROM_HANDSHAKE} ({how}), its Confirm message verifies", tuple(keys), True)
        unfit = ", which no s0 of the key file fits" if self._given and not keys else ""
        return ZrtpKeys(f"{FROM_HANDSHAKE} ({how}){unfit}", tuple(keys))

    def _candidates(self, handshake: ZrtpHandshake, beside: Sequence[DatagramFlow]) -> Iterator[bytes]:
        """The given secrets, and those that Multistream mode makes of them (§4.4.3.2)."""
        if handshake.context is None or handshake.hash_name is None:
            return
        yield from self._given
        if handshake.commit.key_agreement != MULTISTREAM:
            return
        name, context = handshake.hash_name, handshake.context
        for first in read_zrtp_handshakes(beside):
            if first.context is None or first.commit.key_agreement == MULTISTREAM or first.hash_name != name:
                continue
            for s0 in self._given:
                session = zrtp_kdf(s0, b"ZRTP Session Key", first.context, _hash_bits(name), name)
                yield zrtp_kdf(session, b"ZRTP MSK", context, _hash_bits(name), name)


def _hash_bits(name: str) -> int:
    return 8 * len(hmac.digest(b"", b"", name))


def _confirms(handshake: ZrtpHandshake, s0: bytes) -> bool | None:
    """Whether a Confirm message verifies under the MAC key of its sender; None where none was seen (§4.6)."""
    context, name = handshake.context or b"", handshake.hash_name or ""
    proof: bool | None = None
    for role, sender in ((RESPONDER, handshake.responder), (INITIATOR, handshake.initiator)):
        confirm = handshake.confirms.get(sender)
        if confirm is not None:
            key = zrtp_kdf(s0, role + b" HMAC key", context, _hash_bits(name), name)
            same = hmac.compare_digest(hmac.digest(key, confirm.encrypted, name)[: len(confirm.mac)], confirm.mac)
            proof = same if proof is None else proof and same
    return proof


def _master_keys(
    handshake: ZrtpHandshake, s0: bytes, side_at: Callable[[str], Side | None], *, bound: bool
) -> Iterator[MasterKey]:
    suite = suite_by_name(ZRTP_SUITES.get((handshake.commit.cipher, handshake.commit.auth_tag), ""))
    if suite is None:
        return
    context, name = handshake.context or b"", handshake.hash_name or ""
    ends = (
        (INITIATOR, handshake.initiator, handshake.responder),
        (RESPONDER, handshake.responder, handshake.initiator),
    )
    for role, sender, receiver in ends:
        key = zrtp_kdf(s0, role + b" SRTP master key", context, 8 * suite.key_octets, name)
        salt = zrtp_kdf(s0, role + b" SRTP master salt", context, SALT_BITS, name)
        yield MasterKey(
            suite=suite.name,
            key=Secret(key),
            salt=Secret(salt),
            source="zrtp",
            bound=bound,
            sender=side_at(sender),
            destination=receiver,
            sent_from=sender,
        )


def describe_handshake(handshake: ZrtpHandshake) -> str:
    """The choice in ZRTP's own words, and the programs on both sides as they name themselves."""
    commit = handshake.commit
    chosen = f"hash {commit.hash}, cipher {commit.cipher}, tag {commit.auth_tag}, {commit.key_agreement}"
    clients = [
        handshake.hellos[end].client_id for end in (handshake.initiator, handshake.responder) if end in handshake.hellos
    ]
    names = " and ".join(dict.fromkeys(client for client in clients if client.isprintable() and client))
    return f"{chosen}, SAS {commit.sas_type}" + (f", by {names}" if names else "")
