# SPDX-License-Identifier: GPL-2.0-only
"""Our own reading of a capture, out of the finished report."""

from collections.abc import Iterator

from analyzer.crosscheck.observation import Observation, StreamFacts, mikey_text, stream_name
from analyzer.evidence.media_statistics import StreamStatistics, stream_statistics
from analyzer.evidence.packet_facts import packet_facts
from analyzer.keying.stream_audit import rtpmap_of
from analyzer.model.evidence import MediaStream, SignallingMessage
from analyzer.model.report import Report
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.key_mgmt import parse_key_mgmt
from dissectors.grammar.mikey import parse_mikey
from dissectors.grammar.sdes import parse_crypto
from dissectors.grammar.sdp import parse_sdp

PLAIN_TRANSPORTS = ("UDP", "TCP", "WS")


def observe_report(report: Report, capture: int) -> Observation:
    """What the report says of one of its captures."""
    seen = Observation(frames=report.captures[capture].packets)
    for message in _messages(report):
        if message.ref.capture == capture:
            _add_message(seen, message)
    for stream, clock_rate in _streams(report):
        files = _files_of(stream)
        if capture in files:
            told = stream_statistics(stream, clock_rate)
            jitter_ms, why = _jitter(told)
            ends = (*stream.source.rpartition(":")[::2], *stream.destination.rpartition(":")[::2])
            source, source_port, destination, destination_port = (end.strip("[]") for end in ends)
            name = stream_name(source, source_port, destination, destination_port, stream.ssrc)
            first = stream.ref(told.first_frame).frame
            seen.streams[name] = StreamFacts(told.packets, told.lost, first, jitter_ms, why)
            if len(files) > 1:
                seen.parted.add(name)
    return seen


def loose_ports(report: Report, capture: int) -> list[int]:
    """The UDP ports to which streams went that belong to no call."""
    bounds = [stream.audit.bound.stream for stream in report.streams]
    found = (stream for stream in bounds if capture in _files_of(stream))
    return sorted({int(stream.destination.rpartition(":")[2]) for stream in found})


def _jitter(told: StreamStatistics) -> tuple[float | None, str]:
    """The mean jitter in milliseconds, or why there is none to compare."""
    if len(told.payload_types) > 1:
        return None, "jitter-of-several-types"
    return (None, "jitter-without-clock") if told.jitter is None else (told.jitter.mean, "")


def _files_of(stream: MediaStream) -> set[int]:
    """The files that hold packets of a stream: several where it goes over the joints of a set."""
    ends = {stream.ref(int(packet_facts(stream, place).frame[0])).capture for place in (0, len(stream) - 1)}
    frames = (frame for facts in stream.iter_facts() for frame in facts.frame.tolist())
    return ends if len(ends) == 1 else {stream.ref(frame).capture for frame in frames}


def _messages(report: Report) -> Iterator[SignallingMessage]:
    inside = (message for call in report.briefs for message in call.call.messages)
    outside = (each.message for each in report.messages)
    yield from (message for message in (*inside, *outside) if isinstance(message, SignallingMessage))


def _streams(report: Report) -> Iterator[tuple[MediaStream, int | None]]:
    """Every stream that was judged, whole and once, with the clock rate that was agreed for it."""
    inside = ((bound, line) for call in report.briefs for line in call.call.media for bound in line.streams)
    loose = ((stream.audit.bound, None) for stream in report.streams)
    seen: set[int] = set()
    for bound, line in (*inside, *loose):
        stream = bound.stream
        if id(stream) not in seen and len(stream):
            seen.add(id(stream))
            mapped = rtpmap_of(line, bound).get(int(packet_facts(stream, 0).payload_type[0]))
            yield stream, None if mapped is None else mapped.clock_rate


def _add_message(seen: Observation, message: SignallingMessage) -> None:
    sip, frame = message.sip, message.ref.frame
    if message.transport not in PLAIN_TRANSPORTS:
        seen.hidden.add(frame)
    start = sip.method if sip.status is None else str(sip.status)
    seen.sip[frame] = (*seen.sip.get(frame, ()), start or "")
    body = sip.sdp()
    if body is None:
        return
    try:
        session = parse_sdp(body.content)
    except GrammarError:
        return
    _add(seen.media, frame, [f"{media.proto} {media.port}" for media in session.media])
    lines = [parse_crypto(value) for media in session.media for value in media.attribute_values("crypto")]
    _add(seen.crypto, frame, [f"{line.tag} {line.suite}" for line in lines])
    _add(seen.mikey, frame, list(_mikey(session.attribute_values("key-mgmt"))))
    below = sum(len(list(_mikey(media.attribute_values("key-mgmt")))) for media in session.media)
    if below:
        seen.media_level[frame] = seen.media_level.get(frame, 0) + below


def _mikey(values: tuple[str, ...]) -> Iterator[str]:
    for value in values:
        data = parse_key_mgmt(value).data
        try:
            header = None if data is None else parse_mikey(data).header
        except GrammarError:
            continue
        if header is not None:
            yield mikey_text(header.version, header.data_type, int(header.v), header.csb_id, header.cs_count)


def _add(texts: dict[int, tuple[str, ...]], frame: int, more: list[str]) -> None:
    if more:
        texts[frame] = (*texts.get(frame, ()), *more)
