# SPDX-License-Identifier: GPL-2.0-only
"""TLS cipher suites by number, and what their names say of key exchange, cipher and hash (IANA "TLS Cipher Suites").

Listed are the ones whose records can be opened, be it that they are weak.
"""

import functools
import re
from enum import Enum
from typing import NamedTuple

_LISTED = """
    0001 RSA_WITH_NULL_MD5
    0002 RSA_WITH_NULL_SHA
    0004 RSA_WITH_RC4_128_MD5
    0005 RSA_WITH_RC4_128_SHA
    000A RSA_WITH_3DES_EDE_CBC_SHA
    0016 DHE_RSA_WITH_3DES_EDE_CBC_SHA
    002F RSA_WITH_AES_128_CBC_SHA
    0033 DHE_RSA_WITH_AES_128_CBC_SHA
    0035 RSA_WITH_AES_256_CBC_SHA
    0039 DHE_RSA_WITH_AES_256_CBC_SHA
    003B RSA_WITH_NULL_SHA256
    003C RSA_WITH_AES_128_CBC_SHA256
    003D RSA_WITH_AES_256_CBC_SHA256
    0067 DHE_RSA_WITH_AES_128_CBC_SHA256
    006B DHE_RSA_WITH_AES_256_CBC_SHA256
    009C RSA_WITH_AES_128_GCM_SHA256
    009D RSA_WITH_AES_256_GCM_SHA384
    009E DHE_RSA_WITH_AES_128_GCM_SHA256
    009F DHE_RSA_WITH_AES_256_GCM_SHA384
    1301 AES_128_GCM_SHA256
    1302 AES_256_GCM_SHA384
    1303 CHACHA20_POLY1305_SHA256
    1304 AES_128_CCM_SHA256
    1305 AES_128_CCM_8_SHA256
    C006 ECDHE_ECDSA_WITH_NULL_SHA
    C007 ECDHE_ECDSA_WITH_RC4_128_SHA
    C008 ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA
    C009 ECDHE_ECDSA_WITH_AES_128_CBC_SHA
    C00A ECDHE_ECDSA_WITH_AES_256_CBC_SHA
    C010 ECDHE_RSA_WITH_NULL_SHA
    C011 ECDHE_RSA_WITH_RC4_128_SHA
    C012 ECDHE_RSA_WITH_3DES_EDE_CBC_SHA
    C013 ECDHE_RSA_WITH_AES_128_CBC_SHA
    C014 ECDHE_RSA_WITH_AES_256_CBC_SHA
    C023 ECDHE_ECDSA_WITH_AES_128_CBC_SHA256
    C024 ECDHE_ECDSA_WITH_AES_256_CBC_SHA384
    C027 ECDHE_RSA_WITH_AES_128_CBC_SHA256
    C028 ECDHE_RSA_WITH_AES_256_CBC_SHA384
    C02B ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
    C02C ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
    C02F ECDHE_RSA_WITH_AES_128_GCM_SHA256
    C030 ECDHE_RSA_WITH_AES_256_GCM_SHA384
    C09C RSA_WITH_AES_128_CCM
    C09D RSA_WITH_AES_256_CCM
    C09E DHE_RSA_WITH_AES_128_CCM
    C09F DHE_RSA_WITH_AES_256_CCM
    C0A0 RSA_WITH_AES_128_CCM_8
    C0A1 RSA_WITH_AES_256_CCM_8
    C0A2 DHE_RSA_WITH_AES_128_CCM_8
    C0A3 DHE_RSA_WITH_AES_256_CCM_8
    C0AC ECDHE_ECDSA_WITH_AES_128_CCM
    C0AD ECDHE_ECDSA_WITH_AES_256_CCM
    C0AE ECDHE_ECDSA_WITH_AES_128_CCM_8
    C0AF ECDHE_ECDSA_WITH_AES_256_CCM_8
    CCA8 ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
    CCA9 ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
    CCAA DHE_RSA_WITH_CHACHA20_POLY1305_SHA256
"""
_NAME = re.compile(
    r"(?:(?P<exchange>[A-Z_]+?)_WITH_)?(?P<cipher>NULL|RC4_128|3DES_EDE_CBC|CHACHA20_POLY1305"
    r"|AES_(?P<bits>128|256)_(?P<mode>CBC|GCM|CCM_8|CCM))(?:_(?P<hash>MD5|SHA|SHA256|SHA384))?"
)


class CipherMode(Enum):
    """How a suite protects records (RFC 5246 §6.2.3; RFC 8446 §5.2)."""

    NULL = "NULL"
    STREAM = "RC4_128"
    TRIPLE_DES_CBC = "3DES_EDE_CBC"
    AES_CBC = "CBC"
    AES_GCM = "GCM"
    AES_CCM = "CCM"
    AES_CCM_8 = "CCM_8"
    CHACHA20_POLY1305 = "CHACHA20_POLY1305"


_KEY_OCTETS = {
    CipherMode.NULL: 0,
    CipherMode.STREAM: 16,
    CipherMode.TRIPLE_DES_CBC: 24,
    CipherMode.CHACHA20_POLY1305: 32,
}


class CipherSuite(NamedTuple):
    """`key_exchange` is empty in TLS 1.3, `mac` where the cipher authenticates; `prf` is the hash from TLS 1.2 on."""

    number: int
    name: str
    key_exchange: str
    mode: CipherMode
    key_octets: int
    mac: str
    prf: str

    @property
    def is_aead(self) -> bool:
        """Whether the cipher authenticates by itself."""
        return not self.mac


@functools.cache
def cipher_suites() -> dict[int, CipherSuite]:
    """All listed suites by their number."""
    pairs = (line.split() for line in _LISTED.strip().splitlines())
    return {int(number, 16): _read_suite(int(number, 16), name) for number, name in pairs}


def cipher_suite_name(number: int) -> str:
    """IANA's name, or the number where it isn't listed."""
    suite = cipher_suites().get(number)
    return f"0x{number:04X}" if suite is None else suite.name


def _read_suite(number: int, name: str) -> CipherSuite:
    found = _NAME.fullmatch(name)
    if found is None:
        raise ValueError(name)
    mode = CipherMode(found["mode"] or found["cipher"])
    is_aead = mode in (CipherMode.AES_GCM, CipherMode.AES_CCM, CipherMode.AES_CCM_8, CipherMode.CHACHA20_POLY1305)
    key_octets = int(found["bits"]) // 8 if found["bits"] else _KEY_OCTETS[mode]
    mac = "" if is_aead else {"SHA": "sha1"}.get(found["hash"], found["hash"].lower())
    prf = "sha384" if found["hash"] == "SHA384" else "sha256"
    return CipherSuite(number, f"TLS_{name}", found["exchange"] or "", mode, key_octets, mac, prf)
