# SPDX-License-Identifier: GPL-2.0-only
"""Reports made by hand: real SIP and SDP through the grammar, everything after it as a test wants it."""

from collections.abc import Iterable, Iterator, Sequence
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
from analyzer.model.evidence import (
    RUN_PACKETS,
    FrameRef,
    PacketFacts,
    PacketRun,
    Protection,
    SignallingMessage,
    TlsFlow,
    Wire,
)
from analyzer.model.keying import Keying, MacState, MasterKey, MikeyEvidence, RtcpCount, StreamAudit
from analyzer.model.negotiation import (
    CapabilityKind,
    Carrier,
    Choice,
    Expected,
    Judgement,
    ListStatement,
    Negotiation,
    Preference,
    SelectionRule,
)
from analyzer.model.outcome import (
    Confidence,
    Finding,
    FindingEvidence,
    Outcome,
    OutcomeValue,
    Severity,
    Verdict,
)
from analyzer.model.policy import Policy
from analyzer.model.reasons import Reason
from analyzer.model.report import (
    AuditedCall,
    AuditedMedia,
    AuditedMessage,
    AuditedStream,
    CaptureFacts,
    FrameTree,
    Report,
    RuleText,
)
from analyzer.rules.briefing import brief_call, count_up
from dissectors.grammar.defects import Defect
from dissectors.grammar.sdes import parse_crypto
from dissectors.grammar.sdp import parse_sdp
from dissectors.grammar.secret import Secret
from dissectors.grammar.sip import make_sip

START_NS = 1_700_000_000_123_456_789
SECRET_KEY = bytes(range(0x41, 0x41 + 16))
SECRET_SALT = b"saltysaltysalt"
INLINE = "QUJDREVGR0hJSktMTU5PUHNhbHR5c2FsdHlzYWx0"  # base64 of SECRET_KEY + SECRET_SALT
ICE_PASSWORD = "asd88fgpdd777uzjYhagZg"
CM80 = "AES_CM_128_HMAC_SHA1_80"
CM32 = "AES_CM_128_HMAC_SHA1_32"
F8 = "F8_128_HMAC_SHA1_80"


@dataclass(frozen=True)
class FabricatedStream:
    """Just what the reports look at: who sent what to whom."""

    ssrc: int = 0x1234ABCD
    source: str = "192.0.2.10:4000"
    destination: str = "198.51.100.20:5004"
    capture: int = 0
    frame: Sequence[int] = ()
    timestamp_ns: Sequence[int] = ()
    sequence_number: Sequence[int] = ()
    rtp_timestamp: Sequence[int] = ()
    payload_type: Sequence[int] = ()
    payload_octets: Sequence[int] = ()
    wire_octets: Sequence[int] = ()
    header_octets: Sequence[int] = ()

    def ref(self, frame: int) -> FrameRef:
        return FrameRef(self.capture, frame)

    def __len__(self) -> int:
        return 500

    def payload(self, index: int) -> bytes:
        raise AssertionError("a report never looks into packets")

    def read_payloads(self, indices: Iterable[int] | None = None) -> list[bytes]:
        raise AssertionError("a report never looks into packets")

    def iter_facts(self, start: int = 0, stop: int | None = None, packets: int = RUN_PACKETS) -> Iterator[PacketFacts]:
        raise AssertionError("a report never looks into packets")

    def iter_runs(self, start: int = 0, stop: int | None = None, packets: int = RUN_PACKETS) -> Iterator[PacketRun]:
        raise AssertionError("a report never looks into packets")

    def join_payloads(self, indices: Iterable[int]) -> memoryview:
        raise AssertionError("a report never looks into packets")


@dataclass(frozen=True)
class Words:
    """The texts that a capture controls, so that a test can plant anything in them."""

    call_id: str = "a84b4c76e66710@pc33.example.com"
    display_name: str = "Alice"
    caller: str = "sip:alice@example.com"
    callee: str = "sip:bob@example.com"
    user_agent: str = "Softphone/4.2"
    session_name: str = "-"
    reason_phrase: str = "OK"
    path: str = "lab-trunk.pcapng"
    free_text: str = ""


def sdp_text(proto: str, port: int, address: str, attributes: Iterable[str] = (), name: str = "-") -> bytes:
    lines = [
        "v=0",
        f"o=- 1 1 IN IP4 {address}",
        f"s={name}",
        f"c=IN IP4 {address}",
        "t=0 0",
        f"a=ice-pwd:{ICE_PASSWORD}",
        f"m=audio {port} {proto} 0 101",
        "a=rtpmap:0 PCMU/8000",
        *attributes,
    ]
    return ("\r\n".join(lines) + "\r\n").encode()


def crypto(tag: int, suite: str) -> str:
    return f"a=crypto:{tag} {suite} inline:{INLINE}|2^31|1:4"


def message(
    frame: int,
    start_line: str,
    words: Words,
    *,
    to_callee: bool = True,
    body: bytes = b"",
    cseq: str = "1 INVITE",
    retransmission_of: FrameRef | None = None,
    content_type: str = "application/sdp",
    capture: int = 0,
    alice: str = "192.0.2.10:5060",
    bob: str = "198.51.100.20:5060",
) -> SignallingMessage:
    headers = [
        ("Via", "SIP/2.0/UDP pc33.example.com;branch=z9hG4bK776"),
        ("From", f'"{words.display_name}" <{words.caller}>;tag=1928'),
        ("To", f"<{words.callee}>"),
        ("Call-ID", words.call_id),
        ("CSeq", cseq),
        ("User-Agent", words.user_agent),
        ("Authorization", 'Digest username="alice", response="6629fae49393a05397450978507c4ef1"'),
        ("Max-Forwards", "70"),
    ]
    if body:
        headers.append(("Content-Type", content_type))
    source, destination = (alice, bob) if to_callee else (bob, alice)
    return SignallingMessage(
        capture=capture,
        frame=frame,
        timestamp_ns=START_NS + frame * 20_000_000,
        source=source,
        destination=destination,
        transport="UDP",
        sip=make_sip(start_line, headers, body),
        retransmission_of=retransmission_of,
    )


def preference(
    kind: str, name: str, priority: int | None, carrier: Carrier, frame: int, authenticated: bool | None = None
) -> Preference:
    return Preference(CapabilityKind(kind), name, priority, carrier, authenticated, FrameRef(0, frame))


def stream_audit(sent_by: Side = Side.OFFERER, **changes: Any) -> StreamAudit:
    there = FabricatedStream(0x1234ABCD, "192.0.2.10:4000", "198.51.100.20:5004")
    back = FabricatedStream(0x0BADF00D, "198.51.100.20:5004", "192.0.2.10:4000")
    stream = there if sent_by is Side.OFFERER else back
    key = MasterKey(CM80, Secret(SECRET_KEY), Secret(SECRET_SALT), "sdes", bound=True, sender=sent_by)
    audit = StreamAudit(
        bound=BoundStream(stream, 0, 500, sent_by, 0, ()),
        protection=Protection.SRTP,
        wire=Wire.PROVED,
        suite=CM80,
        packets=500,
        lost=2,
        first_frame=12,
        last_frame=1010,
        payload_types=(0, 101),
        authenticated=500,
        decrypted=500,
        tag_octets=10,
        expected_tag_octets=10,
        bound_key=True,
        key=key,
        rtcp=RtcpCount(12, 12, 0, 0, 10),
        jitter_seconds=0.0021,
        duration_seconds=10.0,
    )
    return replace(audit, **changes)


def shut(
    sent_by: Side = Side.OFFERER, wire: Wire = Wire.CONSISTENT, reason: str = "no key in the ring fits"
) -> StreamAudit:
    return stream_audit(
        sent_by, wire=wire, authenticated=0, decrypted=0, not_tried=500, bound_key=False, key=None, reason=reason
    )


def clear(sent_by: Side = Side.OFFERER) -> StreamAudit:
    return stream_audit(
        sent_by,
        protection=Protection.RTP,
        wire=Wire.CONTRADICTING,
        suite=None,
        authenticated=0,
        decrypted=0,
        clear=500,
        tag_octets=0,
        expected_tag_octets=None,
        bound_key=False,
        key=None,
        clear_frames=tuple(range(12, 112)),
        rtcp=RtcpCount(12, 0, 0, 12),
        reason="the payload is G.711 in clear",
    )


def outcome(rule: str, value: str, *, frames: Iterable[int] = (), severity: str = "high", **changes: Any) -> Outcome:
    made = Outcome(
        rule=rule,
        outcome=OutcomeValue(value),
        severity=Severity(severity),
        confidence=Confidence.C3,
        refs=tuple(FrameRef(0, frame) for frame in frames),
        explanation="The two lists and the choice agree.",
        media_index=0,
        exchange=0,
    )
    return made._replace(**changes)


@dataclass(frozen=True)
class Plan:
    """What a fabricated call is to be; the defaults are a healthy SDES call."""

    words: Words = field(default_factory=Words)
    proto: str = "RTP/SAVP"
    offered: tuple[str, ...] = (CM80, CM32)
    answered: tuple[str, ...] | None = (CM80,)
    responder_list: tuple[str, ...] | None = None
    method: str = "SDES"
    verdict: Verdict = Verdict.CONFORM
    reasons: tuple[str, ...] = ()
    streams: tuple[StreamAudit, ...] | None = None
    verified: bool | None = None
    how: str = "a=crypto carries the key itself"
    outcomes: tuple[Outcome, ...] = ()
    state: CallState = CallState.ENDED
    final: str = "SIP/2.0 200"


def _preferences(names: tuple[str, ...], method: str, frame: int) -> tuple[Preference, ...]:
    suites = (preference("suite", name, place, Carrier.SDES_ORDER, frame) for place, name in enumerate(names))
    return (preference("key_agreement", method, 0, Carrier.SDES_ORDER, frame), *suites)


def _messages(plan: Plan) -> tuple[SignallingMessage, ...]:
    words = plan.words
    offer = sdp_text(plan.proto, 4000, "192.0.2.10", _crypto_lines(plan.offered), words.session_name)
    answer = b""
    if plan.answered is not None:
        answer = sdp_text(plan.proto, 5004, "198.51.100.20", _crypto_lines(plan.answered), words.session_name)
    trying = message(2, "SIP/2.0 100 Trying", words, to_callee=False)
    messages = [
        message(1, "INVITE sip:bob@example.com SIP/2.0", words, body=offer),
        trying,
        message(3, "INVITE sip:bob@example.com SIP/2.0", words, body=offer, retransmission_of=FrameRef(0, 1)),
        message(7, "SIP/2.0 180 Ringing", words, to_callee=False),
        message(10, f"{plan.final} {words.reason_phrase}", words, to_callee=False, body=answer),
        message(11, "ACK sip:bob@example.com SIP/2.0", words, cseq="1 ACK"),
    ]
    if plan.answered is not None:
        messages += [
            message(1011, "BYE sip:alice@example.com SIP/2.0", words, to_callee=False, cseq="2 BYE"),
            message(1012, "SIP/2.0 200 OK", words, cseq="2 BYE"),
        ]
    return tuple(messages)


def _crypto_lines(suites: tuple[str, ...]) -> list[str]:
    return [crypto(tag, suite) for tag, suite in enumerate(suites, 1)]


def _side(body: SdpBody, address: str) -> MediaSide:
    return MediaSide(body, body.session.media[0], address, address)


def _negotiation(plan: Plan) -> Negotiation:
    method = None if plan.proto == "RTP/AVP" else plan.method
    suite = plan.answered[0] if plan.answered else None
    first = Choice(method, plan.offered[0] if plan.offered else None)
    answer = None if plan.responder_list is None else _preferences(plan.responder_list, plan.method, 10)
    winners = tuple(
        (rule, first) for rule in (SelectionRule.MIN_SUM, SelectionRule.INITIATOR_FIRST, SelectionRule.MIN_MAX)
    )
    fine = Judgement(True, True, "The choice is on both lists.")
    return Negotiation(
        offer_preferences=_preferences(plan.offered, plan.method, 1) if method else (),
        answer_preferences=answer,
        chosen=Choice(method if suite else None, suite),
        expected=Expected(SelectionRule.SINGLE, SelectionRule.INITIATOR_FIRST, first.key_agreement, first.suite, ()),
        winners=(*winners, (SelectionRule.RESPONDER_FIRST, Choice(method, suite))),
        mutual=fine,
        undominated=fine,
        winner=fine,
        statements=(),
        reasons=plan.reasons,
    )


def make_call(plan: Plan | None = None, *, number: int = 0) -> AuditedCall:
    plan = plan or Plan()
    words = plan.words
    messages = _messages(plan)
    invite, final = messages[0], messages[4]
    offer = SdpBody(invite, parse_sdp(invite.sip.body), Party.CALLER)
    answer = SdpBody(final, parse_sdp(final.sip.body), Party.CALLEE) if plan.answered is not None else None
    resolution = Resolution.ANSWERED if answer else Resolution.REJECTED
    exchange = Exchange(0, offer, answer, resolution, final, START_NS, final.timestamp_ns, None)
    streams = plan.streams
    if streams is None:
        streams = (stream_audit(Side.OFFERER), stream_audit(Side.ANSWERER)) if answer else ()
    line = MediaLine(
        0,
        exchange,
        "audio",
        _side(offer, "192.0.2.10:4000"),
        _side(answer, "198.51.100.20:5004") if answer else None,
        tuple(stream.bound for stream in streams),
        (),
        (),
    )
    negotiation = _negotiation(plan)
    accepted = tuple(parse_crypto(text[len("a=crypto:") :]) for text in _crypto_lines(plan.answered or ()))
    keys = (MasterKey(CM80, Secret(SECRET_KEY), Secret(SECRET_SALT), "sdes", bound=True),)
    keying = Keying(negotiation.chosen.key_agreement, plan.verified, plan.how, keys, accepted_crypto=accepted)
    media = AuditedMedia(line, negotiation, keying, streams, plan.verdict, plan.reasons)
    call = Call(
        words.call_id,
        "sip",
        words.caller,
        words.callee,
        plan.state,
        START_NS + number,
        messages[-1].timestamp_ns,
        CallMessages(messages),
        (exchange,),
        (media.line,),
    )
    outcomes = plan.outcomes or (
        outcome("PRI-001", "pass"),
        outcome("PRI-002", "pass"),
        outcome("SRT-003", "pass", confidence=Confidence.C4),
        outcome("MKY-001", "not-applicable", explanation="No MIKEY in this call."),
    )
    return AuditedCall(call, (media,), outcomes)


def paper_call(words: Words, *, downgraded: bool = False) -> AuditedCall:
    """The MIKEY call of Table 4: three key agreements and three suites on each side."""
    base = make_call(Plan(words=words, method="MIKEY-PKE", offered=(CM80, CM32, F8), answered=(CM32,)))
    ka, suite = "key_agreement", "suite"
    carried = Carrier.PRIORITY_EXTENSION
    offer = (
        preference(ka, "MIKEY-PSK", 0, carried, 1, True),
        preference(ka, "MIKEY-PKE", 1, carried, 1, True),
        preference(ka, "MIKEY-DH", 2, carried, 1, True),
        preference(suite, CM80, 1, carried, 1, True),
        preference(suite, CM32, 0, carried, 1, True),
        preference(suite, F8, 2, carried, 1, True),
    )
    answer = (
        preference(ka, "MIKEY-PKE", 0, carried, 10, True),
        preference(ka, "MIKEY-DH", 1, carried, 10, True),
        preference(ka, "MIKEY-PSK", 2, carried, 10, True),
        preference(suite, CM32, 0, carried, 10, True),
        preference(suite, CM80, 2, carried, 10, True),
    )
    chosen = Choice("MIKEY-DH", CM80) if downgraded else Choice("MIKEY-PKE", CM32)
    pke = Choice("MIKEY-PKE", CM32)
    winners = (
        (SelectionRule.MIN_SUM, pke),
        (SelectionRule.RESPONDER_FIRST, pke),
        (SelectionRule.INITIATOR_FIRST, Choice("MIKEY-PSK", CM32)),
        (SelectionRule.MIN_MAX, pke),
    )
    fine = Judgement(True, True, "")
    expected = Expected(SelectionRule.MIN_SUM, SelectionRule.MIN_SUM, "MIKEY-PKE", CM32, ())
    statement = ListStatement(("mikey", "mikey", "mikey"), ("mikey", "mikey"), "session", True, None, FrameRef(0, 1))
    reasons = (Reason.DOMINATED, Reason.NOT_WINNER) if downgraded else ()
    negotiation = Negotiation(
        offer, answer, chosen, expected, winners, fine, fine, fine, (statement,) if downgraded else (), reasons
    )
    evidence = (
        MikeyEvidence(
            FrameRef(0, 1),
            "session",
            6,
            Side.OFFERER,
            "mikey",
            None,
            None,
            MacState(True, "HMAC-SHA-1-160 verifies"),
            True,
        ),
        MikeyEvidence(
            FrameRef(0, 10),
            "session",
            6,
            Side.ANSWERER,
            "mikey",
            None,
            None,
            MacState(None, "no key in the ring fits"),
            False,
            (Defect("unknown-payload", 24, "RFC 3830 §6.1", "type 77"),),
        ),
    )
    keying = Keying(
        chosen.key_agreement,
        True,
        "MAC verified with private_key bob.pem",
        mikey=evidence,
        response_required=True,
        response_seen=True,
    )
    verdict = Verdict.DOWNGRADE if downgraded else Verdict.CONFORM
    media = replace(base.media[0], negotiation=negotiation, keying=keying, verdict=verdict, reasons=reasons)
    outcomes: tuple[Outcome, ...] = base.outcomes
    if downgraded:
        outcomes = (
            outcome(
                "PRI-002",
                "fail",
                frames=(1, 10),
                explanation="MIKEY-DH was chosen, although both lists rank MIKEY-PKE above it.",
                guards=("An answerer may have lost its RSA key since it sent the list.",),
            ),
            outcome(
                "PRI-003",
                "fail",
                frames=(1, 10),
                severity="medium",
                explanation="min-sum gives MIKEY-PKE, not MIKEY-DH.",
            ),
            *base.outcomes[2:],
        )
    return replace(base, media=(media,), outcomes=outcomes)


RULES = (
    RuleText(
        "SIG-002",
        "SDES master key sent in clear",
        "RFC 4568 §8.3",
        "REQUIRED",
        "Use TLS on every hop, or DTLS-SRTP or MIKEY instead of SDES; treat the captured keys as lost.",
    ),
    RuleText("PRO-001", "Media profile insecure", "policy; RFC 8827 §6.5", "policy", "Require RTP/SAVP on both sides."),
    RuleText("PRI-001", "The choice stands in both lists", "RFC 3264 §6", "MUST", "Reject the answer."),
    RuleText(
        "PRI-002",
        "Chosen capability is dominated by another common one",
        "priority lists",
        "policy",
        "Correct the selection of the answerer.",
    ),
    RuleText(
        "PRI-003",
        "Choice is not the winner of the selection rule",
        "priority lists",
        "policy",
        "Align the rule on both sides.",
    ),
    RuleText(
        "SRT-003", "Authentication tag does not verify", "RFC 3711 §3.3", "MUST", "Find the leg whose key differs."
    ),
    RuleText("MKY-001", "NULL key encryption", "RFC 3830 §4.2.3", "MUST NOT", "Use AES-CM."),
)


def finding(rule: str, severity: str, calls: Iterable[str | None], frames: tuple[int, ...] = (1, 10)) -> Finding:
    text = next(text for text in RULES if text.id == rule)
    evidence = tuple(FindingEvidence(call_id, 0, frames) for call_id in calls)
    return Finding(rule, text.title, Severity(severity), text.citation, text.remediation, evidence)


def make_policy() -> Policy:
    return Policy("ietf-baseline", 1, "What the RFCs demand", "5f" * 32, SelectionRule.BY_CARRIER, ())


def make_capture(words: Words) -> CaptureFacts:
    return CaptureFacts(
        path=words.path,
        sha256="0123456789abcdef" * 4,
        format="pcapng",
        packets=12_345,
        bytes=3_456_789,
        first_time_ns=START_NS,
        last_time_ns=START_NS + 75 * 10**9,
        defects=(Defect("cut-record", 3_456_700, "", "the last record ends early"),),
        interface_drops=3,
        signalling_messages=48,
        media_packets=12_001,
        unread=(("ARP", 17), ("IPv4 protocol 47 (GRE)", 4)),
    )


def make_report(
    calls: Iterable[AuditedCall],
    words: Words | None = None,
    streams: tuple[AuditedStream, ...] = (),
    messages: tuple[AuditedMessage, ...] = (),
    **changes: Any,
) -> Report:
    calls = tuple(calls)
    report = Report(
        tool_name="srtp-audit",
        tool_version="0.1.0",
        policy=make_policy(),
        captures=(make_capture(words or Words()),),
        briefs=tuple(map(brief_call, calls)),
        tally=count_up(calls, streams, messages),
        calls=calls,
        streams=streams,
        messages=messages,
        findings=(),
        rules=RULES,
    )
    return replace(report, **changes)


def _named(name: str, words: Words) -> Words:
    return replace(words, call_id=f"{name}-{words.call_id}")


def full_report(words: Words | None = None) -> Report:
    """One call of each verdict, streams and messages outside calls, findings, trees, notes."""
    words = words or Words()
    names = ("paper", "downgrade", "sdes", "clear", "shut", "busy", "clash")
    paper, downgraded, sdes, plain, unopened, busy, clash = (_named(name, words) for name in names)
    leak = outcome(
        "SIG-002",
        "fail",
        frames=(1, 10),
        severity="critical",
        explanation="inline: stands readable in frames 1 and 10.",
    )
    calls = (
        paper_call(paper),
        paper_call(downgraded, downgraded=True),
        make_call(Plan(words=sdes, outcomes=(leak, outcome("SRT-003", "pass", confidence=Confidence.C4)))),
        make_call(
            Plan(
                words=plain,
                proto="RTP/AVP",
                offered=(),
                answered=(),
                verdict=Verdict.UNPROTECTED,
                reasons=(Reason.CLEAR_MEDIA,),
                streams=(clear(Side.OFFERER), clear(Side.ANSWERER)),
                how="nothing was negotiated",
                outcomes=(
                    outcome(
                        "PRO-001",
                        "fail",
                        frames=range(12, 160),
                        confidence=Confidence.C1,
                        explanation="500 packets are clear G.711.",
                    ),
                ),
            )
        ),
        make_call(
            Plan(
                words=unopened,
                method="MIKEY-PSK",
                answered=(CM32,),
                verdict=Verdict.INCONCLUSIVE,
                reasons=(Reason.WIRE_UNSEEN,),
                streams=(shut(Side.OFFERER), shut(Side.ANSWERER, Wire.UNSEEN, "too few packets to tell")),
                how="no key in the ring fits",
                outcomes=(
                    outcome("SRT-003", "unknown", explanation="No key fits.", missing="a key that opens the media"),
                    outcome(
                        "PRI-002", "unknown", explanation="One list is not on the wire.", missing="the responder's list"
                    ),
                ),
            )
        ),
        make_call(
            Plan(
                words=busy,
                answered=None,
                verdict=Verdict.NO_MEDIA,
                reasons=(Reason.REJECTED,),
                state=CallState.REJECTED,
                final="SIP/2.0 488",
                outcomes=(outcome("PRI-001", "not-applicable", explanation="Nothing was chosen."),),
            )
        ),
        make_call(
            Plan(
                words=clash,
                answered=(F8,),
                responder_list=(CM80, CM32),
                verdict=Verdict.MISMATCH,
                reasons=(Reason.CHOICE_NOT_OFFERED, Reason.WIRE_CONTRADICTS),
                streams=(
                    stream_audit(
                        authenticated=480,
                        failed=20,
                        decrypted=480,
                        wire=Wire.CONTRADICTING,
                        failed_frames=tuple(range(40, 60)),
                    ),
                ),
                outcomes=(
                    outcome(
                        "PRI-001",
                        "fail",
                        frames=(10,),
                        severity="critical",
                        explanation="F8_128_HMAC_SHA1_80 was never offered.",
                    ),
                ),
            )
        ),
    )
    ids = [call.call.call_id for call in calls]
    findings = (
        finding("PRI-003", "medium", [ids[1]]),
        finding("PRI-002", "high", [ids[1]]),
        finding("SIG-002", "critical", [ids[2]]),
        finding("PRO-001", "high", [ids[3], None], tuple(range(12, 160))),
        finding("PRI-001", "critical", [ids[6]], (10,)),
    )
    register = message(
        3000, "REGISTER sip:example.com SIP/2.0", replace(words, call_id="reg-" + words.call_id), cseq="1 REGISTER"
    )
    text = message(
        3001,
        "MESSAGE sip:bob@example.com SIP/2.0",
        replace(words, call_id="im-" + words.call_id),
        cseq="1 MESSAGE",
        body=b"my pin is 271828",
        content_type="text/plain",
    )
    return make_report(
        calls,
        words,
        findings=findings,
        streams=(
            AuditedStream(
                clear(), (outcome("PRO-001", "fail", frames=range(12, 40), media_index=None, exchange=None),)
            ),
        ),
        messages=(
            AuditedMessage(register, (outcome("SIG-002", "not-applicable", media_index=None, exchange=None),)),
            AuditedMessage(text, ()),
        ),
        tls_flows=(TlsFlow(0, 2000, "192.0.2.10:51000", "198.51.100.20:5061", 42, reason="no key at hand"),),
        trees=(
            FrameTree(
                0,
                1,
                f"###[ SIP ]###\n  From = {words.display_name}\n  ###[ SDP ]###\n    crypto = 1 {CM80} inline:····",
            ),
        ),
        notes=("4 IPv4 fragments could not be completed." + words.free_text,),
        drops=3,
    )
