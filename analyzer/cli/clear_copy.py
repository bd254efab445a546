# SPDX-License-Identifier: GPL-2.0-only
"""The clear copy of one call: a pcapng that Wireshark plays and a WAV for each direction.

The copied SDP says what the copied media is: its profile is the clear one and its key lines are gone, so the file
plays without keys and holds none.
"""

import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from analyzer.capture.frames import build_udp_frame
from analyzer.capture.writer import PcapngWriter
from analyzer.keying.opening import ClearPacket
from analyzer.model.evidence import SignallingMessage
from analyzer.srtp.audio import AudioPacket, WavCounts, write_wav
from analyzer.srtp.framing import encoding_of
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.rtp import parse_rtp_header
from dissectors.grammar.sdp import RtpMap

WARNING = "Decrypted copy of captured traffic. It holds a private conversation: keep it as you would keep the keys."
KEY_LINE = re.compile(
    rb"(?m)^a=(?:crypto|key-mgmt|fingerprint|setup|tls-id|zrtp-hash|acap|tcap|pcfg|acfg)(?::[^\r\n]*)?\r?\n|^k=[^\r\n]*\r?\n"
)
SECURE_PROFILE = re.compile(rb"(?m)^(m=[^\r\n]*?)(?:UDP/TLS/)?RTP/SAVP(F?)")
CONTENT_LENGTH = re.compile(rb"(?mi)^(Content-Length|l)([ \t]*:[ \t]*)[0-9]+")


@dataclass(frozen=True, slots=True)
class ClearCopy:
    """What a call's file holds, in time order."""

    octets: bytes
    packets: int
    left_out: int


def build_clear_copy(messages: Sequence[SignallingMessage], packets: Iterable[ClearPacket]) -> ClearCopy:
    """One pcapng of the signalling and the clear packets; what can't be framed is counted in `left_out`."""
    items: list[SignallingMessage | ClearPacket] = [*messages, *packets]
    items.sort(key=lambda item: (item.timestamp_ns, item.frame))
    stream = io.BytesIO()
    writer = PcapngWriter(stream, comment=WARNING)
    written = left_out = 0
    for item in items:
        try:
            framed, comment = _frame(item, item.frame)
        except ValueError:
            left_out += 1
            continue
        writer.write(item.timestamp_ns, framed, comment)
        written += 1
    return ClearCopy(stream.getvalue(), written, left_out)


def _frame(item: SignallingMessage | ClearPacket, frame: int) -> tuple[bytes, str]:
    if isinstance(item, ClearPacket):
        return build_udp_frame(item.source, item.destination, item.octets), f"frame {frame} of the capture"
    carried = "" if item.transport == "UDP" else f", carried over {item.transport} there"
    comment = f"frame {frame} of the capture{carried}; SDP shown as clear, key lines left out"
    return build_udp_frame(item.source, item.destination, clear_signalling(item.sip.raw, item.sip.body_offset)), comment


def clear_signalling(raw: bytes, body_offset: int) -> bytes:
    """A SIP message whose SDP describes clear media and holds no key."""
    head, body = raw[:body_offset], raw[body_offset:]
    clear = SECURE_PROFILE.sub(rb"\1RTP/AVP\2", KEY_LINE.sub(b"", body))
    if clear == body:
        return raw
    return CONTENT_LENGTH.sub(rb"\g<1>\g<2>%d" % len(clear), head, count=1) + clear


def build_wav(packets: Iterable[ClearPacket], rtpmap: dict[int, RtpMap]) -> tuple[bytes, WavCounts]:
    """The G.711 speech of one stream as a WAV file."""
    file = io.BytesIO()
    counts = write_wav(file, _speech(packets, rtpmap))
    return file.getvalue(), counts


def _speech(packets: Iterable[ClearPacket], rtpmap: dict[int, RtpMap]) -> Iterable[AudioPacket]:
    for packet in packets:
        try:
            header = parse_rtp_header(packet.octets)
        except GrammarError:
            continue
        mapped = rtpmap.get(header.payload_type)
        encoding = encoding_of(header.payload_type, None if mapped is None else mapped.encoding)
        payload = packet.octets[header.header_octets :]
        if header.padding and payload:
            payload = payload[: -payload[-1]] if 0 < payload[-1] <= len(payload) else payload
        yield AudioPacket(header.timestamp, encoding or "", payload)


def is_playable(counts: WavCounts) -> bool:
    """Whether a WAV file holds any speech at all."""
    return counts.packets > 0
