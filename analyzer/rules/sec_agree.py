# SPDX-License-Identifier: GPL-2.0-only
"""Security agreements of SIP (RFC 3329): what a server listed, what the client gave back, and what came of it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from analyzer.model.call_messages import CallMessages
from analyzer.model.evidence import AnySignalling, SignallingMessage
from dissectors.grammar.sip_extensions import SecurityMechanism, parse_security_mechanisms

Way = tuple[str, str]  # from host to host
REFUSED_AGREEMENT = 494  # Security Agreement Required (RFC 3329 §2.3.1)
_HEADERS = frozenset(("security-client", "security-server", "security-verify"))
_DIGEST_VERIFY = "d-ver"  # which the client adds (RFC 3329 §2.2)


class Agreement(NamedTuple):
    """A request that answers a server's list.

    `server` is the response with that list, None where it was not seen; `asked` the request it answers; `verify` what
    the client gave back, None where it gave nothing back; `status` the final response, None where none was seen.
    """

    request: SignallingMessage
    server: SignallingMessage | None
    asked: SignallingMessage | None
    listed: tuple[SecurityMechanism, ...]
    verify: tuple[SecurityMechanism, ...] | None
    status: int | None

    @property
    def is_altered(self) -> bool:
        """Whether the client gave back another list than the server sent, or none."""
        return self.verify is None or _comparable(self.verify) != _comparable(self.listed)


def iter_agreements(messages: Sequence[AnySignalling]) -> Iterator[Agreement]:
    """The agreements among messages of one Call-ID in time order, each between the same two hosts.

    A request without a list counts where it is the one that answers the server's, and requires an agreement itself.
    """
    if not _speaks_of_agreements(messages):
        return
    sip = [one for one in messages if isinstance(one, SignallingMessage) and one.retransmission_of is None]
    requests = {_transaction(one): one for one in sip if one.sip.method is not None}
    statuses = {_transaction(one): one.sip.status for one in sip if (one.sip.status or 0) >= 200}
    lists: dict[Way, SignallingMessage] = {}  # the last one each way
    unanswered: dict[Way, str | None] = {}  # by which method
    for one in sip:
        way = _host(one.destination), _host(one.source)
        if (one.sip.status or 0) >= 400 and one.sip.header("security-server") is not None:
            lists[way[::-1]], unanswered[way[::-1]] = one, one.sip.cseq_method
        if one.sip.method in (None, "ACK", "CANCEL"):
            continue
        verify, server = read_mechanisms(one, "security-verify"), lists.get(way)
        answers = unanswered.pop(way, None) == one.sip.method
        if verify is not None or (answers and _requires_agreement(one)):
            asked = None if server is None else requests.get(_transaction(server))
            listed = () if server is None else read_mechanisms(server, "security-server") or ()
            yield Agreement(one, server, asked, listed, verify, statuses.get(_transaction(one)))


def _speaks_of_agreements(messages: Sequence[AnySignalling]) -> bool:
    """Whether any message has a header of RFC 3329; nearly none has."""
    if isinstance(messages, CallMessages):
        return not _HEADERS.isdisjoint(messages.header_names)
    for one in messages:
        if isinstance(one, SignallingMessage) and not _HEADERS.isdisjoint(one.sip.section.names):
            return True
    return False


def _requires_agreement(request: SignallingMessage) -> bool:
    values = (value for name in ("require", "proxy-require") for value in request.sip.header_values(name))
    return any("sec-agree" in value.lower() for value in values)


def _transaction(message: SignallingMessage) -> tuple[int | None, str | None, str | None]:
    sip = message.sip
    return sip.cseq_number, sip.method or sip.cseq_method, sip.branch


def read_mechanisms(message: SignallingMessage, name: str) -> tuple[SecurityMechanism, ...] | None:
    """The mechanisms that a header lists; None without it."""
    values = message.sip.header_values(name)
    return parse_security_mechanisms(values) if values else None


def _comparable(mechanisms: Sequence[SecurityMechanism]) -> list[tuple[str, list[tuple[str, str]]]]:
    return [
        (one.name, [(key.lower(), (text or "").lower()) for key, text in one.params if key.lower() != _DIGEST_VERIFY])
        for one in mechanisms
    ]


def _host(endpoint: str) -> str:
    return endpoint.rpartition(":")[0]
