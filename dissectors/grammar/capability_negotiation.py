# SPDX-License-Identifier: GPL-2.0-only
"""SDP capability negotiation: `acap`, `tcap`, `pcfg`, `acfg` (RFC 5939 §3.4–3.5)."""

import re
from dataclasses import field

from dissectors.grammar.defects import Defect
from dissectors.grammar.errors import Malformed
from dissectors.grammar.late_dataclass import dataclass

MAX_NUMBER = 2**31 - 1
MAX_ALTERNATIVES = 256
_NUMBER = re.compile(r"[0-9]{1,10}")
_DELETES = re.compile(r"-(ms|m|s)(?::(.*))?")
_ATTRIBUTE_LIST = re.compile(r"([0-9,]*?),?(?:\[([0-9,]+)\])?")


@dataclass(frozen=True, slots=True)
class AttributeCapability:
    """`a=acap:n name[:value]`: an attribute that a configuration may add; its value may hold keys (§3.4.1)."""

    number: int
    name: str
    value: str | None = field(repr=False)
    defects: tuple[Defect, ...]
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TransportCapabilities:
    """`a=tcap:n proto …`: the first proto has number `first`, the next one more, and so on (§3.4.2)."""

    first: int
    protos: tuple[str, ...]
    defects: tuple[Defect, ...]
    text: str

    @property
    def by_number(self) -> dict[int, str]:
        """The protos by their capability number."""
        return dict(enumerate(self.protos, self.first))


@dataclass(frozen=True, slots=True)
class PotentialConfiguration:
    """`a=pcfg` or `a=acfg`: alternatives by preference, the most preferred first (§3.5.1, §3.5.2).

    Each of `attribute_alternatives` lists mandatory, then optional acap numbers; `optional_attributes` holds the
    optional ones of the same place. `deletes` is "", "m", "s" or "ms". `other` are extension lists as written.
    """

    number: int
    attribute_alternatives: tuple[tuple[int, ...], ...]
    optional_attributes: tuple[tuple[int, ...], ...]
    deletes: str
    transport_alternatives: tuple[int, ...]
    other: tuple[str, ...]
    defects: tuple[Defect, ...]
    text: str


def _split_number(value: str, what: str, clause: str, defects: list[Defect]) -> tuple[int, str]:
    head, _, rest = value.lstrip().replace("\t", " ").partition(" ")
    if not _NUMBER.fullmatch(head):
        raise Malformed(what + " begins with a number", clause=clause)
    if value[:1].isspace():
        defects.append(Defect("space-before-number", 0, clause))
    if not 1 <= int(head) <= MAX_NUMBER:
        defects.append(Defect("number-out-of-range", 0, clause, head))
    return int(head), rest.strip()


def parse_acap(value: str) -> AttributeCapability:
    """The value of an `acap` attribute; raises `Malformed` when it does not begin with a number."""
    defects: list[Defect] = []
    number, rest = _split_number(value, "acap", "RFC 5939 §3.4.1", defects)
    offset = len(value) - len(rest)
    if rest.startswith("a="):
        rest = rest[2:]
        defects.append(Defect("acap-with-attribute-prefix", offset, "RFC 5939 §3.4.1"))
    name, colon, text = rest.partition(":")
    if not name:
        defects.append(Defect("acap-without-attribute", offset, "RFC 5939 §3.4.1"))
    if name in ("acap", "pcfg", "acfg", "tcap"):
        defects.append(Defect("acap-embeds-negotiation", offset, "RFC 5939 §3.4.1", name))
    return AttributeCapability(number, name, text if colon else None, tuple(defects), value)


def parse_tcap(value: str) -> TransportCapabilities:
    """The value of a `tcap` attribute; raises `Malformed` when it does not begin with a number."""
    defects: list[Defect] = []
    number, rest = _split_number(value, "tcap", "RFC 5939 §3.4.2", defects)
    protos = tuple(rest.split())
    if not protos:
        defects.append(Defect("tcap-without-proto", len(value), "RFC 5939 §3.4.2"))
    return TransportCapabilities(number, protos, tuple(defects), value)


def _numbers(text: str) -> tuple[int, ...] | None:
    """`1,2,3`; None when a piece is no number."""
    pieces = text.split(",") if text else []
    return tuple(map(int, pieces)) if all(map(_NUMBER.fullmatch, pieces)) else None


def _parse_attribute_list(text: str) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """One alternative, `1,2,[3,4]`: all its numbers, and the optional ones."""
    found = _ATTRIBUTE_LIST.fullmatch(text)
    if found is None or not text:
        return None
    mandatory, optional = _numbers(found[1]), _numbers(found[2] or "")
    return None if mandatory is None or optional is None else (mandatory + optional, optional)


def _parse_configuration(value: str, what: str, clause: str) -> PotentialConfiguration:
    defects: list[Defect] = []
    number, rest = _split_number(value, what, clause, defects)
    attributes: list[tuple[int, ...]] = []
    optionals: list[tuple[int, ...]] = []
    transports: list[int] = []
    other: list[str] = []
    deletes = ""
    for word in rest.split():
        kind, _, text = word.partition("=")
        if kind == "a":
            deletion = _DELETES.fullmatch(text)
            if deletion is not None:
                deletes, text = deletion[1], deletion[2] or ""
            for alternative in text.split("|")[:MAX_ALTERNATIVES] if text else ():
                found = _parse_attribute_list(alternative)
                if found is None:
                    defects.append(Defect("attribute-list-form", 0, clause, alternative[:64]))
                else:
                    attributes.append(found[0])
                    optionals.append(found[1])
        elif kind == "t":
            for alternative in text.split("|")[:MAX_ALTERNATIVES]:
                if _NUMBER.fullmatch(alternative):
                    transports.append(int(alternative))
                else:
                    defects.append(Defect("transport-list-form", 0, clause, alternative[:64]))
        else:
            other.append(word)
    return PotentialConfiguration(
        number, tuple(attributes), tuple(optionals), deletes, tuple(transports), tuple(other), tuple(defects), value
    )


def parse_pcfg(value: str) -> PotentialConfiguration:
    """The value of a `pcfg` attribute; raises `Malformed` when it does not begin with a number."""
    return _parse_configuration(value, "pcfg", "RFC 5939 §3.5.1")


def parse_acfg(value: str) -> PotentialConfiguration:
    """The value of an `acfg` attribute; raises `Malformed` when it does not begin with a number."""
    return _parse_configuration(value, "acfg", "RFC 5939 §3.5.2")


def build_capability(capability: AttributeCapability | TransportCapabilities | PotentialConfiguration) -> str:
    """The value as it was written."""
    return capability.text


def _attribute_list(numbers: tuple[int, ...], optional: tuple[int, ...]) -> str:
    mandatory = ",".join(str(number) for number in numbers if number not in optional)
    in_brackets = f"[{','.join(map(str, optional))}]" if optional else ""
    return ",".join(part for part in (mandatory, in_brackets) if part)


def make_configuration(
    number: int,
    attribute_alternatives: tuple[tuple[int, ...], ...] = (),
    optional_attributes: tuple[tuple[int, ...], ...] = (),
    deletes: str = "",
    transport_alternatives: tuple[int, ...] = (),
    other: tuple[str, ...] = (),
) -> PotentialConfiguration:
    """A `pcfg` or `acfg` from its parts, in the canonical spelling."""
    optionals = optional_attributes + ((),) * (len(attribute_alternatives) - len(optional_attributes))
    lists = "|".join(map(_attribute_list, attribute_alternatives, optionals))
    deletion = f"-{deletes}{':' if lists else ''}" if deletes else ""
    words = [str(number)]
    if deletion or lists:
        words.append(f"a={deletion}{lists}")
    if transport_alternatives:
        words.append("t=" + "|".join(map(str, transport_alternatives)))
    return parse_pcfg(" ".join((*words, *other)))
