# SPDX-License-Identifier: GPL-2.0-only
"""The SDP `key-mgmt` attribute (RFC 4567 §3.1) and the priority tokens that stand behind or instead of its data."""

import re
from dataclasses import field

from dissectors.grammar.base64_text import build_base64, parse_base64
from dissectors.grammar.defects import Defect
from dissectors.grammar.errors import Malformed
from dissectors.grammar.late_dataclass import dataclass

_WORD = re.compile(r"[^ \t\r\n]+")
_PROTOCOL = re.compile(r"[A-Za-z0-9]+")
_PRIORITY = re.compile(r"([A-Za-z][A-Za-z0-9_./-]*)[=:](-?[0-9]{1,9})")
_CHUNK = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_NAME_ALONE = re.compile(r"[A-Za-z]{1,7}")
_PREFIX = re.compile(r"[ \t]*(?:a=)?key-mgmt:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class KeyMgmtAttribute:
    """One `a=key-mgmt` value: protocol (`mikey`), its message, and the words after it.

    `data` is None when there is no base64 or it can't be decoded; `data_text` is the base64 as written, with spaces
    taken out. `text` is the whole value. Neither data nor text is in the repr: a MIKEY message may hold clear keys.
    """

    protocol: str
    data: bytes | None = field(repr=False)
    data_text: str = field(repr=False)
    extra_tokens: tuple[str, ...]
    defects: tuple[Defect, ...]
    text: str = field(repr=False)

    @property
    def priorities(self) -> tuple[tuple[str, int], ...]:
        """The extra tokens that read as `NAME=number` or `NAME:number`, in order."""
        found = (parse_priority_token(token) for token in self.extra_tokens)
        return tuple(priority for priority in found if priority is not None)


def parse_priority_token(token: str) -> tuple[str, int] | None:
    """`NAME=number` or `NAME:number` as (name, number); None for anything else. A negative number is kept."""
    found = _PRIORITY.fullmatch(token)
    return (found[1], int(found[2])) if found else None


def _data_words(words: list[re.Match[str]]) -> int:
    """How many of the words belong to the base64: the first, and what an archive folded onto it."""
    if not words or _PRIORITY.fullmatch(words[0][0]):
        return 0
    count = 1
    while count < len(words) and not words[count - 1][0].endswith("="):
        word = words[count][0]
        if not _CHUNK.fullmatch(word) or _NAME_ALONE.fullmatch(word) or _PRIORITY.fullmatch(word):
            break
        count += 1
    return count


def parse_key_mgmt(value: str) -> KeyMgmtAttribute:
    """The value of a `key-mgmt` attribute, or a whole pasted `a=key-mgmt:…` line.

    Base64 that can't be decoded, missing padding and spaces inside are defects; a value of priority tokens alone
    has no data. Offsets count characters. Raises `Malformed` for an empty value.
    """
    prefix = _PREFIX.match(value)
    words = list(_WORD.finditer(value, prefix.end() if prefix else 0))
    if not words:
        raise Malformed("a key-mgmt attribute names a protocol", clause="RFC 4567 §3.1")
    defects: list[Defect] = []
    protocol, *rest = words
    if not _PROTOCOL.fullmatch(protocol[0]):
        defects.append(Defect("protocol-form", protocol.start(), "RFC 4567 §3.1"))
    count = _data_words(rest)
    data_text = "".join(word[0] for word in rest[:count])
    data: bytes | None = None
    if count:
        decoded = parse_base64(data_text)
        data = decoded.octets
        defects.extend(Defect(code, rest[0].start(), "RFC 4567 §3.1") for code in decoded.oddities)
        if count > 1:
            defects.append(Defect("space-in-base64", rest[0].end(), "RFC 4567 §3.1"))
    else:
        defects.append(Defect("data-missing", protocol.end(), "RFC 4567 §3.1"))
    if len(rest) > count:
        defects.append(Defect("extra-tokens", rest[count].start(), "RFC 4567 §3.1"))
    extra = tuple(word[0] for word in rest[count:])
    return KeyMgmtAttribute(protocol[0], data, data_text, extra, tuple(defects), value)


def build_key_mgmt(attribute: KeyMgmtAttribute) -> str:
    """The value as it was written."""
    return attribute.text


def make_key_mgmt(protocol: str, data: bytes, extra_tokens: tuple[str, ...] = ()) -> KeyMgmtAttribute:
    """A key-mgmt attribute from its parts."""
    return parse_key_mgmt(" ".join((protocol, build_base64(data), *extra_tokens)))
