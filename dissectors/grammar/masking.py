# SPDX-License-Identifier: GPL-2.0-only
"""Hides the secrets of SDP, SIP and RTSP text before it is shown: same length, every other character kept."""

import re
from collections.abc import Iterator

from dissectors.grammar.base64_text import parse_base64
from dissectors.grammar.key_mgmt import parse_priority_token
from dissectors.grammar.sdes import SESSION_PARAMETER
from dissectors.grammar.sip_headers import decode_text

MASK = "·"
# MIKEY data types that carry no key: answers, errors and Diffie-Hellman (RFC 3830 §6.1, RFC 4650 §3.1).
_KEYLESS_MIKEY_TYPES = frozenset((1, 3, 4, 5, 6, 7, 8))
_WORD = re.compile(r"\S+")
_TAG = re.compile(r"\S{1,10}")
_SUITE = re.compile(r"[A-Za-z0-9_]{1,40}")
_KEY_LIMIT = re.compile(r"[0-9^]{1,24}|[0-9]{1,24}:[0-9]{1,3}")
_TOKEN = re.compile(r"[A-Za-z0-9_.=:/-]{1,15}")
_FEC_KEY = "FEC_KEY="
_LINES = (
    ("crypto", re.compile(r"\bcrypto:([^\r\n]+)", re.IGNORECASE)),
    ("key-mgmt", re.compile(r"\bkey-mgmt:([^\r\n]+)", re.IGNORECASE)),
    ("mikey", re.compile(r"\b(?:data|MIKEY)=[ \t]*\"?([A-Za-z0-9+/=_-]{4,})", re.IGNORECASE)),
    ("mikey", re.compile(r"^mikey:[ \t]*([A-Za-z0-9+/=_-]{4,})", re.IGNORECASE | re.MULTILINE)),
    ("all", re.compile(r"^k=[^:\r\n]*:([^\r\n]+)", re.IGNORECASE | re.MULTILINE)),
    ("all", re.compile(r"\bice-pwd:([^\r\n]+)", re.IGNORECASE)),
    ("all", re.compile(r"\brtsps?u?://[^\s/@:]{0,256}:([^\s/@]{1,256})@", re.IGNORECASE)),
    ("all", re.compile(r"(?:^|:)[ \t]*Basic[ \t]+([A-Za-z0-9+/]{4,}={0,2})(?=\s*$)", re.IGNORECASE | re.MULTILINE)),
)

Span = tuple[int, int]


def _may_hold_keys(base64: str) -> bool:
    """Whether a MIKEY message could carry keys in the clear; what can't be decoded could."""
    octets = parse_base64(base64).octets
    return octets is None or len(octets) < 2 or octets[0] != 1 or octets[1] not in _KEYLESS_MIKEY_TYPES


def _key_spans(text: str, start: int) -> Iterator[Span]:
    """`method:key|lifetime|mki;…`: everything that is not a method, a lifetime or an MKI."""
    for piece in text.split(";"):
        position = start + piece.find(":") + 1
        for part in piece[position - start :].split("|"):
            if position == start + piece.find(":") + 1 or not _KEY_LIMIT.fullmatch(part):
                yield position, position + len(part)
            position += len(part) + 1
        start += len(piece) + 1


def _crypto_spans(text: str, start: int) -> Iterator[Span]:
    for place, word in enumerate(_WORD.finditer(text)):
        body, position = word[0], start + word.start()
        if (place == 0 and _TAG.fullmatch(body)) or (place == 1 and _SUITE.fullmatch(body)):
            continue
        if body.startswith(_FEC_KEY):
            body, position = body[len(_FEC_KEY) :], position + len(_FEC_KEY)
        elif place > 2 and SESSION_PARAMETER.fullmatch(body):
            continue
        yield from _key_spans(body, position)


def _key_mgmt_spans(text: str, start: int) -> Iterator[Span]:
    words = list(_WORD.finditer(text))
    if words and not _TOKEN.fullmatch(words[0][0]):
        yield start + words[0].start(), start + words[0].end()
    for place, word in enumerate(words[1:]):
        extra = place > 0 and _TOKEN.fullmatch(word[0])
        if not extra and parse_priority_token(word[0]) is None and (place > 0 or _may_hold_keys(word[0])):
            yield start + word.start(), start + word.end()


def _spans(text: str) -> Iterator[Span]:
    for kind, pattern in _LINES:
        for found in pattern.finditer(text):
            if kind == "crypto":
                yield from _crypto_spans(found[1], found.start(1))
            elif kind == "key-mgmt":
                yield from _key_mgmt_spans(found[1], found.start(1))
            elif kind == "all" or _may_hold_keys(found[1]):
                yield found.span(1)


def mask_sdp_secrets(text: bytes | str) -> str:
    """The text with every secret character replaced by `·`, as long as before; octets are decoded first.

    Secret are inline keys of `crypto` (also in `acap` and FEC_KEY), `k=` values, `ice-pwd`, passwords and MIKEY
    messages that could carry clear keys (`key-mgmt`, RTSP's KeyMgmt). Not a parser: it masks more rather than less.
    """
    shown = decode_text(text) if isinstance(text, bytes) else text
    pieces: list[str] = []
    position = 0
    for start, end in sorted(_spans(shown)):
        if end > position:
            start = max(start, position)
            pieces += [shown[position:start], MASK * (end - start)]
            position = end
    return "".join(pieces) + shown[position:]
