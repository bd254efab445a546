# SPDX-License-Identifier: GPL-2.0-only
"""An RTSP session from DESCRIBE to TEARDOWN as frames with times: a camera streams speech to a viewer.

Carried as the viewer likes: media in datagrams, interleaved on the RTSP connection, or all of it in a tunnel in HTTP.
"""

import base64
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.packet import Packet as Layer

from analyzer.srtp.context import SrtpContext
from analyzer.srtp.transform import protect_rtcp
from dissectors.layers.mikey import MIKEY
from dissectors.layers.rtsp import RTSP, RTSP_Interleaved, RTSP_KeyMgmt, RTSP_KeyMgmtMessage
from dissectors.layers.sdp import SDP, SDP_Attribute, SDP_Media
from pcaps.calls import ALICE, BOB, MILLISECOND, START_NS, Packet, udp_frames
from pcaps.media import FRAME_NS, Track, rtcp_report, rtp_packets
from pcaps.signalling import SAVP, Phone

RTSP_PORT, HTTP_PORT = 554, 80
VIEWER_PORT, POST_PORT = 40554, 40555
SESSION = "7f3a19c2"
COOKIE = "4f1ad8a36c0e45d2"
TUNNELLED = "application/x-rtsp-tunnelled"


class Carriage(Enum):
    """How the media travels."""

    UDP = "udp"
    INTERLEAVED = "interleaved"
    TUNNEL = "tunnel"


class Connection:
    """One TCP connection, its segments in order; the client speaks first."""

    def __init__(self, client: Phone, server: Phone, client_port: int, server_port: int, start: int) -> None:
        self._ends = ((client, client_port), (server, server_port))
        self._next = [start, start + 0x1000_0000]

    def segment(self, time_ns: int, side: int, octets: bytes, flags: str = "PA") -> Packet:
        """What side 0 (the client) or 1 sends."""
        (sender, source), (receiver, target) = self._ends[side], self._ends[1 - side]
        tcp = TCP(sport=source, dport=target, seq=self._next[side], ack=self._next[1 - side], flags=flags)
        if flags == "S":
            tcp.ack = 0
        self._next[side] = self._next[side] + (len(octets) or int("S" in flags or "F" in flags)) & 0xFFFFFFFF
        frame = Ether(src=sender.mac, dst=receiver.mac) / IP(src=sender.address, dst=receiver.address) / tcp / octets
        return Packet(time_ns, bytes(frame))

    def open(self, time_ns: int) -> Iterator[Packet]:
        """Three segments."""
        for number, (side, flags) in enumerate(((0, "S"), (1, "SA"), (0, "A"))):
            yield self.segment(time_ns + number * MILLISECOND // 10, side, b"", flags)

    def close(self, time_ns: int) -> Iterator[Packet]:
        """Both sides finish."""
        for number, side in enumerate((0, 1)):
            yield self.segment(time_ns + number * MILLISECOND // 10, side, b"", "FA")


@dataclass(frozen=True)
class RtspSession:
    """What camera and viewer say and send; `offer` are the keying attributes of the described medium.

    `answer` is the viewer's MIKEY message in SETUP; `reports` protects what the viewer reports (None: in the clear).
    """

    name: str
    offer: tuple[SDP_Attribute, ...]
    answer: bytes | None
    track: Track
    reports: SrtpContext | None
    carriage: Carriage = Carriage.INTERLEAVED
    profile: str = SAVP
    viewer: Phone = ALICE
    camera: Phone = BOB
    start_ns: int = START_NS

    messages = 0  # of SIP
    rtsp_messages = 8

    @property
    def media_packets(self) -> int:
        """RTP packets of the session."""
        return self.track.packets

    @property
    def uri(self) -> str:
        """What is watched."""
        return f"rtsp://{self.camera.address}/{self.name}"

    def packets(self) -> tuple[Packet, ...]:
        """The frames of the session in time order."""
        return tuple(self._frames())

    def _frames(self) -> Iterator[Packet]:
        wire = _Wire(self)
        yield from wire.open()
        for number, (request, response) in enumerate(((self._describe()), self._setup(), self._play())):
            at = self.start_ns + (20 + 20 * number) * MILLISECOND
            yield from wire.say(at, 0, bytes(request))
            yield from wire.say(at + 8 * MILLISECOND, 1, bytes(response))
        yield from self._media(wire)
        end = self.start_ns + 120 * MILLISECOND + self.track.packets * FRAME_NS
        request, response = self._teardown()
        yield from wire.say(end, 0, bytes(request))
        yield from wire.say(end + 4 * MILLISECOND, 1, bytes(response))
        yield from wire.close(end + 8 * MILLISECOND)

    def _media(self, wire: "_Wire") -> Iterator[Packet]:
        start = self.start_ns + 100 * MILLISECOND
        middle = self.track.packets // 2
        for number, packet in enumerate(rtp_packets(self.track, self.camera.ssrc, self.camera.pitch)):
            at = start + number * FRAME_NS
            yield from wire.send(at, 1, 0, packet)
            if number == middle:
                later = at + 3 * MILLISECOND
                report = rtcp_report(self.track, self.camera.ssrc, "camera@example.com", later)
                yield from wire.send(later, 1, 1, report)
                yield from wire.send(later + MILLISECOND, 0, 1, self._receiver_report())

    def _receiver_report(self) -> bytes:
        """The viewer's RTCP: an empty receiver report and its name (RFC 3550 §6.4.2, §6.5)."""
        name = b"viewer@example.com"
        chunk = struct.pack(">IBB", self.viewer.ssrc, 1, len(name)) + name
        chunk += bytes(4 - len(chunk) % 4)
        report = struct.pack(">BBHI", 0x80, 201, 1, self.viewer.ssrc)
        compound = report + struct.pack(">BBH", 0x81, 202, len(chunk) // 4) + chunk
        return compound if self.reports is None else protect_rtcp(compound, self.reports, index=1)

    def _describe(self) -> tuple[Layer, Layer]:
        lines = ["v=0", f"o=- {self.camera.ssrc} 1 IN IP4 {self.camera.address}", "s=camera", "t=0 0", "a=control:*"]
        audio = [f"m=audio 0 {self.profile} 0", "c=IN IP4 0.0.0.0", "a=rtpmap:0 PCMU/8000", "a=control:audio"]
        sdp = SDP(lines=lines, media=[SDP_Media(lines=[*audio, *self.offer, "a=recvonly"])])
        request = self._request("DESCRIBE", 1, "Accept: application/sdp")
        return request, self._response(1, f"Content-Base: {self.uri}/") / sdp

    def _setup(self) -> tuple[Layer, Layer]:
        if self.carriage is Carriage.UDP:
            asked = f"{self.profile};unicast;client_port={self.viewer.rtp_port}-{self.viewer.rtp_port + 1}"
            settled = f"{asked};server_port={self.camera.rtp_port}-{self.camera.rtp_port + 1}"
        else:
            asked = settled = f"{self.profile}/TCP;unicast;interleaved=0-1"
        headers: list[object] = [f"Transport: {asked}"]
        if self.answer is not None:
            message = RTSP_KeyMgmtMessage(uri=f"{self.uri}/audio", message=MIKEY(self.answer))
            headers.append(RTSP_KeyMgmt(entries=[message]))
        request = self._request("SETUP", 2, *headers, path="/audio")
        ssrc = f";ssrc={self.camera.ssrc:08X}"
        return request, self._response(2, f"Transport: {settled}{ssrc}", f"Session: {SESSION};timeout=60")

    def _play(self) -> tuple[Layer, Layer]:
        session = f"Session: {SESSION}"
        return self._request("PLAY", 3, session, "Range: npt=now-", path="/"), self._response(3, session)

    def _teardown(self) -> tuple[Layer, Layer]:
        session = f"Session: {SESSION}"
        return self._request("TEARDOWN", 4, session, path="/"), self._response(4, session)

    def _request(self, method: str, cseq: int, *headers: object, path: str = "") -> Layer:
        return RTSP(
            method=method, request_uri=self.uri + path, headers=[f"CSeq: {cseq}", "User-Agent: viewer/1.0", *headers]
        )

    def _response(self, cseq: int, *headers: str) -> Layer:
        return RTSP(status=200, reason="OK", headers=[f"CSeq: {cseq}", "Server: camera/1.0", *headers])


class _Wire:
    """Puts what is said and sent on the wire in the session's carriage."""

    def __init__(self, session: RtspSession) -> None:
        self._session = session
        viewer, camera = session.viewer, session.camera
        self._tunnel = session.carriage is Carriage.TUNNEL
        port = HTTP_PORT if self._tunnel else RTSP_PORT
        self._main = Connection(viewer, camera, VIEWER_PORT, port, 0x1111_0000)
        self._post = Connection(viewer, camera, POST_PORT, port, 0x2222_0000)

    def open(self) -> Iterator[Packet]:
        """The connection, in a tunnel both with what HTTP wants."""
        at = self._session.start_ns
        yield from self._main.open(at)
        if not self._tunnel:
            return
        path, cookie = f"/{self._session.name}", f"x-sessioncookie: {COOKIE}\r\n"
        get = f"GET {path} HTTP/1.0\r\n{cookie}Accept: {TUNNELLED}\r\n\r\n"
        yield self._main.segment(at + MILLISECOND, 0, get.encode())
        ok = f"HTTP/1.0 200 OK\r\nContent-Type: {TUNNELLED}\r\n\r\n"
        yield self._main.segment(at + 2 * MILLISECOND, 1, ok.encode())
        yield from self._post.open(at + 3 * MILLISECOND)
        post = f"POST {path} HTTP/1.0\r\n{cookie}Content-Type: {TUNNELLED}\r\nContent-Length: 32767\r\n\r\n"
        yield self._post.segment(at + 4 * MILLISECOND, 0, post.encode())

    def say(self, time_ns: int, side: int, message: bytes) -> Iterator[Packet]:
        """A message of side 0 (the viewer) or 1."""
        if self._tunnel and side == 0:
            yield self._post.segment(time_ns, 0, base64.b64encode(message))
        else:
            yield self._main.segment(time_ns, side, message)

    def send(self, time_ns: int, side: int, channel: int, packet: bytes) -> Iterator[Packet]:
        """Media of side 0 or 1 on a channel: RTP on 0, RTCP on 1."""
        if self._session.carriage is not Carriage.UDP:
            header = bytes(RTSP_Interleaved(channel=channel))[:2] + len(packet).to_bytes(2, "big")
            yield from self.say(time_ns, side, header + packet)
            return
        ends = (self._session.viewer, self._session.camera)
        sender, receiver = ends[side], ends[1 - side]
        ports = sender.rtp_port + channel, receiver.rtp_port + channel
        yield from udp_frames(time_ns, sender, receiver, *ports, packet)

    def close(self, time_ns: int) -> Iterator[Packet]:
        """The end of all connections."""
        yield from self._main.close(time_ns)
        if self._tunnel:
            yield from self._post.close(time_ns + MILLISECOND)
