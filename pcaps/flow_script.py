# SPDX-License-Identifier: GPL-2.0-only
"""Call flows out of a few lines of text: the SIP of several calls hop by hop, their session descriptions, their media.

One line is one thing on the wire, 20 ms after the line before it:

    A>P INVITE A            a request from A to P, with A's session description
    P>B INVITE A            P hands it on (whoever is no phone hands on what it got last)
    B>P 200 B               a response to the last request on that hop
    A>B BYE                 a new request of A: its CSeq is counted up, its tags are the dialog's
    A~B 20                  20 packets each way between the addresses and with the keys that A and B described last
    A~>B 20                 one way only
    A?B                     an ICE connectivity check from A to B
    wait 3                  seconds in which nothing happens

Phones are A to E, everything else an element between them. Words behind a message, in any order: `call=NAME` (which
call, "1" unless told), `tag=T` (of the callee, for forks), `by=A` (who asks), `to=METHOD` (what a response answers),
`cseq=N`, `again` (the octets of the last message on this hop), `fresh` (outside the dialog), `refused` (the ACK of a
refusal, in the INVITE's own transaction), `unseen` (not captured), a session description, and after `|` whole
headers. A call begins with its first request; it runs between the first two phones unless `caller=` and `callee=` say
otherwise.

A session description is a phone with suffixes: `.2` another port and key, `.k2` another key, `.avp` without security,
`.hold` sendonly, `.recv` recvonly, `.inactive`, `.zero` port 0, `.c0` the address 0.0.0.0, `.video` a second line,
`.novideo` that line refused, `.v2` a later version of the same, `.nat` the private address behind a NAT, `.far` media
relayed elsewhere, `.mux` one port for RTP and RTCP, `.bundle` one port for both lines, `.ice` candidates (`.mute`
without that behind the NAT), `.cap` SRTP as a potential configuration of RTP/AVP, `.acfg` that one taken up, `.renum`
another payload type; `.dtls` the fingerprint of a certificate instead of a key; `.passive` media over TCP at the port
it names, `.active` over a connection that it will open; behind media, `.p7` sends from or to a port nobody announced.
"""

import hashlib
import io
import re
import struct
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field

from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from analyzer.capture.frames import build_udp_frame
from analyzer.capture.writer import PcapngWriter
from analyzer.srtp.context import SrtpContext, StreamKey
from analyzer.srtp.suites import suite_by_name
from analyzer.srtp.transform import protect_rtp
from dissectors.grammar.secret import Secret
from pcaps.media import FRAME_SAMPLES, speech

SUITE = "AES_CM_128_HMAC_SHA1_80"
START_NS = 1_767_268_800 * 1_000_000_000  # 2026-01-01 12:00:00 UTC
STEP_NS = 20_000_000
NAT_PORTS = 20_000
DYNAMIC = 96
PHONES = {"A": "alice", "B": "bob", "C": "carol", "D": "dave", "E": "erin"}
REASONS = {
    100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 183: "Session Progress", 200: "OK",
    202: "Accepted", 300: "Multiple Choices", 302: "Moved Temporarily", 401: "Unauthorized",
    407: "Proxy Authentication Required", 408: "Request Timeout", 415: "Unsupported Media Type",
    422: "Session Interval Too Small", 480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist",
    486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here", 491: "Request Pending",
    494: "Security Agreement Required",
    503: "Service Unavailable", 603: "Decline", 606: "Not Acceptable",
}  # fmt: skip
_MESSAGE = re.compile(r"([A-Z])>([A-Z]) ([A-Z]+|[1-6][0-9]{2})((?: [^|]*)?)(?:\|(.*))?")
_MEDIA = re.compile(r"([A-E])~(>?)([A-E]) ([0-9]+)( .*)?")
_DESCRIPTION = re.compile(r"[A-E](?:\.[a-z0-9]+)*")
_CHECK = re.compile(r"([A-E])\?([A-E])( .*)?")
_ASIDE = re.compile(r"p[0-9]")
_ATTRIBUTES = (
    ("hold", ("sendonly",)),
    ("recv", ("recvonly",)),
    ("inactive", ("inactive",)),
    ("mux", ("rtcp-mux",)),
    ("cap", ("tcap:1 RTP/SAVP", "pcfg:1 t=1 a=1")),
    ("acfg", ("acfg:1 t=1 a=1",)),
    ("active", ("setup:active", "connection:new")),
    ("passive", ("setup:passive", "connection:new")),
)
OVER_TCP = "tcp:"  # before the endpoints of media that has a connection to itself (RFC 4571)
_DISCARD_PORT = 9  # of who opens the connection (RFC 4145 §4.1)
_WAIT = re.compile(r"wait ([0-9.]+)")

Datagram = tuple[int, str, str, bytes]  # time in nanoseconds, source, destination, UDP payload


@dataclass
class _Dialog:
    """One Call-ID while it is being written."""

    call_id: str
    caller: str
    callee: str
    callee_tag: str | None = None
    numbers: dict[str, int] = field(default_factory=dict)  # last CSeq by who asks
    asked: dict[tuple[str, str], int] = field(default_factory=dict)  # last CSeq by who asks and method


@dataclass(frozen=True)
class _Request:
    """A request on one hop, as its responses repeat it."""

    method: str
    by: str
    number: int
    via: str
    to_tag: str | None


@dataclass
class FlowScript:
    """Turns lines into datagrams; `network` (0 to 255) keeps flows that are put together apart."""

    name: str
    network: int = 0
    time_ns: int = START_NS
    datagrams: list[Datagram] = field(default_factory=list)
    _dialogs: dict[str, _Dialog] = field(default_factory=dict)
    _pending: dict[tuple[str, str, str], list[_Request]] = field(default_factory=dict)
    _last: dict[tuple[str, str], bytes] = field(default_factory=dict)
    _described: dict[str, str] = field(default_factory=dict)
    _sent: dict[tuple[str, str], int] = field(default_factory=dict)

    def run(self, text: str) -> list[Datagram]:
        """The datagrams of a whole flow."""
        for line in filter(None, map(str.strip, text.splitlines())):
            self._line(line)
        return self.datagrams

    def _line(self, line: str) -> None:
        if (waited := _WAIT.fullmatch(line)) is not None:
            self.time_ns += int(float(waited[1]) * 1_000_000_000)
        elif (media := _MEDIA.fullmatch(line)) is not None:
            self._media(media[1], media[3], int(media[4]), (media[5] or "").split(), one_way=bool(media[2]))
        elif (check := _CHECK.fullmatch(line)) is not None:
            self._check(check[1], check[2], (check[3] or "").split())
        elif (message := _MESSAGE.fullmatch(line)) is not None:
            self._message(message[1], message[2], message[3], message[4].split(), message[5] or "")
        else:
            raise ValueError(f"{self.name}: {line!r} is neither a message nor media")

    def _message(self, sender: str, receiver: str, what: str, words: list[str], more: str) -> None:
        hop = (sender, receiver)
        if "again" not in words:
            options = dict(word.split("=", 1) for word in words if "=" in word)
            described = next((word for word in words if _DESCRIPTION.fullmatch(word)), None)
            headers = [header.strip() for header in more.split("|") if header.strip()]
            body = b"" if described is None else self.describe(described)
            if described is not None:
                self._described[described[0]] = described
            options |= {word: "1" for word in words if word in ("fresh", "refused")}
            make = self._response if what.isdigit() else self._request
            self._last[hop] = make(hop, what, options, headers, body)
        if "unseen" not in words:
            self.datagrams.append((self.time_ns, self._sip(sender), self._sip(receiver), self._last[hop]))
        self.time_ns += STEP_NS

    def _request(
        self, hop: tuple[str, str], method: str, options: dict[str, str], headers: list[str], body: bytes
    ) -> bytes:
        name = options.get("call", "1")
        dialog = self._dialogs.get(name)
        if dialog is None:
            caller = options.get("caller") or (hop[0] if hop[0] in PHONES else "A")
            callee = options.get("callee") or next((one for one in hop[::-1] if one in PHONES and one != caller), "B")
            dialog = self._dialogs[name] = _Dialog(f"{self.name}-{name}@example.com", caller, callee)
        by = options.get("by") or (hop[0] if hop[0] in PHONES else self._last_asker(dialog, method))
        number = int(options["cseq"]) if "cseq" in options else self._number(dialog, hop[0], by, method)
        dialog.asked[by, method] = number
        tag = options.get("tag") or (None if "fresh" in options or method == "CANCEL" else dialog.callee_tag)
        if method == "INVITE" and dialog.callee_tag is None and "tag" not in options:
            tag = None
        pending = self._pending.setdefault((name, *hop), [])
        refused = next((one.via for one in pending if (one.method, one.number) == ("INVITE", number)), None)
        via = f"SIP/2.0/UDP {self._sip(hop[0])};branch=z9hG4bK{self.name}-{name}-{by}{number}{method}{''.join(hop)}"
        if method == "CANCEL" or (method == "ACK" and "refused" in options):
            via = refused or via
        if method == "PRACK":
            headers = [*headers, f"RAck: 1 {dialog.asked.get((by, 'INVITE'), 1)} INVITE"]
        request = _Request(method, by, number, via, tag)
        if method != "ACK":
            pending.append(request)
        lines = [f"{method} {self._aor(dialog, self._other(dialog, by))} SIP/2.0", *self._head(dialog, request, tag)]
        return _finish([*lines, "Max-Forwards: 70", f"Contact: <sip:{by}@{self._sip(by)}>", *headers], body)

    def _response(
        self, hop: tuple[str, str], status: str, options: dict[str, str], headers: list[str], body: bytes
    ) -> bytes:
        name = options.get("call", "1")
        dialog = self._dialogs[name]
        asked = self._pending[name, hop[1], hop[0]]
        wanted = [
            one
            for one in asked
            if options.get("to", one.method) == one.method and int(options.get("cseq", one.number)) == one.number
        ]
        request = wanted[-1]
        tag = request.to_tag or (None if status == "100" else options.get("tag") or f"t{dialog.callee}")
        if status[0] == "2" and request.method in ("INVITE", "SUBSCRIBE") and dialog.callee_tag is None:
            dialog.callee_tag = tag
        lines = [f"SIP/2.0 {status} {REASONS[int(status)]}", *self._head(dialog, request, tag)]
        if request.method == "INVITE" and status < "300":
            lines.append(f"Contact: <sip:{dialog.callee}@{self._sip(dialog.callee)}>")
        return _finish([*lines, *headers], body)

    def _last_asker(self, dialog: _Dialog, method: str) -> str:
        return next((by for by, asked in reversed(dialog.asked) if asked == method), dialog.caller)

    @staticmethod
    def _number(dialog: _Dialog, sender: str, by: str, method: str) -> int:
        """ACK and CANCEL repeat the INVITE's number, an element the number of what it hands on."""
        if method in ("ACK", "CANCEL"):
            return dialog.asked.get((by, "INVITE"), 1)
        if sender != by and (by, method) in dialog.asked:
            return dialog.asked[by, method]
        dialog.numbers[by] = dialog.numbers.get(by, 0) + 1
        return dialog.numbers[by]

    def _head(self, dialog: _Dialog, request: _Request, tag: str | None) -> list[str]:
        caller = f"<{self._aor(dialog, dialog.caller)}>;tag=f{dialog.caller}"
        callee = f"<{self._aor(dialog, dialog.callee)}>"
        if request.by == dialog.caller:
            one, other = caller, callee + (f";tag={tag}" if tag else "")
        else:
            one, other = f"{callee};tag={tag or 't' + dialog.callee}", caller
        number = f"CSeq: {request.number} {request.method}"
        return [f"Via: {request.via}", f"From: {one}", f"To: {other}", f"Call-ID: {dialog.call_id}", number]

    @staticmethod
    def _other(dialog: _Dialog, by: str) -> str:
        return dialog.callee if by == dialog.caller else dialog.caller

    def _aor(self, dialog: _Dialog, phone: str) -> str:  # noqa: ARG002
        return f"sip:{PHONES.get(phone, phone.lower())}@example.com"

    def host(self, letter: str, *, private: bool = False) -> str:
        """Where a phone or an element lives."""
        return f"{'192.168' if private else '10.20'}.{self.network}.{ord(letter) - ord('A') + 10}"

    def _sip(self, letter: str) -> str:
        return f"{self.host(letter)}:5060"

    def describe(self, description: str) -> bytes:
        """The SDP of one phone."""
        letter, *marks = description.split(".")
        host = self.host(letter, private="nat" in marks)
        host = "0.0.0.0" if "c0" in marks else self.host("Z") if "far" in marks else host
        version = next((mark[1:] for mark in marks if mark[0] == "v" and mark[1:].isdigit()), _variant(marks))
        lines = ["v=0", f"o={PHONES[letter]} {ord(letter)} {version} IN IP4 {self.host(letter)}", "s=-"]
        lines += [f"c=IN IP4 {host}", "t=0 0"]
        if "bundle" in marks:
            lines.append("a=group:BUNDLE audio video")
        lines += self._media_line("audio", letter, marks)
        if "video" in marks or "novideo" in marks:
            refused = [*marks, "zero"] if "novideo" in marks else marks
            lines += self._media_line("video", letter, refused)
        return "".join(f"{line}\r\n" for line in lines).encode()

    def _media_line(self, kind: str, letter: str, marks: list[str]) -> Iterator[str]:
        port = 0 if "zero" in marks else self.port(letter, marks, kind)
        profile = "RTP/AVP" if {"avp", "cap"} & set(marks) else "RTP/SAVP"
        if "dtls" in marks:
            profile = "UDP/TLS/RTP/SAVPF"
        if _is_over_tcp(marks):
            profile, port = f"TCP/{profile}", _DISCARD_PORT if "active" in marks else port
        payload_type = _payload_type(kind, marks)
        yield f"m={kind} {port} {profile} {payload_type}"
        if payload_type >= DYNAMIC:
            yield f"a=rtpmap:{payload_type} {'PCMU/8000' if kind == 'audio' else 'H263/90000'}"
        crypto = f"crypto:1 {SUITE} inline:{b64encode(_key(letter, _key_number(marks), kind)).decode()}"
        if profile.endswith("RTP/SAVP"):
            yield f"a={crypto}"
        if "dtls" in marks:
            yield from (f"a=fingerprint:sha-256 {fingerprint(letter, _key_number(marks))}", "a=setup:actpass")
        yield from (f"a={line}" for mark, lines in _ATTRIBUTES for line in lines if mark in marks)
        if "cap" in marks:
            yield f"a=acap:1 {crypto}"
        if "bundle" in marks:
            yield f"a=mid:{kind}"
        if "ice" in marks:
            yield from self._candidates(letter, marks, kind)

    def _candidates(self, letter: str, marks: list[str], kind: str) -> Iterator[str]:
        port = self.port(letter, marks, kind)
        yield f"a=ice-ufrag:{self._ufrag(letter, kind)}"
        yield f"a=ice-pwd:{PHONES[letter]}{kind}swordfish"
        yield f"a=candidate:1 1 UDP 2130706431 {self.host(letter, private='nat' in marks)} {port} typ host"
        if "nat" in marks and "mute" not in marks:
            related = f"raddr {self.host(letter, private=True)} rport {port}"
            yield f"a=candidate:2 1 UDP 1694498815 {self.host(letter)} {port + NAT_PORTS} typ srflx {related}"

    def _ufrag(self, letter: str, kind: str) -> str:
        """A user name fragment that no phone of another flow has (RFC 8445 §5.3)."""
        return f"{PHONES[letter]}{kind}{self.network}"

    def _check(self, sender: str, receiver: str, words: list[str]) -> None:
        """A Binding request with the user name of both (RFC 8445 §7.2.2)."""
        mine, theirs = (self._marks(one, words) for one in (sender, receiver))
        name = f"{self._ufrag(receiver, 'audio')}:{self._ufrag(sender, 'audio')}".encode()
        attribute = struct.pack(">HH", 0x0006, len(name)) + name + bytes(-len(name) % 4)
        check = struct.pack(">HHI12s", 1, len(attribute), 0x2112A442, f"{sender}{receiver}".encode()) + attribute
        source, target = (self._media_endpoint(*one, "audio") for one in ((sender, mine), (receiver, theirs)))
        self.datagrams.append((self.time_ns, source, target, check))
        self.time_ns += STEP_NS

    def _marks(self, letter: str, words: list[str]) -> list[str]:
        """The suffixes of the description that holds for a phone: named in the line, or sent last."""
        named = [word for word in words if _DESCRIPTION.fullmatch(word) and word[0] == letter]
        return (named[0] if named else self._described.get(letter, letter)).split(".")[1:]

    @staticmethod
    def port(letter: str, marks: list[str], kind: str = "audio") -> int:
        """The RTP port of one variant of a phone's description."""
        own = 2 * (kind == "video" and "bundle" not in marks)
        return 40_000 + 100 * (ord(letter) - ord("A")) + 10 * int(_variant(marks)) + own

    def _media_endpoint(self, letter: str, marks: list[str], kind: str) -> str:
        """Where packets really come from and go to: behind a NAT and through a relay not what was announced."""
        host = self.host("Z" if "far" in marks else letter)
        aside = next((100 * int(mark[1:]) for mark in marks if _ASIDE.fullmatch(mark)), 0)
        return f"{host}:{self.port(letter, marks, kind) + NAT_PORTS * ('nat' in marks or 'active' in marks) + aside}"

    def _media(self, one: str, other: str, count: int, words: list[str], *, one_way: bool) -> None:
        start = self.time_ns
        for number in range(count):
            for sender, receiver in ((one, other),) if one_way else ((one, other), (other, one)):
                self.time_ns = start + number * STEP_NS + (sender == other) * STEP_NS // 2
                self._packet(sender, receiver, words)
        self.time_ns = start + count * STEP_NS

    def _packet(self, sender: str, receiver: str, words: list[str]) -> None:
        mine, theirs = self._marks(sender, words), self._marks(receiver, words)
        kind = "video" if "video" in words else "audio"
        source, target = self._media_endpoint(sender, mine, kind), self._media_endpoint(receiver, theirs, kind)
        is_clear = "clear" in words or "avp" in mine
        place = (f"{sender}{_variant(mine)}{kind}", "clear" if is_clear else "srtp")
        number = self._sent[place] = self._sent.get(place, -1) + 1
        ssrc = 0x5A000000 + (ord(sender) << 16) + (int(_variant(mine)) << 8) + (kind == "video")
        header = struct.pack(">BBHII", 0x80, _payload_type(kind, theirs), 1000 + number, number * FRAME_SAMPLES, ssrc)
        packet = header + speech(ord(sender) % 8 + 3, number * FRAME_SAMPLES, FRAME_SAMPLES)
        if not is_clear:
            packet = protect_rtp(packet, _context(sender, _key_number(mine), kind))
        if _is_over_tcp(mine):
            source, target = OVER_TCP + source, OVER_TCP + target
            packet = len(packet).to_bytes(2, "big") + packet
        self.datagrams.append((self.time_ns, source, target, packet))


def _is_over_tcp(marks: list[str]) -> bool:
    return not {"active", "passive"}.isdisjoint(marks)


def _payload_type(kind: str, marks: list[str]) -> int:
    """What a side wants its packets to carry."""
    return (0 if kind == "audio" else 34) + (DYNAMIC if "renum" in marks else 0)


def _variant(marks: list[str]) -> str:
    return next((mark for mark in marks if mark.isdigit()), "1")


def _key_number(marks: list[str]) -> str:
    """The key that a description names by `.k2`, else that of its variant."""
    return next((mark[1:] for mark in marks if mark[0] == "k" and mark[1:].isdigit()), _variant(marks))


def _key(letter: str, variant: str, kind: str) -> bytes:
    return hashlib.shake_256(f"srtp-audit flow: {letter} {variant} {kind}".encode()).digest(30)


def fingerprint(letter: str, variant: str) -> str:
    """The SHA-256 fingerprint of a phone's certificate, as SDP has it (RFC 8122 §5)."""
    digest = hashlib.sha256(f"srtp-audit flow: certificate {letter} {variant}".encode()).hexdigest().upper()
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


def _context(letter: str, variant: str, kind: str) -> SrtpContext:
    suite = suite_by_name(SUITE)
    if suite is None:
        raise ValueError(SUITE)
    octets = _key(letter, variant, kind)
    return SrtpContext(suite, (StreamKey(Secret(octets[:16]), Secret(octets[16:])),), roc=0)


def _finish(lines: list[str], body: bytes) -> bytes:
    if body:
        lines.append("Content-Type: application/sdp")
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def write_capture(datagrams: list[Datagram]) -> bytes:
    """A pcapng of the datagrams in time order."""
    stream = io.BytesIO()
    writer = PcapngWriter(stream)
    connections: dict[tuple[str, str], int] = {}
    for time_ns, source, destination, payload in sorted(datagrams, key=lambda one: one[0]):
        if source.startswith(OVER_TCP):
            way = source.removeprefix(OVER_TCP), destination.removeprefix(OVER_TCP)
            for frame in _tcp_frames(way, payload, connections):
                writer.write(time_ns, frame)
        else:
            writer.write(time_ns, build_udp_frame(source, destination, payload))
    return stream.getvalue()


def _tcp_frames(way: tuple[str, str], payload: bytes, connections: dict[tuple[str, str], int]) -> Iterator[bytes]:
    """A segment, and before the first one of its direction the SYN; `connections` counts the octets sent."""
    (source, source_port), (target, target_port) = (end.rsplit(":", 1) for end in way)
    addresses = Ether(src="02:00:00:00:00:0a", dst="02:00:00:00:00:0b") / IP(src=source, dst=target)
    ports = {"sport": int(source_port), "dport": int(target_port)}
    if way not in connections:
        connections[way] = 1
        yield bytes(addresses / TCP(**ports, seq=0, flags="SA" if way[::-1] in connections else "S"))
    sent = connections[way]
    connections[way] += len(payload)
    yield bytes(addresses / TCP(**ports, seq=sent, ack=connections.get(way[::-1], 0), flags="PA") / payload)
