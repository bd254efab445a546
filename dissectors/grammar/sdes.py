# SPDX-License-Identifier: GPL-2.0-only
"""The SDP `crypto` attribute: suites and inline keys for SRTP (RFC 4568)."""

import binascii
import re
from collections.abc import Sequence
from typing import NamedTuple

from dissectors.grammar.base64_text import build_base64, parse_base64
from dissectors.grammar.defects import Defect
from dissectors.grammar.errors import Malformed
from dissectors.grammar.secret import Secret

IANA_SUITES = (
    "AES_CM_128_HMAC_SHA1_80",
    "AES_CM_128_HMAC_SHA1_32",
    "F8_128_HMAC_SHA1_80",
    "SEED_CTR_128_HMAC_SHA1_80",
    "SEED_128_CCM_80",
    "SEED_128_GCM_96",
    "AES_192_CM_HMAC_SHA1_80",
    "AES_192_CM_HMAC_SHA1_32",
    "AES_256_CM_HMAC_SHA1_80",
    "AES_256_CM_HMAC_SHA1_32",
    "AEAD_AES_128_GCM",
    "AEAD_AES_256_GCM",
)
_ALIASES = {
    "AES_F8_128_HMAC_SHA1_80": "F8_128_HMAC_SHA1_80",
    "AES_128_F8_HMAC_SHA1_80": "F8_128_HMAC_SHA1_80",
    "AES_128_CM_HMAC_SHA1_80": "AES_CM_128_HMAC_SHA1_80",
    "AES_128_CM_HMAC_SHA1_32": "AES_CM_128_HMAC_SHA1_32",
    "AES_CM_192_HMAC_SHA1_80": "AES_192_CM_HMAC_SHA1_80",
    "AES_CM_192_HMAC_SHA1_32": "AES_192_CM_HMAC_SHA1_32",
    "AES_CM_256_HMAC_SHA1_80": "AES_256_CM_HMAC_SHA1_80",
    "AES_CM_256_HMAC_SHA1_32": "AES_256_CM_HMAC_SHA1_32",
}
_CANONICAL = {name: name for name in IANA_SUITES} | _ALIASES
MAX_KEYS = 64
MAX_LIFETIME_EXPONENT = 64
MAX_MKI_OCTETS = 128
_FIELD = re.compile(r"[^ \t\r\n]+")
_SUITE = re.compile(r"[A-Za-z0-9_]+")
_TAG = re.compile(r"[0-9]{1,9}")
_LIFETIME = re.compile(r"(2\^)?([0-9]{1,20})")
_MKI = re.compile(r"([0-9]{1,310}):([0-9]{1,3})")
INDEX_BITS = 48  # of an SRTP packet (RFC 3711 §3.3.1)
_KDR = re.compile(r"KDR=([0-9]{1,2})")
# What may be shown of a session parameter: the names of §6.3 and short extensions, nothing that could be a key.
SESSION_PARAMETER = re.compile(
    r"KDR=[0-9]{1,2}|UNENCRYPTED_SRTP|UNENCRYPTED_SRTCP|UNAUTHENTICATED_SRTP"
    r"|FEC_ORDER=(?:FEC_SRTP|SRTP_FEC)|FEC_KEY=|WSH=[0-9]{2,6}|-[A-Za-z0-9_]{1,24}(?:=[A-Za-z0-9_.]{0,12})?"
)
_EXTENSION = re.compile(r"[A-Za-z0-9_]{1,24}(?:=[A-Za-z0-9_.]{0,12})?")
UNSHOWN_PARAMETER = "?"
_FEC_KEY = "FEC_KEY="
# A line as nearly every phone writes it: suite and one key of 30 octets, nothing else, nothing odd.
_ORDINARY = re.compile(r"([1-9][0-9]{0,8}) ([A-Za-z0-9_]+) inline:([A-Za-z0-9+/]{40})")
_PREFIX = re.compile(r"[ \t]*(?:a=)?crypto:", re.IGNORECASE)


class KeyParameter(NamedTuple):
    """One `inline:` key: `key_salt` is key and salt together, `lifetime` counts packets, `mki` is `mki_octets` long.

    `text_offset` counts characters of the attribute value. What is absent or unreadable is None (RFC 4568 §6.1).
    """

    method: str
    key_salt: Secret | None
    lifetime: int | None = None
    mki: int | None = None
    mki_octets: int | None = None
    text_offset: int = 0


class CryptoAttribute(NamedTuple):
    """One `a=crypto` value; `suite` as spelled, `session_parameters` in order with the FEC key taken out.

    `source` is the value as written, kept secret because it holds the keys. Implements RFC 4568 §9.
    """

    tag: int | None
    suite: str
    keys: tuple[KeyParameter, ...]
    session_parameters: tuple[str, ...]
    fec_keys: tuple[KeyParameter, ...]
    defects: tuple[Defect, ...]
    source: Secret

    @property
    def unencrypted_srtp(self) -> bool:
        """UNENCRYPTED_SRTP is set (§6.3.2)."""
        return "UNENCRYPTED_SRTP" in self.session_parameters

    @property
    def unencrypted_srtcp(self) -> bool:
        """UNENCRYPTED_SRTCP is set (§6.3.2)."""
        return "UNENCRYPTED_SRTCP" in self.session_parameters

    @property
    def unauthenticated_srtp(self) -> bool:
        """UNAUTHENTICATED_SRTP is set (§6.3.3)."""
        return "UNAUTHENTICATED_SRTP" in self.session_parameters

    @property
    def kdr(self) -> int | None:
        """The exponent n of a key derivation rate of 2^n packets; None when not stated (§6.3.1)."""
        for parameter in self.session_parameters:
            if (found := _KDR.fullmatch(parameter)) is not None:
                return int(found[1])
        return None

    @property
    def key_derivation_rate(self) -> int:
        """The rate in packets, 0 for keys that are derived once: none was stated, or 2^n is beyond every index."""
        return 1 << self.kdr if self.kdr and self.kdr < INDEX_BITS else 0


def canonical_suite(name: str) -> str:
    """The IANA spelling of a suite name that differs in case or in the order of its words; others unchanged."""
    return _CANONICAL.get(name.upper(), name)


def _parse_lifetime(text: str, offset: int, defects: list[Defect]) -> int | None:
    """`2^n` or decimal packets (§6.1)."""
    found = _LIFETIME.fullmatch(text)
    number = int(found[2]) if found else 0
    if found is None or not number or (found[1] and number > MAX_LIFETIME_EXPONENT):
        defects.append(Defect("lifetime-form", offset, "RFC 4568 §6.1"))
        return None
    if found[2][0] == "0":
        defects.append(Defect("lifetime-leading-zero", offset, "RFC 4568 §6.1"))
    return 1 << number if found[1] else number


def _parse_mki(text: str, offset: int, defects: list[Defect]) -> tuple[int, int] | tuple[None, None]:
    """`value:octets` (§6.1)."""
    found = _MKI.fullmatch(text)
    octets = int(found[2]) if found else 0
    if found is None or not 1 <= octets <= MAX_MKI_OCTETS:
        defects.append(Defect("mki-form", offset, "RFC 4568 §6.1"))
        return None, None
    if int(found[1]) >> (8 * octets):
        defects.append(Defect("mki-exceeds-length", offset, "RFC 4568 §6.1"))
    return int(found[1]), octets


def _parse_key(text: str, offset: int, defects: list[Defect]) -> KeyParameter:
    method, colon, info = text.partition(":")
    if not colon or method.lower() != "inline":
        defects.append(Defect("key-method", offset, "RFC 4568 §6.1"))
        return KeyParameter(method if colon else "", None, text_offset=offset)
    if method != "inline":
        defects.append(Defect("key-method-case", offset, "RFC 4568 §9.2", method))
    key_text, *rest = info.split("|")
    position = offset + len(method) + 1
    decoded = parse_base64(key_text)
    defects.extend(Defect(code, position, "RFC 4568 §6.1") for code in decoded.oddities)
    if not decoded.octets:
        defects.append(Defect("key-unreadable", position, "RFC 4568 §6.1"))
    lifetime: int | None = None
    mki: int | None = None
    mki_octets: int | None = None
    position += len(key_text) + 1
    for place, piece in enumerate(rest):
        if ":" in piece and place == len(rest) - 1:
            mki, mki_octets = _parse_mki(piece, position, defects)
        elif place == 0:
            lifetime = _parse_lifetime(piece, position, defects)
        else:
            defects.append(Defect("key-info-form", position, "RFC 4568 §9.2"))
        position += len(piece) + 1
    key_salt = Secret(decoded.octets) if decoded.octets else None
    return KeyParameter(method, key_salt, lifetime, mki, mki_octets, offset)


def _parse_keys(text: str, offset: int, defects: list[Defect]) -> tuple[KeyParameter, ...]:
    pieces = text.split(";")
    if len(pieces) > MAX_KEYS:
        defects.append(Defect("too-many-keys", offset, "RFC 4568 §9.1", str(MAX_KEYS)))
    keys: list[KeyParameter] = []
    for piece in pieces[:MAX_KEYS]:
        if piece:
            keys.append(_parse_key(piece, offset, defects))
        else:
            defects.append(Defect("key-empty", offset, "RFC 4568 §9.1"))
        offset += len(piece) + 1
    if len(keys) > 1 and any(key.mki is None for key in keys):
        defects.append(Defect("several-keys-without-mki", keys[0].text_offset, "RFC 4568 §6.1"))
    if len({key.mki_octets for key in keys}) > 1:
        defects.append(Defect("mki-lengths-differ", keys[0].text_offset, "RFC 4568 §6.1"))
    return tuple(keys)


def _parse_parameters(
    found: Sequence[re.Match[str]], defects: list[Defect]
) -> tuple[tuple[str, ...], tuple[KeyParameter, ...]]:
    """Session parameters (§6.3); a FEC key, and whatever could be a misplaced key, is kept out of the text."""
    parameters: list[str] = []
    fec_keys: tuple[KeyParameter, ...] = ()
    for match in found:
        text = match[0]
        if text.startswith(_FEC_KEY):
            fec_keys += _parse_keys(text[len(_FEC_KEY) :], match.start() + len(_FEC_KEY), defects)
            text = _FEC_KEY
        if not SESSION_PARAMETER.fullmatch(text):
            defects.append(Defect("session-parameter-unknown", match.start(), "RFC 4568 §6.3.7"))
            text = text if _EXTENSION.fullmatch(text) else UNSHOWN_PARAMETER
        parameters.append(text)
    return tuple(parameters), fec_keys


def _parse_tag(found: re.Match[str], defects: list[Defect]) -> int | None:
    text = found[0]
    if not _TAG.fullmatch(text):
        defects.append(Defect("tag-form", found.start(), "RFC 4568 §4.1"))
        return None
    if text[0] == "0" and len(text) > 1:
        defects.append(Defect("tag-leading-zero", found.start(), "RFC 4568 §4.1"))
    return int(text)


def parse_crypto(value: str) -> CryptoAttribute:
    """The value of a `crypto` attribute, or a whole pasted `a=crypto:…` line.

    Offsets count characters of `value`. Raises `Malformed` when there are not even a tag and a suite.
    """
    if (ordinary := _ORDINARY.fullmatch(value)) is not None:
        key = KeyParameter("inline", Secret(binascii.a2b_base64(ordinary[3])), text_offset=ordinary.end(2) + 1)
        return CryptoAttribute(int(ordinary[1]), ordinary[2], (key,), (), (), (), Secret(value.encode("ascii")))
    prefix = _PREFIX.match(value)
    fields = list(_FIELD.finditer(value, prefix.end() if prefix else 0))
    if len(fields) < 2:
        raise Malformed("a crypto attribute has a tag, a suite and a key", clause="RFC 4568 §9.1")
    defects: list[Defect] = []
    tag = _parse_tag(fields[0], defects)
    suite, rest = fields[1][0], fields[2:]
    if ":" in suite:
        # A key where the suite should stand must not be shown as the suite's name.
        suite, rest = "", fields[1:]
    if not _SUITE.fullmatch(suite):
        defects.append(Defect("suite-form", fields[1].start(), "RFC 4568 §9.1"))
    keys: tuple[KeyParameter, ...] = ()
    if rest:
        keys = _parse_keys(rest[0][0], rest[0].start(), defects)
    else:
        defects.append(Defect("key-missing", fields[1].end(), "RFC 4568 §9.1"))
    parameters, fec_keys = _parse_parameters(rest[1:], defects)
    source = Secret(value.encode("utf-8", "surrogatepass"))
    return CryptoAttribute(tag, suite, keys, parameters, fec_keys, tuple(defects), source)


def build_crypto(attribute: CryptoAttribute) -> str:
    """The attribute's text as it was written; it holds the keys."""
    return attribute.source.reveal().decode("utf-8", "surrogatepass")


def _key_text(key: KeyParameter) -> str:
    if key.key_salt is None:
        raise Malformed("a crypto attribute can't be written without its key", clause="RFC 4568 §9.1")
    text = f"{key.method}:{build_base64(key.key_salt.reveal())}"
    if key.lifetime is not None:
        exponent = key.lifetime.bit_length() - 1
        text += f"|2^{exponent}" if key.lifetime == 1 << exponent and exponent else f"|{key.lifetime}"
    return text if key.mki is None else f"{text}|{key.mki}:{key.mki_octets}"


def make_crypto(
    tag: int, suite: str, keys: Sequence[KeyParameter], session_parameters: Sequence[str] = ()
) -> CryptoAttribute:
    """A crypto attribute from its parts, in the canonical spelling."""
    return parse_crypto(" ".join([str(tag), suite, ";".join(map(_key_text, keys)), *session_parameters]))
