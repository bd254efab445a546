# SPDX-License-Identifier: GPL-2.0-only
"""What opens TLS: the lines of key logs, RSA keys of servers, and the sessions seen so far, which others resume."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dissectors.grammar.key_log import KeyLogSecret
from dissectors.grammar.secret import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

CLIENT, SERVER = 0, 1  # roles, and the places of what each has
MASTER_SECRET, PREMASTER_SECRET, RSA_PREMASTER = "CLIENT_RANDOM", "PMS_CLIENT_RANDOM", "RSA"
PREMASTER_OCTETS = 48
MAX_SESSIONS = 65_536
RSA_PREFIX_OCTETS = 8


class TlsSecrets:
    """Secrets by label and ClientHello random; more may come while a capture is read (`generation` counts that)."""

    def __init__(self, key_log: Iterable[KeyLogSecret] = (), private_keys: "Iterable[PrivateKeyTypes]" = ()) -> None:
        self.generation = 0
        self._known: dict[tuple[str, bytes], Secret] = {}
        self._private_keys = tuple(private_keys)
        self._sessions: OrderedDict[bytes, bytes] = OrderedDict()
        self.add(key_log)

    def __bool__(self) -> bool:
        return bool(self._known or self._private_keys)

    def add(self, key_log: Iterable[KeyLogSecret]) -> None:
        """Take more lines of key logs; the first of equal ones stands."""
        for label, client_random, secret in key_log:
            self._known.setdefault((label, client_random), secret)
        self.generation += 1

    def find(self, label: str, client_random: bytes) -> bytes | None:
        """The secret of that label and connection."""
        secret = self._known.get((label, client_random))
        return None if secret is None else secret.reveal()

    def find_premasters(self, client_random: bytes, encrypted: bytes) -> list[bytes]:
        """What may be the premaster secret of an RSA key exchange: told by a key log, or opened with an RSA key."""
        told = (self.find(PREMASTER_SECRET, client_random), self.find(RSA_PREMASTER, encrypted[:RSA_PREFIX_OCTETS]))
        return [secret for secret in told if secret is not None] + self._decrypt(encrypted)

    def _decrypt(self, encrypted: bytes) -> list[bytes]:
        if not encrypted or not self._private_keys:
            return []
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415

        found = []
        for key in self._private_keys:
            if not isinstance(key, RSAPrivateKey) or (key.key_size + 7) // 8 != len(encrypted):
                continue
            try:
                secret = key.decrypt(encrypted, PKCS1v15())
            except ValueError:
                continue
            # OpenSSL answers a wrong key with random octets; the first two of a right one are the client's version.
            if len(secret) == PREMASTER_OCTETS and secret[0] in (3, 0xFE):
                found.append(secret)
        return found

    def remember_session(self, name: bytes, master: bytes) -> None:
        """Keep a master secret under its session id or ticket."""
        if name:
            self._sessions[name] = master
            if len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)

    def find_session(self, name: bytes) -> bytes | None:
        """The master secret of a session that is resumed by id or ticket."""
        return self._sessions.get(name) if name else None
