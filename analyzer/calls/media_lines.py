# SPDX-License-Identifier: GPL-2.0-only
"""Media lines of exchanges and the transport addresses each side announced (RFC 3264 §5, §6)."""

import functools
import ipaddress
from collections.abc import Iterable
from typing import NamedTuple

from analyzer.model.call import Exchange, MediaSide, SdpBody
from dissectors.grammar.ice import parse_candidate
from dissectors.grammar.sdp import MediaDescription

MAX_CANDIDATES = 64  # of one line that are read


class DraftLine(NamedTuple):
    """One media line of one exchange, before streams are bound to it."""

    exchange: int
    media_index: int
    type: str
    offer: MediaSide | None
    answer: MediaSide | None


def read_lines(exchanges: Iterable[Exchange]) -> tuple[DraftLine, ...]:
    """One line per index and exchange; an answer without that index leaves its side None."""
    lines = []
    for exchange in exchanges:
        offered = exchange.offer.session.media if exchange.offer else ()
        answered = exchange.answer.session.media if exchange.answer else ()
        bundled = _bundled(exchange.answer or exchange.offer)
        speaks_of_mux = exchange.answer is not None and b"rtcp-mux" in exchange.answer.session.raw
        for index in range(max(len(offered), len(answered))):
            offer = offered[index] if index < len(offered) else None
            answer = answered[index] if index < len(answered) else None
            mux = speaks_of_mux and _is_muxed(offer, answer)
            first = bundled.get(index)
            lines.append(
                DraftLine(
                    exchange=exchange.number,
                    media_index=index,
                    type=(offer or answered[index]).type,
                    offer=_side(exchange.offer, offer, mux, first),
                    answer=_side(exchange.answer, answer, mux, first),
                )
            )
    return tuple(lines)


def announced_addresses(lines: Iterable[DraftLine]) -> frozenset[str]:
    """Every address that either side announced for RTP or RTCP, ICE candidates among them."""
    sides = [side for line in lines for side in (line.offer, line.answer) if side]
    return frozenset(address for side in sides for address in (side.address, side.rtcp_address, *side.also) if address)


def _bundled(body: SdpBody | None) -> dict[int, int]:
    """The lines that share the address of another, by index, with the index of that one (RFC 8843 §7.2, §7.3)."""
    if body is None or b"BUNDLE" not in body.session.raw:
        return {}
    indices = {media.attribute("mid"): media.index for media in body.session.media}
    found: dict[int, int] = {}
    for value in body.session.attribute_values("group"):
        kind, *mids = value.split()
        members = [indices[mid] for mid in mids if mid in indices] if kind == "BUNDLE" else []
        found.update(dict.fromkeys(members[1:], members[0]))
    return found


def _is_muxed(offer: MediaDescription | None, answer: MediaDescription | None) -> bool:
    """Whether both sides agreed on one port; the offerer alone decides nothing (RFC 5761 §5.1.1)."""
    return all(media is None or media.rtcp_mux for media in (offer, answer)) and answer is not None


def _side(
    body: SdpBody | None, media: MediaDescription | None, mux: bool, bundled_with: int | None = None
) -> MediaSide | None:
    if body is None or media is None:
        return None
    lines = body.session.media
    is_bundled = bundled_with is not None and bundled_with < len(lines)
    where = lines[bundled_with] if is_bundled and bundled_with is not None else media
    address = _endpoint(where.connection_address, where.port)
    also = _candidates(where) if b"a=candidate" in body.session.raw else ()
    if mux or address is None:
        return MediaSide(body, media, address, address, also, is_bundled)
    states_rtcp = b"a=rtcp:" in body.session.raw
    port = where.rtcp_port if states_rtcp else None
    host = where.rtcp_address if states_rtcp else None
    rtcp = _endpoint(host or where.connection_address, where.port + 1 if port is None else port)
    return MediaSide(body, media, address, rtcp, also, is_bundled)


def _candidates(media: MediaDescription) -> tuple[str, ...]:
    """The endpoints of the UDP candidates (RFC 8839 §5.1)."""
    parsed = [parse_candidate(value) for value in media.attribute_values("candidate")[:MAX_CANDIDATES]]
    found = [_endpoint(one.address, one.port) for one in parsed if one is not None and one.transport == "UDP"]
    return tuple(dict.fromkeys(endpoint for endpoint in found if endpoint is not None))


def _endpoint(address: str | None, port: int) -> str | None:
    """`address:port` as the captures spell it; None for port 0, a held address (0.0.0.0 or ::) or a host name."""
    if address is None or not 0 < port <= 0xFFFF:
        return None
    host = spell_host(address)
    return None if host is None else f"{host}:{port}"


@functools.lru_cache(maxsize=16384)
def spell_host(address: str) -> str | None:
    """An address as the captures spell it, IPv6 in brackets; few hosts announce many ports, so each is read once."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    if parsed.is_unspecified:
        return None
    return f"[{parsed}]" if parsed.version == 6 else str(parsed)
