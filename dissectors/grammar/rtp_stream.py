# SPDX-License-Identifier: GPL-2.0-only
"""RTP and RTCP over a byte stream: each packet behind its length (RFC 4571 §2), STUN and DTLS too (RFC 6544 §3)."""

from dissectors.grammar.defects import Defect
from dissectors.grammar.stun import MAGIC_COOKIE

LENGTH_OCTETS = 2
TELLING_FRAMES = 3  # RTP or RTCP in a row that agree, until a stream counts as media
MAX_DEFECTS = 1000
MAX_SOURCES = 1000
MAX_STEP = 100  # between the sequence numbers of one source, while nobody knows yet what the stream is
_CLAUSE = "RFC 4571 §2"
_COOKIE = MAGIC_COOKIE.to_bytes(4, "big")
_RTCP_TYPES = range(192, 224)  # RFC 5761 §4
_RTP_OCTETS, _RTCP_OCTETS, _STUN_OCTETS, _DTLS_OCTETS = 12, 8, 20, 13


class RtpStreamFramer:
    """Cuts one direction of a connection into packets; undecided (`is_told` is False) until enough of them agree.

    A stream joined `from_start` that begins with anything else `is_other`. After a hole, or octets that are no packet,
    it waits for a piece of the stream that holds a packet of a source it knows.
    """

    def __init__(self, *, from_start: bool) -> None:
        self.defects: list[Defect] = []
        self.is_told = False
        self.is_other = False
        self._is_lost = not from_start
        self._from_start = from_start
        self._waiting = b""
        self._offset = 0
        self._agreeing = 0
        self._last: dict[bytes, int] = {}  # SSRC -> last sequence number, -1 where it is of RTCP alone

    def skip(self, octets: int) -> None:
        """`octets` octets of the stream are missing here."""
        self._lose("stream-gap", f"{octets} octets")
        self._offset += octets

    def feed(self, data: bytes) -> list[bytes]:
        """The packets that these octets complete."""
        if self.is_other:
            return []
        if self._is_lost:
            data = self._find_packet(data)
            if not data:
                return []
            self._is_lost = False
        packets: list[bytes] = []
        waiting, at = self._waiting + data, 0
        while len(waiting) - at > LENGTH_OCTETS:
            octets = int.from_bytes(waiting[at : at + LENGTH_OCTETS], "big")
            begin = at + LENGTH_OCTETS
            if octets and not _may_begin(waiting[begin : begin + _STUN_OCTETS], octets):
                self._give_up(waiting, at)
                return packets
            if begin + octets > len(waiting):
                break
            at = begin + octets
            if octets:  # a packet of no octets keeps the connection alive
                packets.append(waiting[begin:at])
                self._learn(packets[-1])
        self._offset += at
        self._waiting = waiting[at:]
        return packets

    def _learn(self, packet: bytes) -> None:
        """Whether the packets so far are of one source each, as media is and other protocols with lengths are not."""
        if packet[0] >> 6 != 2:
            self._agreeing += 1
        elif len(self._last) >= MAX_SOURCES:
            return
        elif packet[1] in _RTCP_TYPES:
            self._agreeing += packet[4:8] in self._last
            self._last.setdefault(packet[4:8], -1)
        elif len(packet) >= _RTP_OCTETS:
            number = int.from_bytes(packet[2:4], "big")
            last = self._last.get(packet[8:12], -1)
            self._agreeing += last >= 0 and 0 < (number - last) % 0x10000 <= MAX_STEP
            self._last[packet[8:12]] = number
        self.is_told = self.is_told or self._agreeing >= TELLING_FRAMES - 1

    def _give_up(self, waiting: bytes, at: int) -> None:
        if not self.is_told and self._from_start:
            self.is_other, self._waiting = True, b""
            return
        self._offset += at
        self._waiting = waiting[at:]
        self._lose("no-rtp-packet", "what follows is passed over up to the next packet of a known source")

    def _lose(self, code: str, detail: str) -> None:
        if self.is_told and len(self.defects) < MAX_DEFECTS:
            self.defects.append(Defect(code, self._offset, _CLAUSE, detail))
        self._offset += len(self._waiting)
        self._waiting, self._is_lost = b"", True

    def _find_packet(self, data: bytes) -> bytes:
        """The octets from the first packet on: one at the very beginning, or one of a known source."""
        if self._holds_packet(data, 0):
            return data
        places = sorted(place for ssrc in self._last for place in _places(data, ssrc))
        found = next((place for place in places if self._holds_packet(data, place)), None)
        self._offset += len(data) if found is None else found
        return b"" if found is None else data[found:]

    def _holds_packet(self, data: bytes, at: int) -> bool:
        """Whether a whole packet begins here, and another one where the octets go on behind it."""
        begin = at + LENGTH_OCTETS
        octets = int.from_bytes(data[at:begin], "big")
        if not octets or not _may_begin(data[begin : begin + _STUN_OCTETS], octets):
            return False
        if self._last and data[begin + 8 : begin + 12] not in self._last and data[begin + 4 : begin + 8] != _COOKIE:
            return False
        after = begin + octets
        if after > len(data):
            return False
        following = data[after + LENGTH_OCTETS : after + LENGTH_OCTETS + _STUN_OCTETS]
        return not following or _may_begin(following, int.from_bytes(data[after : after + LENGTH_OCTETS], "big"))


def _places(data: bytes, ssrc: bytes) -> list[int]:
    """Where a packet of RTP would begin, with its length, for the SSRC to stand where it does."""
    found, at = [], data.find(ssrc)
    while at >= 0:
        if at >= 8 + LENGTH_OCTETS:
            found.append(at - 8 - LENGTH_OCTETS)
        at = data.find(ssrc, at + 1)
    return found


def _may_begin(head: bytes, octets: int) -> bool:
    return bool(head) and (_is_version_2(head, octets) or _is_stun(head, octets) or _is_dtls(head, octets))


def _is_version_2(head: bytes, octets: int) -> bool:
    """RTP or RTCP (RFC 3550 §5.1, §6.4) as far as the octets tell."""
    if head[0] >> 6 != 2:
        return False
    return len(head) < 2 or octets >= (_RTCP_OCTETS if head[1] in _RTCP_TYPES else _RTP_OCTETS)


def _is_stun(head: bytes, octets: int) -> bool:
    return octets >= _STUN_OCTETS and head[:1] < b"\x04" and _COOKIE.startswith(head[4:8])


def _is_dtls(head: bytes, octets: int) -> bool:
    """A record of DTLS (RFC 9147 §4, RFC 7983 §7): content type 20 to 63, version 254.x."""
    return octets >= _DTLS_OCTETS and 20 <= head[0] <= 63 and head[1:2] in (b"", b"\xfe")
