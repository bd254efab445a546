# SPDX-License-Identifier: GPL-2.0-only
"""Dialogs and media written by hand, with a clock in seconds."""

from dataclasses import dataclass, field, fields

import numpy as np

from analyzer.calls import CallTracker
from analyzer.model.call import Call, CallSet
from analyzer.model.evidence import RUN_PACKETS, MediaEvidence, PacketFacts, PacketRun, SignallingMessage
from dissectors.grammar.sip import parse_sip

SECOND = 1_000_000_000
ALICE, BOB, PROXY = "10.0.0.1:5060", "10.0.0.2:5060", "10.0.0.9:5060"
A_RTP, A_RTCP, B_RTP, B_RTCP = "10.0.0.1:4000", "10.0.0.1:4001", "10.0.0.2:6000", "10.0.0.2:6001"


def sdp(address="10.0.0.1", port=4000, *attributes, proto="RTP/AVP", version=1, more=()):
    family = "IP6" if ":" in address else "IP4"
    lines = ["v=0", f"o=- 1 {version} IN {family} {address}", "s=-", f"c=IN {family} {address}", "t=0 0"]
    lines += [f"m=audio {port} {proto} 0", *(f"a={attribute}" for attribute in attributes), *more]
    return "".join(f"{line}\r\n" for line in lines).encode()


OFFER, ANSWER = sdp(), sdp("10.0.0.2", 6000)


@dataclass
class Script:
    """One Call-ID; every message gets the next frame and, unless told, the next second."""

    call_id: str = "call-1"
    clock: float = 1.0
    frame: int = 0
    capture: int = 0
    messages: list[SignallingMessage] = field(default_factory=list)

    def send(self, raw, source, destination, at=None):
        self.frame += 1
        self.clock = self.clock + 1 if at is None else at
        message = SignallingMessage(
            self.capture, self.frame, int(self.clock * SECOND), source, destination, "UDP", parse_sip(raw)
        )
        self.messages.append(message)
        return message

    def repeat(self, message, at=None):
        return self.send(message.sip.raw, message.source, message.destination, at)

    def request(
        self, method, cseq, body=b"", *, to_tag=None, frm="a", branch=None, hop=None, at=None, headers=(), number=None
    ):
        names = {"a": "sip:alice@example.com", "b": "sip:bob@example.com"}
        other = "b" if frm[0] == "a" else "a"
        hop = hop or ((ALICE, BOB) if frm[0] == "a" else (BOB, ALICE))
        branch = branch or f"z9hG4bK-{self.call_id}-{method}-{cseq}-{frm}-{len(self.messages)}"
        lines = [
            f"{method} {names[other]} SIP/2.0",
            f"Via: SIP/2.0/UDP {hop[0]};branch={branch}",
            f"From: <{names[frm[0]]}>;tag={frm}",
            f"To: <{names[other]}>" + (f";tag={to_tag}" if to_tag else ""),
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq} {number or method}",
            "Max-Forwards: 70",
            *headers,
        ]
        return self.send(_finish(lines, body), *hop, at)

    def response(self, request, status, body=b"", *, to_tag="b", at=None, headers=()):
        sip = request.sip
        to = sip.header("to") if sip.to_tag else f"{sip.header('to')};tag={to_tag}"
        lines = [
            f"SIP/2.0 {status} Reason",
            f"Via: {sip.header('via')}",
            f"From: {sip.header('from')}",
            f"To: {to if status > 100 else sip.header('to')}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {sip.header('cseq')}",
            *headers,
        ]
        return self.send(_finish(lines, body), request.destination, request.source, at)

    def ack(self, cseq, body=b"", **options):
        return self.request("ACK", cseq, body, **{"to_tag": "b", **options})


def _finish(lines, body):
    if body:
        lines.append("Content-Type: application/sdp")
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def answered(script=None, offer=OFFER, answer=ANSWER, bye=True):
    """INVITE at 2 s, 180, 200 at 4 s, ACK; BYE at 30 s."""
    script = script or Script()
    invite = script.request("INVITE", 1, offer)
    script.response(invite, 180)
    script.response(invite, 200, answer)
    script.ack(1)
    if bye:
        script.response(script.request("BYE", 2, to_tag="b", at=script.clock + 25), 200)
    return script


@dataclass(frozen=True)
class Packets:
    """A stream or flow of packets at given seconds."""

    source: str
    destination: str
    seconds: tuple[float, ...]
    ssrc: int = 1
    capture: int = 0
    payloads: tuple[bytes, ...] = ()
    pt: int = 0

    @property
    def timestamp_ns(self):
        return np.array([int(second * SECOND) for second in self.seconds], dtype=np.int64)

    @property
    def frame(self):
        return np.arange(1000, 1000 + len(self.seconds))

    @property
    def sequence_number(self):
        return np.arange(len(self.seconds))

    rtp_timestamp = sequence_number

    @property
    def payload_type(self):
        return np.full(len(self.seconds), self.pt)

    @property
    def payload_octets(self):
        return np.full(len(self.seconds), 172)

    wire_octets = payload_octets

    @property
    def header_octets(self):
        return np.full(len(self.seconds), 12)

    def __len__(self):
        return len(self.seconds)

    def payload(self, index):
        return self.payloads[index] if self.payloads else bytes(172)

    def read_payloads(self, indices=None):
        return [self.payload(index) for index in (range(len(self)) if indices is None else indices)]

    def iter_runs(self, start=0, stop=None, packets=RUN_PACKETS):
        stop = len(self) if stop is None else stop
        for first in range(start, stop, packets):
            span = slice(first, min(first + packets, stop))
            payloads = self.read_payloads(range(span.start, span.stop))
            names = [each.name for each in fields(PacketRun)]
            columns = [getattr(self, name)[span] for name in names[1:9]]
            offsets = np.cumsum([0, *map(len, payloads)])[:-1]
            yield PacketRun(first, *columns, offsets, memoryview(b"".join(payloads)))

    def iter_facts(self, start=0, stop=None, packets=RUN_PACKETS):
        for run in self.iter_runs(start, stop, packets):
            yield PacketFacts(*(getattr(run, each.name) for each in fields(PacketFacts)))

    def join_payloads(self, indices):
        return memoryview(b"".join(self.read_payloads(indices)))


def rtcp(source, destination, seconds, ssrc):
    packet = bytes((0x80, 201, 0, 1)) + ssrc.to_bytes(4, "big")
    return Packets(source, destination, tuple(seconds), ssrc, payloads=(packet,) * len(seconds))


def media(*streams, rtcp=(), dtls=(), zrtp=(), stun=()):
    return MediaEvidence(tuple(streams), tuple(rtcp), tuple(dtls), tuple(zrtp), tuple(stun))


def track(*scripts, evidence=None) -> CallSet:
    tracker = CallTracker()
    messages = [message for script in scripts for message in script.messages]
    for message in sorted(messages, key=lambda message: message.timestamp_ns):
        tracker.feed(message)
    return tracker.finish(evidence or MediaEvidence())


def one_call(script, evidence=None) -> Call:
    found = track(script, evidence=evidence)
    assert len(found.calls) == 1
    return found.calls[0]


def bodies(call):
    """Offer and answer of each exchange as octets."""
    return [
        tuple(side.session.raw if side else None for side in (exchange.offer, exchange.answer))
        for exchange in call.exchanges
    ]


def renumbered(messages):
    """The same messages with frames counted in their order."""
    return [message._replace(frame=number) for number, message in enumerate(messages, 1)]
