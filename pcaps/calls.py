# SPDX-License-Identifier: GPL-2.0-only
"""A call from INVITE to BYE between Alice and Bob as frames with times, given what each side says and sends."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import NamedTuple

from scapy.layers.inet import IP, UDP, fragment
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from pcaps.media import FRAME_NS, Track, rtcp_report, rtp_packets
from pcaps.signalling import Description, Dialog, Phone

MILLISECOND = 1_000_000
START_NS = 1_767_268_800 * 1_000_000_000  # 2026-01-01 12:00:00 UTC
MTU_PAYLOAD = 1480
UDP_HEADER_OCTETS = 8
ALICE = Phone("alice", "192.0.2.10", 5060, 49170, 0x0A11CE01, 7, "02:00:00:00:00:0a")
BOB = Phone("bob", "198.51.100.20", 5060, 51372, 0x0B0B0B02, 4, "02:00:00:00:00:0b")
ALICE_6 = ALICE.at("2001:db8:1::10")
BOB_6 = BOB.at("2001:db8:2::20")


class Packet(NamedTuple):
    """One frame and when it was seen."""

    timestamp_ns: int
    frame: bytes


class Datagram(NamedTuple):
    """What goes beside a call from one port to the same one of another host, so long after the call's INVITE."""

    after_ms: int
    sender: Phone
    receiver: Phone
    port: int
    payload: bytes


@dataclass(frozen=True)
class Call:
    """What the two phones say and send; no answer means that the offer is refused with 488.

    `update` is the second offer and answer, exchanged in the middle of the media. `capabilities` is what the callee
    answers to OPTIONS before the call, `tries` are offers that were refused before, each with what the refusal said,
    `refusal` is what the last one says; `hellos` are datagrams of a handshake on the media path, by turns,
    `beside` those of other exchanges.
    """

    name: str
    offer: Description
    answer: Description | None
    offerer: Track | None = None
    answerer: Track | None = None
    caller: Phone = ALICE
    callee: Phone = BOB
    start_ns: int = START_NS
    update: tuple[Description, Description] | None = None
    capabilities: Description | None = None
    tries: tuple[tuple[Description, Description | None], ...] = ()
    refusal: Description | None = None
    hellos: tuple[bytes, ...] = ()
    beside: tuple[Datagram, ...] = ()
    headers: tuple[str, ...] = ()  # of the INVITE, beside the usual ones

    @property
    def messages(self) -> int:
        """SIP messages of the call."""
        before = 3 * len(self.tries) + (2 if self.capabilities is not None else 0)
        if self.answer is None:
            return before + 3
        return before + (6 if self.update is None else 9)

    @property
    def media_packets(self) -> int:
        """RTP packets of the call."""
        return sum(track.packets for track in (self.offerer, self.answerer) if track is not None)

    def packets(self) -> tuple[Packet, ...]:
        """The frames of the call in time order."""
        return tuple(sorted(self._frames(), key=lambda packet: packet.timestamp_ns))

    def _frames(self) -> Iterator[Packet]:
        there, back = (self.caller, self.callee), (self.callee, self.caller)
        dialog = Dialog(self.name, self.caller, self.callee, self.headers)
        yield from self._before(dialog)
        for one in self.beside:
            time_ns = self.start_ns + one.after_ms * MILLISECOND
            yield from udp_frames(time_ns, one.sender, one.receiver, one.port, one.port, one.payload)
        dialog.attempt = len(self.tries) + 1
        yield from self._sip(0, there, dialog.invite(self.offer))
        if self.answer is None:
            yield from self._refused(0, dialog, self.refusal)
            return
        for number, (hello, way) in enumerate(zip(self.hellos, cycle((there, back)), strict=False)):
            time_ns = self.start_ns + (1025 + 5 * number) * MILLISECOND
            yield from udp_frames(time_ns, *way, way[0].rtp_port, way[1].rtp_port, hello)
        yield from self._sip(150, back, dialog.ring())
        yield from self._sip(1000, back, dialog.accept(self.answer))
        yield from self._sip(1020, there, dialog.acknowledge())
        longest = 0
        for track, way, offset in ((self.offerer, there, 1040), (self.answerer, back, 1047)):
            if track is not None:
                yield from self._media(track, way, offset)
                longest = max(longest, track.packets)
        end = 1200 + 20 * longest
        if self.update is not None:
            offer, answer = self.update
            middle = 1040 + 10 * longest
            yield from self._sip(middle, there, dialog.offer_again(offer))
            yield from self._sip(middle + 4, back, dialog.accept_again(answer))
            yield from self._sip(middle + 5, there, dialog.acknowledge_again())
        last = dialog.attempt + (1 if self.update is None else 2)
        yield from self._sip(end, there, dialog.hang_up(last))
        yield from self._sip(end + 20, back, dialog.confirm_end(last))

    def _before(self, dialog: Dialog) -> Iterator[Packet]:
        """OPTIONS, and offers that were refused, half a second apart."""
        there, back = (self.caller, self.callee), (self.callee, self.caller)
        start = -500 * (len(self.tries) + 1)
        if self.capabilities is not None:
            yield from self._sip(start, there, dialog.ask())
            yield from self._sip(start + 30, back, dialog.tell(self.capabilities))
        for number, (offer, refusal) in enumerate(self.tries, 1):
            dialog.attempt = number
            after = -500 * (len(self.tries) + 1 - number)
            yield from self._sip(after, there, dialog.invite(offer))
            yield from self._refused(after, dialog, refusal)

    def _refused(self, after_ms: int, dialog: Dialog, refusal: Description | None) -> Iterator[Packet]:
        there, back = (self.caller, self.callee), (self.callee, self.caller)
        yield from self._sip(after_ms + 250, back, dialog.refuse(488, "Not Acceptable Here", refusal))
        yield from self._sip(after_ms + 260, there, dialog.acknowledge_refusal())

    def _sip(self, after_ms: int, way: tuple[Phone, Phone], message: bytes) -> Iterator[Packet]:
        sender, receiver = way
        time_ns = self.start_ns + after_ms * MILLISECOND
        yield from udp_frames(time_ns, sender, receiver, sender.sip_port, receiver.sip_port, message)

    def _media(self, track: Track, way: tuple[Phone, Phone], after_ms: int) -> Iterator[Packet]:
        sender, receiver = way
        start = self.start_ns + after_ms * MILLISECOND
        for number, packet in enumerate(rtp_packets(track, sender.ssrc, sender.pitch)):
            yield from udp_frames(
                start + number * FRAME_NS, sender, receiver, sender.rtp_port, receiver.rtp_port, packet
            )
        middle = start + track.packets // 2 * FRAME_NS + 3 * MILLISECOND
        report = rtcp_report(track, sender.ssrc, f"{sender.name}@example.com", middle)
        yield from udp_frames(middle, sender, receiver, sender.rtp_port + 1, receiver.rtp_port + 1, report)


def udp_frames(
    time_ns: int, sender: Phone, receiver: Phone, source_port: int, target_port: int, payload: bytes
) -> Iterator[Packet]:
    """Ethernet frames of one datagram; a long one goes in IPv4 fragments, a tenth of a millisecond apart."""
    ether = Ether(src=sender.mac, dst=receiver.mac)
    udp = UDP(sport=source_port, dport=target_port) / payload
    if ":" in sender.address:
        yield Packet(time_ns, bytes(ether / IPv6(src=sender.address, dst=receiver.address) / udp))
        return
    whole = IP(src=sender.address, dst=receiver.address, id=time_ns // MILLISECOND & 0xFFFF) / udp
    parts = [whole] if UDP_HEADER_OCTETS + len(payload) <= MTU_PAYLOAD else fragment(whole, fragsize=MTU_PAYLOAD)
    for number, part in enumerate(parts):
        yield Packet(time_ns + number * MILLISECOND // 10, bytes(ether / part))
