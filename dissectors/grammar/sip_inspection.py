# SPDX-License-Identifier: GPL-2.0-only
"""Everything that strays from the grammar in one message: what `parse_sip` passes over because few ever ask."""

import re
from collections.abc import Callable, Iterator

from dissectors.grammar.defects import Defect
from dissectors.grammar.sip import SipMessage
from dissectors.grammar.sip_address import parse_name_addr, split_header_list
from dissectors.grammar.sip_headers import Header, long_name
from dissectors.grammar.sip_uri import SIP_SCHEMES, parse_sip_uri
from dissectors.grammar.sip_via import parse_via_list

MAX_DEFECTS = 200
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DATE = re.compile(rf"{_DAY}, [0-3][0-9] {_MONTH} [0-9]{{4}} [0-2][0-9]:[0-5][0-9]:[0-6][0-9] GMT")
_NUMBER = re.compile(r"[0-9]{1,10}")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_KNOWN_SCHEMES = SIP_SCHEMES | frozenset(("tel", "urn", "mailto", "im", "pres", "http", "https", "cid", "data"))
_KNOWN_AUTHENTICATION = frozenset(("digest", "basic", "bearer"))
# IANA's registry of SIP option tags.
_OPTION_TAGS = frozenset(
    (
        *("100rel", "199", "answermode", "early-session", "eventlist", "explicitsub", "from-change"),
        *("geolocation-http", "geolocation-sip", "gin", "gruu", "histinfo", "ice", "join", "multiple-refer"),
        *("norefersub", "nosub", "outbound", "path", "policy", "precondition", "pref", "privacy"),
        *("recipient-list-invite", "recipient-list-message", "recipient-list-subscribe", "record-aware", "replaces"),
        *("resource-priority", "sdp-anat", "sec-agree", "siprec", "tdialog", "timer", "trickle-ice", "uui"),
    )
)
Check = Callable[[str], Iterator[Defect]]


def inspect_sip(message: SipMessage) -> tuple[Defect, ...]:
    """The message's own defects and those of its Request-URI and of each header with a grammar of its own.

    Offsets count octets of the message: a header's defects stand at its beginning. At most `MAX_DEFECTS`.
    """
    found = list(message.defects)
    if message.request_uri is not None:
        start = message.raw.find(message.request_uri.encode(errors="ignore"))
        found += [_at(defect, max(start, 0), "request-uri") for defect in _check_request_uri(message.request_uri)]
    for header in message.headers:
        name = long_name(header.name)
        check = _CHECKS.get(name)
        if check is not None:
            found += [_at(defect, header.offset, name) for defect in check(header.value)]
    found += _inspect_vias(message)
    if message.from_uri is not None and message.from_tag is None:
        found.append(Defect("from-tag-missing", message.section.offset("from"), "RFC 3261 §8.1.1.3"))
    return tuple(dict.fromkeys(found))[:MAX_DEFECTS]


def _at(defect: Defect, offset: int, name: str) -> Defect:
    return Defect(defect.code, offset, defect.clause, f"{name}: {defect.detail}" if defect.detail else name)


def _inspect_vias(message: SipMessage) -> Iterator[Defect]:
    fields: list[Header] = [header for header in message.headers if long_name(header.name) == "via"]
    for field in fields:
        vias, defects = parse_via_list((field.value,))
        for defect in (*defects, *(one for via in vias for one in via.defects)):
            yield _at(defect, field.offset, "via")


def _check_request_uri(uri: str) -> Iterator[Defect]:
    parsed = parse_sip_uri(uri)
    yield from parsed.defects
    if parsed.headers:
        yield Defect("request-uri-headers", 0, "RFC 3261 §19.1.1", uri.partition("?")[2][:64])
    yield from _check_scheme(uri)


def _check_scheme(uri: str) -> Iterator[Defect]:
    scheme = _SCHEME.match(uri)
    if scheme is not None and scheme[1].lower() not in _KNOWN_SCHEMES:
        yield Defect("uri-scheme-unknown", 0, "RFC 3261 §8.2.2.1", scheme[1][:32])


def _check_address(value: str) -> Iterator[Defect]:
    address = parse_name_addr(value)
    yield from (defect._replace(detail="") for defect in address.defects)
    if address.uri:
        yield from parse_sip_uri(address.uri).defects
        yield from _check_scheme(address.uri)


def _check_addresses(value: str) -> Iterator[Defect]:
    if value.strip() == "*":
        return
    for member in split_header_list(value):
        yield from _check_address(member)
        if re.search(r";\s*(?:;|$)", member.rpartition(">")[2]):
            yield Defect("empty-parameter", 0, "RFC 3261 §25.1", member[:64])


def _check_date(value: str) -> Iterator[Defect]:
    if not _DATE.fullmatch(value):
        yield Defect("date-form", 0, "RFC 3261 §20.17", value[:64])


def _check_number(value: str) -> Iterator[Defect]:
    if not _NUMBER.fullmatch(value.partition(";")[0].strip()) or int(value.partition(";")[0]) >= 2**32:
        yield Defect("number-form", 0, "RFC 3261 §25.1", value[:64])


def _check_max_forwards(value: str) -> Iterator[Defect]:
    if not _NUMBER.fullmatch(value) or int(value) > 255:
        yield Defect("max-forwards-form", 0, "RFC 3261 §20.22", value[:64])


def _check_option_tags(value: str) -> Iterator[Defect]:
    for tag in split_header_list(value):
        if tag.lower() not in _OPTION_TAGS:
            yield Defect("option-tag-unknown", 0, "RFC 3261 §8.2.2.3", tag[:64])


def _check_authentication(value: str) -> Iterator[Defect]:
    scheme = value.partition(" ")[0]
    if scheme.lower() not in _KNOWN_AUTHENTICATION:
        yield Defect("authentication-scheme-unknown", 0, "RFC 3261 §20.7", scheme[:32])


_CHECKS: dict[str, Check] = {
    "from": _check_address,
    "to": _check_address,
    "reply-to": _check_address,
    "refer-to": _check_address,
    "referred-by": _check_address,
    "contact": _check_addresses,
    "route": _check_addresses,
    "record-route": _check_addresses,
    "path": _check_addresses,
    "service-route": _check_addresses,
    "p-asserted-identity": _check_addresses,
    "p-preferred-identity": _check_addresses,
    "history-info": _check_addresses,
    "date": _check_date,
    "expires": _check_number,
    "min-expires": _check_number,
    "session-expires": _check_number,
    "min-se": _check_number,
    "rseq": _check_number,
    "retry-after": lambda value: _check_number(value.partition("(")[0].strip()),
    "max-forwards": _check_max_forwards,
    "require": _check_option_tags,
    "proxy-require": _check_option_tags,
    "authorization": _check_authentication,
    "proxy-authorization": _check_authentication,
}
