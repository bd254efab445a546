# SPDX-License-Identifier: GPL-2.0-only
"""The clear copy of one call: a pcapng that Wireshark plays.

The copied SDP says what the copied media is: its profile is the clear one and its key lines are gone, so the file
plays without keys and holds none.
"""

import re
from typing import BinaryIO

from analyzer.capture.frames import build_udp_frame
from analyzer.capture.writer import PcapngWriter
from analyzer.keying.opening import ClearPacket
from analyzer.model.channel import split_interleaved
from analyzer.model.evidence import AnySignalling

WARNING = "Decrypted copy of captured traffic. It holds a private conversation: keep it as you would keep the keys."
KEY_LINE = re.compile(
    rb"(?m)^a=(?:crypto|key-mgmt|fingerprint|setup|tls-id|zrtp-hash|acap|tcap|pcfg|acfg)(?::[^\r\n]*)?\r?\n|^k=[^\r\n]*\r?\n"
    rb"|^(?i:mikey)[ \t]*:[^\r\n]*(?:\r?\n|\Z)"
)
# The KeyMgmt header with its continuation lines (RFC 4567 §3.2), and MIKEY in Transport (RFC 7826 §18.54).
KEY_HEADER = re.compile(
    rb"(?mi)^KeyMgmt[ \t]*:[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*|;[ \t]*(?:\r?\n[ \t]+)?MIKEY=[A-Za-z0-9+/=]*"
)
SECURE_PROFILE = re.compile(rb"(?m)^(m=[^\r\n]*?)(?:UDP/TLS/)?RTP/SAVP(F?)")
CONTENT_LENGTH = re.compile(rb"(?mi)^(Content-Length|l)([ \t]*:[ \t]*)[0-9]+")


class ClearCopy:
    """Writes signalling and clear packets as they come; what can't be framed is counted in `left_out`.

    Packets that did not open are written as they were captured and say so in their comment.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._writer = PcapngWriter(stream, comment=WARNING)
        self.packets = 0
        self.shut = 0
        self.left_out = 0

    def add(self, item: AnySignalling | ClearPacket) -> None:
        """Write one message or packet."""
        try:
            framed, comment = _frame(item, item.ref.frame)
        except ValueError:
            self.left_out += 1
            return
        self._writer.write(item.timestamp_ns, framed, comment)
        self.packets += 1
        self.shut += isinstance(item, ClearPacket) and bool(item.shut)


def _frame(item: AnySignalling | ClearPacket, frame: int) -> tuple[bytes, str]:
    if isinstance(item, ClearPacket):
        _, channel = split_interleaved(item.source)
        comment = f"frame {frame} of the capture"
        if channel is not None:
            comment += f", interleaved with RTSP on channel {channel} there"
        if item.shut:
            comment += f"; NOT DECRYPTED: {item.shut}, so these are its octets as captured"
        return build_udp_frame(item.source, item.destination, item.octets), comment
    carried = "" if item.transport == "UDP" else f", carried over {item.transport} there"
    comment = f"frame {frame} of the capture{carried}; SDP shown as clear, key lines left out"
    return build_udp_frame(
        item.source, item.destination, clear_signalling(item.text.raw, item.text.body_offset)
    ), comment


def clear_signalling(raw: bytes, body_offset: int) -> bytes:
    """A SIP or RTSP message whose SDP describes clear media and whose headers and body hold no key."""
    head, body = KEY_HEADER.sub(b"", raw[:body_offset]), raw[body_offset:]
    clear = SECURE_PROFILE.sub(rb"\1RTP/AVP\2", KEY_LINE.sub(b"", body))
    if clear == body:
        return head + body
    return CONTENT_LENGTH.sub(rb"\g<1>\g<2>%d" % len(clear), head, count=1) + clear
