# SPDX-License-Identifier: GPL-2.0-only
"""The tree of one payload as text, for programs that show frames."""

from scapy.packet import Packet
from scapy.utils import hexdump

from dissectors.layers.mikey import MIKEY
from dissectors.layers.rtsp import RTSP
from dissectors.layers.sip import SIP
from dissectors.layers.srtcp import RTCP, SRTCP
from dissectors.layers.srtp import RTP, SRTP
from dissectors.layers.zrtp import ZRTP

LAYER_OF_KIND: dict[str, type[Packet]] = {
    "sip": SIP,
    "rtsp": RTSP,
    "rtp": RTP,
    "srtp": SRTP,
    "rtcp": RTCP,
    "srtcp": SRTCP,
    "mikey": MIKEY,
    "zrtp": ZRTP,
}


def describe_payload(kind: str, octets: bytes) -> str:
    """The tree of a payload: secrets masked, what does not print escaped, a line for each field.

    Octets that are no such payload show their defect; of a kind that has no layer they show as hexadecimal.
    """
    layer = LAYER_OF_KIND.get(kind)
    text = str(hexdump(octets, dump=True) if layer is None else layer(octets).show(dump=True))
    return "\n".join(map(_printable, text.split("\n")))


def _printable(line: str) -> str:
    """The line with every character that does not print escaped."""
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in line)
