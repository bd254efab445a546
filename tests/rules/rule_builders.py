# SPDX-License-Identifier: GPL-2.0-only
"""Calls, media lines and streams made from small session descriptions, as the earlier stages would hand them on."""

from dataclasses import dataclass, field, replace
from typing import Any

from analyzer.model.call import (
    BoundStream,
    Call,
    CallState,
    Exchange,
    MediaLine,
    MediaSide,
    Party,
    Resolution,
    SdpBody,
    Side,
)
from analyzer.model.call_messages import CallMessages
from analyzer.model.evidence import FrameRef, Protection, SignallingMessage, Wire
from analyzer.model.keying import NOT_COMPARED, Keying, MacState, MikeyEvidence, MikeyFreshness, StreamAudit
from analyzer.model.legs import KeyingHabit, OtherLeg
from analyzer.model.negotiation import Choice, Expected, Judgement, Negotiation
from analyzer.model.report import AuditedMedia
from analyzer.rules.verdict import judge
from dissectors.grammar.mikey import GeneralExtension, Header, Kemac, MikeyMessage, Payload, link_payloads
from dissectors.grammar.sdes import CryptoAttribute, parse_crypto
from dissectors.grammar.sdp import make_sdp
from dissectors.grammar.secret import Secret
from dissectors.grammar.sip import parse_sip

KEY_A = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
KEY_B = "NzB4d1BINStk0y3cRfA5EQkTKw8iEkwOJGPHBDxG"
KEY_C = "Y2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2Nj"
CRYPTO_80 = f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_A}"
CRYPTO_32 = f"2 AES_CM_128_HMAC_SHA1_32 inline:{KEY_C}"
ANSWERED_80 = f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_B}"
DIRECTIONS = frozenset(f"a={direction}" for direction in ("sendrecv", "sendonly", "recvonly", "inactive"))
MIKEY_LINE = "mikey AAAA"
UNKEYED = Keying(None, None, "no keying")
YES = Judgement(True, True, "It holds.")
NO = Judgement(True, False, "It does not hold.")
OPEN = Judgement(True, None, "Nobody can tell.", "responder-list")
NO_CHOICE = Judgement(False, None, "Nothing was chosen.")


def sdp_lines(proto: str = "RTP/AVP", attributes: tuple[str, ...] = (), port: int = 4000) -> tuple[str, ...]:
    head = ("v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0", f"m=audio {port} {proto} 0")
    return (*head, *(f"a={attribute}" for attribute in attributes))


def sip_message(
    frame: int, lines: tuple[str, ...] = (), *, answer: bool = False, transport: str = "UDP", method: str = "INVITE"
) -> SignallingMessage:
    start = "SIP/2.0 200 OK" if answer else f"{method} sip:bob@example.com SIP/2.0"
    headers = (
        f"Via: SIP/2.0/{transport} 192.0.2.1;branch=z9hG4bK1",
        "Max-Forwards: 70",
        "From: <sip:alice@example.com>;tag=a",
        "To: <sip:bob@example.com>;tag=b",
        "Call-ID: call@example.com",
        f"CSeq: 1 {method}",
        *(("Content-Type: application/sdp",) if lines else ()),
    )
    text = "\r\n".join((start, *headers, "", *lines)) + "\r\n"
    ends = ("192.0.2.1:5060", "192.0.2.2:5060")
    source, destination = reversed(ends) if answer else ends
    return SignallingMessage(0, frame, frame * 10**9, source, destination, transport, parse_sip(text.encode()))


def hop_message(frame: int, what: str, number: int, *headers: str, transport: str = "UDP") -> SignallingMessage:
    """A request (`what` is its method) or, by `what` as "494 INVITE", a response, with its own branch by CSeq."""
    status, _, method = what.rpartition(" ")
    start = f"SIP/2.0 {status} Words" if status else f"{method} sip:bob@example.com SIP/2.0"
    lines = (start, f"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{number}", "Call-ID: call@example.com")
    text = "\r\n".join((*lines, f"CSeq: {number} {method}", *headers, "", ""))
    ends = ("192.0.2.1:5060", "192.0.2.2:5060")
    source, destination = reversed(ends) if status else ends
    return SignallingMessage(0, frame, frame * 10**9, source, destination, transport, parse_sip(text.encode()))


def media_side(message: SignallingMessage, lines: tuple[str, ...], party: Party) -> MediaSide:
    session = make_sdp(lines)
    return MediaSide(SdpBody(message, session, party), session.media[0], "192.0.2.1:4000", None)


@dataclass(frozen=True)
class FakeStream:
    """As much of a media stream as rules may look at."""

    capture: int = 0
    source: str = "192.0.2.1:4000"
    destination: str = "192.0.2.2:4000"
    ssrc: int = 0x1234ABCD
    frame: tuple[int, ...] = (10, 11, 12)

    def ref(self, frame: int) -> FrameRef:
        return FrameRef(self.capture, frame)


def stream(**changes: Any) -> StreamAudit:
    """A stream of 100 packets that fits SRTP but was not opened; `changes` say what else."""
    bound = BoundStream(FakeStream(), 0, 100, Side.OFFERER, 0, ())  # type: ignore[arg-type]
    audit = StreamAudit(bound, Protection.SRTP, Wire.CONSISTENT, "AES_CM_128_HMAC_SHA1_80", 100, 0, 10, 109, (0,))
    return replace(audit, **changes)


def proved(**changes: Any) -> StreamAudit:
    facts: dict[str, Any] = {"wire": Wire.PROVED, "authenticated": 100, "decrypted": 100, "bound_key": True}
    return stream(**(facts | {"tag_octets": 10, "expected_tag_octets": 10} | changes))


def clear(**changes: Any) -> StreamAudit:
    facts = {"protection": Protection.RTP, "wire": Wire.CONTRADICTING, "clear": 98, "clear_frames": (11, 12)}
    return stream(**(facts | changes))


def unseen(**changes: Any) -> StreamAudit:
    return stream(**({"protection": Protection.UNKNOWN, "wire": Wire.UNSEEN, "packets": 2} | changes))


def mikey_message(
    *,
    extension_types: tuple[int, ...] = (1,),
    encryption: int = 1,
    data: bytes = b"k" * 32,
    v: bool = True,
    kind: int = 0,
    csb_id: int = 7,
    extra: tuple[Payload, ...] = (),
) -> MikeyMessage:
    payloads: list[Payload] = [*extra, *(GeneralExtension(one, b"mikey") for one in extension_types)]
    payloads.append(Kemac(encryption, Secret(data), 1, bytes(20)))
    return link_payloads(Header(1, kind, 0, v, 0, csb_id, 0, 1), tuple(payloads))


def mikey_evidence(
    message: MikeyMessage | None, *, frame: int = 1, side: Side = Side.OFFERER, verified: bool | None = None
) -> MikeyEvidence:
    mac = MacState(verified, "as the test says")
    return MikeyEvidence(FrameRef(0, frame), "media", 7, side, "mikey", None, message, mac, verified is not None)


def negotiation(**changes: Any) -> Negotiation:
    judged: dict[str, Any] = {"mutual": YES, "undominated": YES, "winner": YES, "statements": (), "reasons": ()}
    judged["chosen"] = Choice("SDES", "AES_CM_128_HMAC_SHA1_80")
    judged |= {"offer_preferences": (), "answer_preferences": None}
    return Negotiation(
        expected=Expected(None, None, None, None, ()),
        winners=(),
        **(judged | changes),
    )


def crypto(*values: str) -> tuple[CryptoAttribute, ...]:
    return tuple(parse_crypto(value) for value in values)


@dataclass(frozen=True)
class Scene:
    """One call with one media line; None for a side that was not seen."""

    offer: tuple[str, ...] | None = field(default_factory=sdp_lines)
    answer: tuple[str, ...] | None = field(default_factory=sdp_lines)
    streams: tuple[StreamAudit, ...] = ()
    keying: Keying = UNKEYED
    negotiation: Negotiation = field(default_factory=negotiation)
    resolution: Resolution = Resolution.ANSWERED
    transport: str = "UDP"
    zrtp: bool = False
    dtls: bool = False
    state: CallState = CallState.ENDED
    freshness: MikeyFreshness = NOT_COMPARED
    other_legs: tuple[OtherLeg, ...] = ()
    lost_keying: tuple[KeyingHabit, ...] = ()
    before: tuple[SignallingMessage, ...] = ()

    def build(self) -> tuple[Call, tuple[AuditedMedia, ...]]:
        messages = []
        sides: list[MediaSide | None] = []
        for frame, lines, party in ((1, self.offer, Party.CALLER), (3, self.answer, Party.CALLEE)):
            if lines is None:
                sides.append(None)
                continue
            if DIRECTIONS.isdisjoint(lines):  # one direction will do where the test does not say otherwise
                lines = (*lines, "a=sendonly" if frame == 1 else "a=recvonly")
            message = sip_message(frame, lines, answer=frame == 3, transport=self.transport)
            messages.append(message)
            sides.append(media_side(message, lines, party))
        offer, answer = sides
        bodies = (offer and offer.body, answer and answer.body)
        exchange = Exchange(0, *bodies, self.resolution, None, 0, None, None)
        flow = (FakeStream(),)
        line = MediaLine(
            0,
            exchange,
            "audio",
            offer,
            answer,
            tuple(audit.bound for audit in self.streams),
            flow if self.dtls else (),  # type: ignore[arg-type]
            flow if self.zrtp else (),  # type: ignore[arg-type]
        )
        sent = [replace(one, transport=self.transport, sent_ns=one.ref.frame * 10**9) for one in self.keying.mikey]
        keying = replace(self.keying, mikey=tuple(sent))
        verdict, reasons = judge(line, self.negotiation, keying, self.streams)
        media = AuditedMedia(line, self.negotiation, keying, self.streams, verdict, reasons, self.freshness)
        call = bare_call(self.state, (*self.before, *messages), (exchange,), (line,))
        return replace(call, other_legs=self.other_legs, lost_keying=self.lost_keying), (media,)

    @property
    def media(self) -> AuditedMedia:
        return self.build()[1][0]


def bare_call(
    state: CallState = CallState.MID_CALL,
    messages: tuple[SignallingMessage, ...] = (),
    exchanges: tuple[Exchange, ...] = (),
    lines: tuple[MediaLine, ...] = (),
) -> Call:
    return Call(
        "call@example.com",
        "sip",
        "sip:alice@example.com",
        "sip:bob@example.com",
        state,
        0,
        1,
        CallMessages(messages),
        exchanges,
        lines,
    )


def sdes_scene(**changes: Any) -> Scene:
    """An SDES call whose media authenticates."""
    scene = Scene(
        offer=sdp_lines("RTP/SAVP", (f"crypto:{CRYPTO_80}", f"crypto:{CRYPTO_32}")),
        answer=sdp_lines("RTP/SAVP", (f"crypto:{ANSWERED_80}",)),
        streams=(proved(),),
        keying=Keying(
            "SDES",
            None,
            "SDES",
            offered_crypto=crypto(CRYPTO_80, CRYPTO_32),
            accepted_crypto=crypto(ANSWERED_80),
        ),
    )
    return replace(scene, **changes)


def mikey_scene(**changes: Any) -> Scene:
    """A MIKEY-PSK call whose messages verify and whose media authenticates."""
    messages = (
        mikey_evidence(mikey_message(), verified=True),
        mikey_evidence(mikey_message(kind=1, data=b""), frame=3, side=Side.ANSWERER, verified=True),
    )
    scene = Scene(
        offer=sdp_lines("RTP/SAVP", (f"key-mgmt:{MIKEY_LINE}",)),
        answer=sdp_lines("RTP/SAVP", (f"key-mgmt:{MIKEY_LINE}",)),
        streams=(proved(),),
        keying=Keying("MIKEY-PSK", True, "the MAC verifies", mikey=messages, authentic=True),
    )
    return replace(scene, **changes)
