# SPDX-License-Identifier: GPL-2.0-only
"""Identity and its PASSporT (RFC 8224, RFC 8225): who vouches for a call, and for which media keys (`mky`)."""

import json
from typing import Any, NamedTuple

from dissectors.grammar.base64_text import parse_base64
from dissectors.grammar.defects import Defect
from dissectors.grammar.sip_address import parse_params

MAX_PASSPORT_OCTETS = 32 * 1024
MAX_BRACKETS = 400  # so that reading can't go deep
_CLAUSE = "RFC 8225 §4"


class MediaKey(NamedTuple):
    """One fingerprint of `mky`: hash algorithm in lower case, digest as upper-case hexadecimal pairs with colons."""

    algorithm: str
    digest: str


class Identity(NamedTuple):
    """One Identity header; of the compact form (`is_compact`) header and claims are not on the wire.

    `media_keys` is None where the token has no `mky`. Nothing here is verified: that takes the certificate of `info`.
    """

    info: str | None
    algorithm: str | None
    extension: str | None
    is_compact: bool
    header: dict[str, Any] | None
    claims: dict[str, Any] | None
    signed: bytes
    signature: bytes | None
    media_keys: tuple[MediaKey, ...] | None
    defects: tuple[Defect, ...] = ()


def parse_identity(value: str) -> Identity:
    """One Identity value (RFC 8224 §4); never raises: what can't be read stands in `defects`."""
    token, _, rest = value.partition(";")
    params = {name.lower(): text for name, text in parse_params(rest)}
    parts = token.strip().strip('"').split(".")
    defects: list[Defect] = []
    header = claims = None
    signature = None
    if len(parts) != 3 or len(token) > MAX_PASSPORT_OCTETS:
        defects.append(Defect("passport-form", 0, _CLAUSE, f"{len(parts)} parts"))
        parts = ["", "", ""]
    else:
        signature = _octets(parts[2])
        header, claims = (
            _json_object(part, name, defects) for part, name in zip(parts[:2], ("header", "claims"), strict=True)
        )
    info = params.get("info")
    return Identity(
        info=info.strip("<>") if info else None,
        algorithm=params.get("alg") or _text(header, "alg"),
        extension=params.get("ppt") or _text(header, "ppt"),
        is_compact=parts[0] == parts[1] == "" and bool(parts[2]),
        header=header,
        claims=claims,
        signed=f"{parts[0]}.{parts[1]}".encode("ascii", "backslashreplace"),
        signature=signature,
        media_keys=_media_keys(claims, defects),
        defects=tuple(defects),
    )


def _octets(text: str) -> bytes | None:
    """base64url without padding (RFC 7515 §2)."""
    return parse_base64(text.replace("-", "+").replace("_", "/")).octets


def _json_object(part: str, name: str, defects: list[Defect]) -> dict[str, Any] | None:
    if not part:
        return None  # the compact form
    octets = _octets(part)
    try:
        tame = octets is not None and octets.count(b"[") + octets.count(b"{") <= MAX_BRACKETS
        value = json.loads(octets or b"") if tame else None
    except ValueError:
        value = None
    if not isinstance(value, dict):
        defects.append(Defect(f"passport-{name}-unreadable", 0, _CLAUSE))
        return None
    return value


def _text(value: dict[str, Any] | None, name: str) -> str | None:
    found = (value or {}).get(name)
    return found if isinstance(found, str) else None


def _media_keys(claims: dict[str, Any] | None, defects: list[Defect]) -> tuple[MediaKey, ...] | None:
    """The array of `alg` and `dig` (RFC 8225 §5.2.2)."""
    if claims is None or "mky" not in claims:
        return None
    listed = claims["mky"] if isinstance(claims["mky"], list) else [claims["mky"]]
    found = []
    for one in listed:
        algorithm, digest = (_text(one, name) if isinstance(one, dict) else None for name in ("alg", "dig"))
        if algorithm is None or digest is None:
            defects.append(Defect("passport-mky-form", 0, "RFC 8225 §5.2.2"))
            continue
        digits = digest.replace(":", "").upper()
        found.append(MediaKey(algorithm.lower(), ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))))
    return tuple(found)
