# SPDX-License-Identifier: GPL-2.0-only
"""The lines that key a medium, each as what it offers and the key or message with which it does."""

from collections.abc import Sequence

from analyzer.model.mikey_modes import MIKEY_MODES
from dissectors.grammar.base64_text import parse_base64
from dissectors.grammar.sdp import MediaDescription, SessionDescription

KEYING = ("crypto", "key-mgmt", "fingerprint")
POTENTIAL = "acap "
FINGERPRINT = "fingerprint "
Line = tuple[str, str]  # what a keying line offers, and the key or message with which it does


def keying_lines(session: SessionDescription, media: MediaDescription) -> list[Line]:
    """The keying lines that hold for a medium, in order, those of potential configurations behind `acap`.

    Secrets stay in the second half, which is only compared.
    """
    found = _level_lines(media)
    own = {name.partition(" ")[0] for name, _ in found}
    return [*(line for line in _level_lines(session) if line[0].partition(" ")[0] not in own), *found]


def _level_lines(level: SessionDescription | MediaDescription) -> list[Line]:
    lines = []
    for attribute in level.attributes:
        if attribute.name in KEYING:
            lines.append(_line(attribute.name, attribute.value or ""))
        elif attribute.name == "acap":
            name, _, value = (attribute.value or "").partition(" ")[2].strip().partition(":")
            if name in KEYING:
                what, key = _line(name, value)
                lines.append((POTENTIAL + what, key))
    return lines


def _line(name: str, value: str) -> Line:
    words = value.split()
    if name == "crypto":
        return f"crypto {words[1] if len(words) > 1 else ''}", " ".join(words[2:])
    if name == "fingerprint":  # names and hexadecimal in either case (RFC 8122 §5)
        return FINGERPRINT + "".join(words[:1]).lower(), "".join(words[1:]).upper()
    return f"{name} {words[0] if words else ''}{_mode(words)}", " ".join(words[1:])


def _mode(words: Sequence[str]) -> str:
    """The key agreement of a key-mgmt line for MIKEY, which is the message's data type (RFC 3830 §6.1)."""
    if len(words) < 2 or words[0] != "mikey":
        return ""
    octets = parse_base64(words[1][:4]).octets or b""
    mode = MIKEY_MODES.get(octets[1]) if len(octets) > 1 else None
    return f" ({mode})" if mode else ""
