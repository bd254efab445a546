# SPDX-License-Identifier: GPL-2.0-only
"""RTCP given to the streams it reports beside: by the sender's SSRC, else by who sent it (RFC 3550 §6.1)."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from analyzer.calls.bound_media import LineMedia, Part
from analyzer.model.call import Side
from analyzer.model.channel import interleaved_suffix, split_interleaved
from analyzer.model.evidence import DatagramFlow

_SSRC = slice(4, 8)  # clear also in SRTCP (RFC 3711 §3.4)


class SenderStreams:
    """The streams that one side sent under one claim: the first place to look for whom its RTCP speaks."""

    def __init__(self, lines: Sequence[LineMedia], sender: Side | None) -> None:
        self._lone = lines[0].lone_rtcp
        own = [part for line in lines for part in line.parts if part.sent_by is sender]
        own.sort(key=lambda part: part.order, reverse=True)
        self._by_ssrc = {(part.stream.capture, part.stream.ssrc): part for part in own}
        self._by_capture = {part.stream.capture: part for part in own}
        self._first = own[-1] if own else None

    def attach(self, flow: DatagramFlow, indices: Iterable[int]) -> None:
        """Give datagrams to the stream with their SSRC, else the side's first; without RTP they stay with the line."""
        default = self._by_capture.get(flow.capture, self._first)
        for index in indices:
            part = self._by_ssrc.get((flow.capture, _sender_ssrc(flow, index)), default)
            (part.rtcp if part else self._lone).add(flow, index)


class NeighbouringStreams:
    """Streams by the endpoints their RTCP has: the same, or the ports above theirs (RFC 3550 §11)."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self._parts: dict[tuple[int, str, str, int | None], list[Part]] = {}
        for part in sorted(parts, key=lambda part: part.order):
            stream = part.stream
            above = _port_above(stream.source), _port_above(stream.destination)
            for source, destination in ((stream.source, stream.destination), above):
                for ssrc in (stream.ssrc, None):
                    self._parts.setdefault((stream.capture, source, destination, ssrc), []).append(part)

    def attach(self, flow: DatagramFlow, index: int) -> None:
        """Give a datagram whose address no call holds to a stream beside it: the one with its SSRC, else any.

        Of several the last that had begun; where there is none it belongs to nothing.
        """
        place = flow.capture, flow.source, flow.destination
        parts = self._parts.get((*place, _sender_ssrc(flow, index))) or self._parts.get((*place, None))
        if parts:
            begun = bisect_right(parts, int(flow.timestamp_ns[index]), key=lambda part: part.order[0])
            parts[max(begun - 1, 0)].rtcp.add(flow, index)


def _sender_ssrc(flow: DatagramFlow, index: int) -> int:
    return int.from_bytes(flow.payload(index)[_SSRC], "big")


def _port_above(endpoint: str) -> str:
    """The port above, or on an RTSP connection the channel above (RFC 2326 §10.12)."""
    plain, channel = split_interleaved(endpoint)
    if channel is not None:
        return plain + interleaved_suffix(channel + 1)
    host, _, port = plain.rpartition(":")
    return f"{host}:{int(port) + 1}"
