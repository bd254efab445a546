# SPDX-License-Identifier: GPL-2.0-only
"""SDP attributes of DTLS-SRTP and ZRTP: `fingerprint`, `setup`, `zrtp-hash` (RFC 8122, RFC 4145, RFC 6189)."""

import re
from typing import NamedTuple

from dissectors.grammar.defects import Defect
from dissectors.grammar.errors import Malformed
from dissectors.grammar.late_dataclass import dataclass

DIGEST_OCTETS = {"md2": 16, "md5": 16, "sha-1": 20, "sha-224": 28, "sha-256": 32, "sha-384": 48, "sha-512": 64}
SETUP_ROLES = ("active", "passive", "actpass", "holdconn")
_PAIRS = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})*")
_ZRTP_HASH = re.compile(r"([0-9]+(?:\.[0-9]+)*)[ \t]+([0-9A-Fa-f]+)")
ZRTP_HASH_DIGITS = 64


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A certificate's fingerprint: lower-cased hash function and digest; `text` is the value as written."""

    hash_function: str
    digest: bytes | None
    defects: tuple[Defect, ...]
    text: str


class ZrtpHash(NamedTuple):
    """The hash of a ZRTP Hello: protocol version and lower-cased hex (RFC 6189 §8)."""

    version: str
    hash_hex: str
    defects: tuple[Defect, ...] = ()


class Setup(NamedTuple):
    """Who opens the association: `role` as spelled, lower-cased (RFC 4145 §4)."""

    role: str
    defects: tuple[Defect, ...] = ()


def parse_fingerprint(value: str) -> Fingerprint:
    """The value of a `fingerprint` attribute (RFC 8122 §5); raises `Malformed` for an empty value."""
    words = value.split()
    if not words:
        raise Malformed("a fingerprint names a hash function", clause="RFC 8122 §5")
    name, text = words[0].lower(), "".join(words[1:])
    defects: list[Defect] = []
    digest: bytes | None = None
    if _PAIRS.fullmatch(text):
        digest = bytes.fromhex(text.replace(":", ""))
        if text != text.upper():
            defects.append(Defect("hex-not-upper-case", len(name) + 1, "RFC 8122 §5"))
    else:
        defects.append(Defect("fingerprint-form", len(name) + 1, "RFC 8122 §5"))
    if len(words) > 2:
        defects.append(Defect("space-in-fingerprint", len(name) + 1, "RFC 8122 §5"))
    if name not in DIGEST_OCTETS:
        defects.append(Defect("hash-function-unknown", 0, "RFC 8122 §5", name[:32]))
    elif digest is not None and len(digest) != DIGEST_OCTETS[name]:
        defects.append(Defect("digest-length", len(name) + 1, "RFC 8122 §5", str(len(digest))))
    return Fingerprint(name, digest, tuple(defects), value)


def build_fingerprint(fingerprint: Fingerprint) -> str:
    """The value as it was written."""
    return fingerprint.text


def make_fingerprint(hash_function: str, digest: bytes) -> Fingerprint:
    """A fingerprint from its parts."""
    return parse_fingerprint(f"{hash_function} {digest.hex(':').upper()}")


def parse_setup(value: str) -> Setup:
    """The value of a `setup` attribute; a role that RFC 4145 §4 does not name is a defect."""
    role = value.strip().lower()
    return Setup(role, () if role in SETUP_ROLES else (Defect("setup-role-unknown", 0, "RFC 4145 §4", role[:32]),))


def parse_zrtp_hash(value: str) -> ZrtpHash:
    """The value of a `zrtp-hash` attribute (RFC 6189 §8.1); raises `Malformed` when it is not version and hex."""
    found = _ZRTP_HASH.fullmatch(value.strip())
    if found is None:
        raise Malformed("zrtp-hash is a version and a hash in hex", clause="RFC 6189 §8.1")
    digits = len(found[2])
    defects = (
        ()
        if digits == ZRTP_HASH_DIGITS
        else (Defect("zrtp-hash-length", found.start(2), "RFC 6189 §8.1", str(digits)),)
    )
    return ZrtpHash(found[1], found[2].lower(), defects)
