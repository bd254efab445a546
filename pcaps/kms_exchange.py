# SPDX-License-Identifier: GPL-2.0-only
"""What users ask of their key management service: a ticket, its resolution (RFC 6043), private keys (RFC 6267).

Each request goes under the key that the user and the service share. Nothing is random, as everywhere in the samples.
"""

import hmac
from collections.abc import Sequence

from analyzer.keying.mikey_prf import KeyConstant
from analyzer.keying.mikey_protection import ProtectionKeySource, decrypt_kemac
from dissectors.grammar.mikey import (
    Header,
    IdentityWithRole,
    Kemac,
    KeyData,
    Payload,
    Rand,
    RandWithRole,
    TicketPolicy,
    Timestamp,
    Verification,
    build_mikey,
    link_payloads,
)
from dissectors.grammar.mikey.registries import DataType, IdRole, KeyDataType
from dissectors.grammar.secret import Secret
from pcaps.calls import ALICE, BOB, Datagram
from pcaps.ibake_exchange import IbakeExchange
from pcaps.keying import MAC_OCTETS, fixed, ntp_time
from pcaps.mode_exchanges import FLAGS, SHA_256, TicketExchange, chain
from pcaps.samples import psk_keys
from pcaps.signalling import Phone

SERVICE = Phone("kms", "203.0.113.5", 5060, 0, 0, 0, "02:00:00:00:00:0c")
MIKEY_PORT = 2269
EMPTY_MAP = 1
ANSWER_MS = 10


def shared_key(phone: Phone) -> bytes:
    """The pre-shared key of a user and the service."""
    return f"what {phone.name} and the KMS share".encode()


SHARED_KEYS = "\n".join(psk_keys(shared_key(phone), phone.uri) for phone in (ALICE, BOB))


def datagrams(after_ms: int, phone: Phone, request: bytes, response: bytes) -> tuple[Datagram, Datagram]:
    """A user's request and what the service answers, so long after the INVITE (or before it, if negative)."""
    return (
        Datagram(after_ms, phone, SERVICE, MIKEY_PORT, request),
        Datagram(after_ms + ANSWER_MS, SERVICE, phone, MIKEY_PORT, response),
    )


class _Request:
    """One exchange of a user with the service, its messages under one CSB ID."""

    mac_octets = 32
    prf = 0

    def __init__(self, name: str, user: Phone, time_ns: int) -> None:
        self.user, self.rand = user, fixed(f"{name} {user.name} RAND")
        self.timestamp = ntp_time(time_ns)
        self.csb_id = int.from_bytes(fixed(f"{name} {user.name} CSB ID", 4), "big")
        self.kms = IdentityWithRole(int(IdRole.KMS), 1, SERVICE.uri.encode())
        self.names = user.uri.encode() + SERVICE.uri.encode()

    def message(self, data_type: int, payloads: Sequence[Payload], verification: Verification, *, v: bool) -> bytes:
        """A message without crypto sessions and without its MAC."""
        header = Header(1, data_type, 0, v, self.prf, self.csb_id, 0, EMPTY_MAP, ())
        return build_mikey(link_payloads(header, [*payloads, verification]))[: -self.mac_octets]

    def sealed(self, source: ProtectionKeySource, payloads: Sequence[Payload]) -> Kemac:
        """KEMAC under the NULL authentication algorithm: V stands behind it."""
        clear = Secret(chain(payloads))
        return Kemac(1, decrypt_kemac(source, 1, clear, self.timestamp) or Secret(b""), 0, b"")


class TicketRequest(_Request):
    """Alice asks for the ticket of a transfer and its keys, or Bob, who got it, for its keys alone."""

    prf = SHA_256

    def __init__(self, transfer: TicketExchange, user: Phone, time_ns: int) -> None:
        super().__init__(f"{transfer.name} of", user, time_ns)
        self.transfer, self.asks = transfer, user == transfer.caller
        self.rands = (self.rand, b"") if self.asks else (b"", self.rand)

    def source(self, kind: int) -> ProtectionKeySource:
        """Keys of a request (1) or a response (2) (RFC 6043 §5.1.2)."""
        return self.transfer.protection(shared_key(self.user), self.csb_id, kind, *self.rands)

    def request(self) -> bytes:
        """REQUEST_INIT_PSK or RESOLVE_INIT_PSK: HDR, T, RANDR, IDR, IDRkms, TP or TICKET, V."""
        role = IdRole.INITIATOR if self.asks else IdRole.RESPONDER
        ticket = self.transfer.ticket()
        wanted = TicketPolicy(1, 1, 1, SHA_256, FLAGS, 0, ticket.tp_data) if self.asks else ticket
        payloads = [
            Timestamp(0, self.timestamp),
            RandWithRole(int(role), self.rand),
            IdentityWithRole(int(role), 1, self.user.uri.encode()),
            self.kms,
            wanted,
        ]
        kind = DataType.REQUEST_INIT_PSK if self.asks else DataType.RESOLVE_INIT_PSK
        octets = self.message(kind, payloads, Verification(2, bytes(self.mac_octets)), v=True)
        return octets + self.transfer.digest(self.source(1), octets + self.names)

    def response(self, request: bytes = b"") -> bytes:
        """REQUEST_RESP or RESOLVE_RESP: HDR, T, IDRkms, [TICKET], KEMAC = E(MPKi ‖ TGK), V over itself and the request.

        `request` is the one that arrived, where it is not the one that was sent.
        """
        source = self.source(2)
        keys = [KeyData(int(KeyDataType.MPK), Secret(self.transfer.mpk)), KeyData(0, Secret(self.transfer.tgk))]
        given = [self.transfer.ticket()] if self.asks else []
        payloads = [Timestamp(0, self.timestamp), self.kms, *given, self.sealed(source, keys)]
        kind = DataType.REQUEST_RESP if self.asks else DataType.RESOLVE_RESP
        octets = self.message(kind, payloads, Verification(2, bytes(self.mac_octets)), v=False)
        return octets + self.transfer.digest(source, octets + (request or self.request()))


class PrivateKeyRequest(_Request):
    """A user asks for the private key of an identity, under the key derivation of RFC 3830 (RFC 6267 §4.2.1)."""

    mac_octets = MAC_OCTETS

    def __init__(self, exchange: IbakeExchange, user: Phone, time_ns: int) -> None:
        super().__init__(f"{exchange.name} of", user, time_ns)
        self.service = exchange.service
        self.identity = IdentityWithRole(int(self._role(exchange)), 1, user.uri.encode())
        self.source = ProtectionKeySource(Secret(shared_key(user)), self.csb_id, self.rand, self.prf)

    def _role(self, exchange: IbakeExchange) -> IdRole:
        return IdRole.INITIATOR if self.user == exchange.caller else IdRole.RESPONDER

    def request(self) -> bytes:
        """REQUEST_KEY_PSK: HDR, T, RAND, IDR, IDRkms, V."""
        payloads = [Timestamp(0, self.timestamp), Rand(self.rand), self.identity, self.kms]
        return self._verified(DataType.REQUEST_KEY_PSK, payloads, v=True)

    def response(self) -> bytes:
        """REQUEST_KEY_RESP: HDR, T, IDR, IDRkms, KEMAC = E(ID ‖ K_PR), V."""
        key = KeyData(int(KeyDataType.K_PR), self.service.private_key(self.user))
        sealed = self.sealed(self.source, [self.identity, key])
        return self._verified(
            DataType.REQUEST_KEY_RESP, [Timestamp(0, self.timestamp), self.identity, self.kms, sealed], v=False
        )

    def _verified(self, data_type: int, payloads: Sequence[Payload], *, v: bool) -> bytes:
        """V over the message and both identities (RFC 6267 §5.4)."""
        octets = self.message(data_type, payloads, Verification(1, bytes(MAC_OCTETS)), v=v)
        key = self.source.derive(KeyConstant.MESSAGE_AUTHENTICATION_KEY, MAC_OCTETS)
        return octets + hmac.digest(key.reveal(), octets + self.names, "sha1")
