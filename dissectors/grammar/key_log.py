# SPDX-License-Identifier: GPL-2.0-only
"""NSS key logs: the secrets of TLS and DTLS connections, one a line (draft-ietf-tls-keylogfile; RFC 9850)."""

import re
from typing import NamedTuple

from dissectors.grammar.errors import Malformed
from dissectors.grammar.secret import Secret

_LINE = re.compile(r"([A-Z0-9_]{1,64}) ((?:[0-9A-Fa-f]{2}){1,64}) ((?:[0-9A-Fa-f]{2}){1,256})")
_RANDOM_OCTETS = 32
_RSA_LABEL, _RSA_PREFIX_OCTETS = "RSA", 8


class KeyLogSecret(NamedTuple):
    """One line: which secret, of which ClientHello random.

    A line of label RSA gives a premaster secret, and the first octets of its encryption instead of a random.
    """

    label: str
    client_random: bytes
    secret: Secret


def parse_key_log_line(line: bytes) -> KeyLogSecret | None:
    """The secret of one line, None for a comment or a blank line; raises `Malformed`."""
    text = line.decode("ascii", "replace").strip()
    if not text or text.startswith("#"):
        return None
    found = _LINE.fullmatch(text)
    wanted = _RSA_PREFIX_OCTETS if found is not None and found[1] == _RSA_LABEL else _RANDOM_OCTETS
    if found is None or len(found[2]) != 2 * wanted:
        raise Malformed("not a line of an NSS key log", clause="RFC 9850 §2")
    return KeyLogSecret(found[1], bytes.fromhex(found[2]), Secret(bytes.fromhex(found[3])))
