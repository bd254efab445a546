# SPDX-License-Identifier: GPL-2.0-only
"""Headers of SIP's extensions, read when somebody asks: each function takes a header's value or a whole message."""

import functools
import re
from typing import NamedTuple

from dissectors.grammar.sip import SipMessage
from dissectors.grammar.sip_address import bare_address, parse_name_addr, parse_params, split_header_list
from dissectors.grammar.sip_uri import parse_sip_uri

_RACK = re.compile(r"([0-9]{1,10})[ \t]+([0-9]{1,10})[ \t]+([A-Za-z0-9\-.!%*_+`'~]+)")
_DIGITS = re.compile(r"[0-9]{1,10}")
# Headers by which elements name the call that a leg belongs to (RFC 7989, RFC 7315 §5.6, RFC 3261 §20.21, RFC 7433);
# those that begin with `x-`, and others that are not registered, are vendors' habits.
_LEG_HEADERS = frozenset(
    ("session-id", "p-charging-vector", "in-reply-to", "user-to-user", "cisco-guid", "global-call-id")
)
_CHARGING_IDS = ("icid-value", "related-icid")
_NIL_SESSION = "0" * 32
_SESSION = re.compile(r"[0-9a-f]{32}")
_LEG_WORD = re.compile(r"[^\s;,=\"<>]+")
_MAX_LEG_HEADER = 512  # characters of one that are looked at


class RAck(NamedTuple):
    """What a PRACK acknowledges (RFC 3262 §7.2)."""

    response_number: int
    cseq_number: int
    method: str


class SessionTimer(NamedTuple):
    """Session-Expires (RFC 4028 §4): seconds, and who refreshes: `uac`, `uas` or None."""

    seconds: int
    refresher: str | None


class Replaces(NamedTuple):
    """The dialog that a call takes the place of (RFC 3891 §6.1)."""

    call_id: str
    to_tag: str | None
    from_tag: str | None
    early_only: bool


class ReferTarget(NamedTuple):
    """Where a REFER sends the other party: the address, and the dialog to be replaced there (RFC 3515, RFC 5589)."""

    uri: str
    replaces: Replaces | None


class Reason(NamedTuple):
    """Why a request was sent (RFC 3326 §2)."""

    protocol: str
    cause: int | None
    text: str | None


class HistoryEntry(NamedTuple):
    """One target that a request had (RFC 7044 §5): its index, its reason, and the index of the entry it came from."""

    uri: str
    position: str | None
    reason: Reason | None
    retargeted_from: str | None


class SecurityMechanism(NamedTuple):
    """One member of Security-Client, -Server or -Verify (RFC 3329 §2.2); `q` counts thousandths."""

    name: str
    q: int
    params: tuple[tuple[str, str | None], ...]


class LegId(NamedTuple):
    """A value by which legs of one call know each other, and the header it stands in."""

    header: str
    value: str


def parse_rack(value: str) -> RAck | None:
    """RAck; None where it has another form."""
    found = _RACK.fullmatch(value.strip())
    return RAck(int(found[1]), int(found[2]), found[3]) if found else None


def parse_session_expires(value: str) -> SessionTimer | None:
    """Session-Expires or Min-SE; None where it has another form."""
    seconds, _, rest = value.partition(";")
    if not _DIGITS.fullmatch(seconds.strip()):
        return None
    params = {name.lower(): (text or "").lower() for name, text in parse_params(rest)}
    return SessionTimer(int(seconds), params.get("refresher"))


def parse_replaces(value: str) -> Replaces | None:
    """Replaces; None where there is no Call-ID."""
    call_id, _, rest = value.partition(";")
    if not call_id.strip():
        return None
    params = {name.lower(): text for name, text in parse_params(rest)}
    return Replaces(call_id.strip(), params.get("to-tag"), params.get("from-tag"), "early-only" in params)


def parse_refer_to(value: str) -> ReferTarget | None:
    """Refer-To with the Replaces header that its URI may carry, escapes undone; None where it holds no URI."""
    uri = parse_name_addr(value).uri
    if not uri:
        return None
    replaces = parse_sip_uri(uri).header("replaces")
    return ReferTarget(uri.partition("?")[0], parse_replaces(replaces) if replaces else None)


def parse_reasons(values: tuple[str, ...]) -> tuple[Reason, ...]:
    """All reasons of all Reason fields, in order."""
    return tuple(_reason(member) for value in values for member in split_header_list(value))


def _reason(member: str) -> Reason:
    protocol, _, rest = member.partition(";")
    params = {name.lower(): text for name, text in parse_params(rest)}
    cause = params.get("cause") or ""
    return Reason(protocol.strip(), int(cause) if _DIGITS.fullmatch(cause) else None, params.get("text"))


def parse_history_info(values: tuple[str, ...]) -> tuple[HistoryEntry, ...]:
    """The targets a request had, in order; each tells by `rc`, `mp` or `np` which entry it came from."""
    entries = []
    for value in values:
        for member in split_header_list(value):
            address = parse_name_addr(member)
            reason = parse_sip_uri(address.uri).header("reason")
            came_from = next((text for key, text in address.params if key.lower() in ("rc", "mp", "np")), None)
            entries.append(
                HistoryEntry(
                    address.uri.partition("?")[0],
                    address.param("index"),
                    _reason(reason) if reason else None,
                    came_from,
                )
            )
    return tuple(entries)


def parse_security_mechanisms(values: tuple[str, ...]) -> tuple[SecurityMechanism, ...]:
    """The mechanisms of Security-Client, Security-Server or Security-Verify, in order."""
    found = []
    for value in values:
        for member in split_header_list(value):
            name, _, rest = member.partition(";")
            params = parse_params(rest)
            preference = next((text for key, text in params if key.lower() == "q"), None)
            found.append(SecurityMechanism(name.strip().lower(), _thousandths(preference), params))
    return tuple(found)


def _thousandths(text: str | None) -> int:
    found = re.fullmatch(r"([01])(?:\.([0-9]{0,3}))?", text or "")
    return 0 if found is None else min(1000, int(found[1]) * 1000 + int((found[2] or "").ljust(3, "0")))


def asserted_aors(message: SipMessage) -> tuple[str, ...]:
    """Who a trusted network says that the sender is (RFC 3325 §9.1), as addresses to compare by."""
    values = message.header_values("p-asserted-identity")
    return tuple(bare_address(parse_name_addr(one).uri) for value in values for one in split_header_list(value))


def supports(message: SipMessage, option_tag: str) -> bool:
    """Whether Supported or Require names an option tag (RFC 3261 §20.37, §20.32)."""
    values = (*message.header_values("supported"), *message.header_values("require"))
    return any(option_tag == tag.lower() for value in values for tag in split_header_list(value))


def leg_ids(message: SipMessage) -> tuple[LegId, ...]:
    """The words by which legs of one call may be joined, by the names of their headers; each is one leg's claim.

    Of Session-ID these are the UUIDs of both ends, in lower case and without the nil of an end not known yet
    (RFC 7989 §5); of P-Charging-Vector the charging identifiers; of other headers all words.
    """
    return tuple(
        LegId(name, word)
        for name in _leg_headers(message.header_names)
        for value in message.header_values(name)
        for word in _leg_words(name, value[:_MAX_LEG_HEADER])
    )


@functools.lru_cache(maxsize=1024)  # the messages of one program have few sets of headers
def _leg_headers(names: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(name for name in names if name[:2] == "x-" or name in _LEG_HEADERS))


def _leg_words(name: str, value: str) -> list[str]:
    if name == "p-charging-vector":
        return [text for key, text in parse_params(value) if key.lower() in _CHARGING_IDS and text]
    words = _LEG_WORD.findall(value)
    if name != "session-id":
        return words
    uuids = [word.lower() for word in words]
    return [uuid for uuid in uuids if _SESSION.fullmatch(uuid) and uuid != _NIL_SESSION]
