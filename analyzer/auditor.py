# SPDX-License-Identifier: GPL-2.0-only
"""Calls, streams and messages on their way through keying, negotiation, verdict and rules."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, cached_property
from typing import TYPE_CHECKING

from analyzer import __version__
from analyzer.evidence.capture_points import seen_once
from analyzer.evidence.media_statistics import is_plausible_rtp
from analyzer.evidence.reading import Reading
from analyzer.judging import Render, judge_calls
from analyzer.keying.handover import hand_over
from analyzer.keying.key_mgmt_lines import may_carry_mikey
from analyzer.keying.key_ring import KeyRing
from analyzer.keying.media_keying import Keymaster
from analyzer.keying.media_path import PathHandshakes
from analyzer.keying.mikey_known_by import with_media_facts
from analyzer.keying.mikey_paths import KeyedPaths
from analyzer.keying.unseen_signalling import allow_for_unseen, contradicts, find_gaps
from analyzer.model.call import BoundStream, Call, CallSet, MediaLine
from analyzer.model.evidence import AnySignalling, LooseMikey
from analyzer.model.keying import NO_RTCP, Keying, RtcpCount, StreamAudit
from analyzer.model.mikey_modes import MIKEY_MODES
from analyzer.model.policy import Policy
from analyzer.model.report import (
    AuditedCall,
    AuditedMedia,
    AuditedMessage,
    AuditedMikey,
    AuditedStream,
    CaptureFacts,
    Report,
)
from analyzer.negotiation.endpoint_profiles import build_profiles
from analyzer.negotiation.inventory import Inventory
from analyzer.negotiation.knowledge import Knowledge, build_observations
from analyzer.negotiation.negotiate import negotiate
from analyzer.rules.briefing import outcomes_outside
from analyzer.rules.catalogue import rule_texts
from analyzer.rules.damage import find_damage_outside
from analyzer.rules.exchange_facts import ExchangeFacts
from analyzer.rules.findings import collect_findings
from analyzer.rules.runner import evaluate_call, evaluate_exchange, evaluate_messages, evaluate_stream
from analyzer.rules.verdict import judge

if TYPE_CHECKING:
    from analyzer.keying.loose_mikey import LooseExchange
    from analyzer.keying.mikey_history import MikeyHistory
    from analyzer.keying.refusal_checks import RefusalChecks


def _failures(media: AuditedMedia) -> int:
    return sum(stream.failed for stream in media.streams)


class Auditor:
    """Turns calls and media into verdicts and outcomes under one policy, with one key ring and one inventory."""

    def __init__(self, policy: Policy, ring: KeyRing, inventory: Inventory) -> None:
        self.policy = policy
        self.ring = ring
        self._inventory = inventory
        self._keymaster = Keymaster(ring)
        self._bodies: dict[str, list[LooseExchange]] = {}  # MIKEY beside no description, by the call that carried it

    @cached_property
    def _history(self) -> "MikeyHistory":
        """The MIKEY messages of the capture set; loaded with the first, as most sets have none."""
        from analyzer.keying.mikey_history import MikeyHistory  # noqa: PLC0415

        return MikeyHistory()

    def learn(self, readings: Sequence[Reading]) -> None:
        """Add to the key ring what captures hold themselves (decryption secrets of pcapng)."""
        found = tuple(secret for reading in readings for secret in reading.key_log)
        if found:
            self.ring = self.ring.with_key_log("decryption secrets of the captures", found)
            self._keymaster = Keymaster(self.ring)

    def audit_call(self, call: Call, knowledge: Knowledge) -> AuditedCall:
        """One call with its verdicts and outcomes."""
        return self._judge_call(call, self._audit_media(call, knowledge))

    def _audits(self, calls: Sequence[Call], knowledge: Knowledge) -> Callable[[int], AuditedCall]:
        """A function that audits the call of a number, any call at any time; what MIKEY says is heard of all before."""
        keyed = {
            number: self._audit_media(call, knowledge)
            for number, call in enumerate(calls)
            if call.call_id in self._bodies or any(map(may_carry_mikey, call.media))
        }

        def audit(number: int) -> AuditedCall:
            call, media = calls[number], keyed.get(number)
            return self._judge_call(call, self._audit_media(call, knowledge) if media is None else media)

        return audit

    def _audit_media(self, call: Call, knowledge: Knowledge) -> tuple[AuditedMedia, ...]:
        """The media lines with everything but what other calls of the set say of them."""
        media = tuple(self._audit_line(call, line, knowledge) for line in call.media)
        if len(call.exchanges) > 1:
            media = self._hand_over(call, media, knowledge)
        if any(map(contradicts, media)):
            media = self._allow_for_unseen(call, media)
        for each in media:
            if each.keying.mikey:
                self._history.add_line(call, each.line, each.keying.mikey)
        self._keymaster.forget_call()
        return media

    def _hand_over(self, call: Call, media: tuple[AuditedMedia, ...], knowledge: Knowledge) -> tuple[AuditedMedia, ...]:
        """The lines anew whose last packets are better explained by the keys of the exchange that follows."""
        moved = [line for line, each in zip(hand_over(media), media, strict=True) if line is not each.line]
        if not moved:
            return media
        anew = {(line.exchange.number, line.index): self._audit_line(call, line, knowledge) for line in moved}
        if sum(_failures(each) for each in anew.values()) >= sum(
            _failures(each) for each in media if (each.line.exchange.number, each.line.index) in anew
        ):
            return media
        return tuple(anew.get((each.line.exchange.number, each.line.index), each) for each in media)

    def _allow_for_unseen(self, call: Call, media: tuple[AuditedMedia, ...]) -> tuple[AuditedMedia, ...]:
        """The lines judged without the packets that messages which nobody saw may explain."""
        gaps, last_message_ns = find_gaps(call), max(message.timestamp_ns for message in call.messages)
        judged = []
        for each in media:
            streams = allow_for_unseen(each, gaps, last_message_ns) if contradicts(each) else each.streams
            if streams != each.streams:
                verdict, reasons = judge(each.line, each.negotiation, each.keying, streams)
                each = replace(each, streams=streams, verdict=verdict, reasons=reasons)
            judged.append(each)
        return tuple(judged)

    def _judge_call(self, call: Call, media: tuple[AuditedMedia, ...]) -> AuditedCall:
        """The call with its outcomes, once the MIKEY messages of all calls are known."""
        media = tuple(self._compare(call, each) if each.keying.mikey else each for each in media)
        return AuditedCall(call, media, evaluate_call(call, media, self.policy))

    def _compare(self, call: Call, media: AuditedMedia) -> AuditedMedia:
        return replace(media, freshness=self._history.freshness_of_line(call, media.line, media.keying.mikey))

    def _audit_line(self, call: Call, line: MediaLine, knowledge: Knowledge) -> AuditedMedia:
        keying = self._keymaster.key(call, line)
        if call.call_id in self._bodies:
            from analyzer.keying.call_bodies import add_bodies  # noqa: PLC0415 - certificates: see key_files

            keying = add_bodies(keying, call, line, self._bodies[call.call_id])
        negotiation = negotiate(line, keying, self.policy, knowledge, call)
        has_media = line.streams or line.lone_rtcp
        streams, lone_rtcp = self._audit_packets(line, keying, negotiation.chosen.suite) if has_media else ((), NO_RTCP)
        keying = with_media_facts(keying, streams)
        verdict, reasons = judge(line, negotiation, keying, streams)
        return AuditedMedia(line, negotiation, keying, streams, verdict, reasons, lone_rtcp=lone_rtcp)

    def _audit_packets(
        self, line: MediaLine, keying: Keying, suite: str | None
    ) -> tuple[tuple[StreamAudit, ...], RtcpCount]:
        from analyzer.keying.stream_audit import audit_lone_rtcp, audit_stream  # noqa: PLC0415 - ciphers, for media alone

        tolerated = self.policy.tolerated_failures
        streams = tuple(audit_stream(bound, line, keying, self.ring, suite, tolerated) for bound in line.streams)
        return streams, audit_lone_rtcp(line, keying) if line.lone_rtcp else NO_RTCP

    def _audit_streams(
        self, streams: Sequence[BoundStream], handshakes: PathHandshakes, mikey: KeyedPaths, jobs: int
    ) -> tuple[AuditedStream, ...]:
        """Streams that belong to no call, keyed by the handshakes on their path or by MIKEY between their ends."""
        if not streams:
            return ()
        from analyzer.keying.stream_audit import audit_stream  # noqa: PLC0415
        from analyzer.loose_streams import audit_streams  # noqa: PLC0415

        keyings = [self._keymaster.key_loose(bound, handshakes, mikey) for bound in streams]

        def audit(number: int) -> StreamAudit:
            tolerated = self.policy.tolerated_failures
            return audit_stream(streams[number], None, keyings[number], self.ring, None, tolerated)

        has_keys = bool(self.ring.srtp) or any(keying.keys for keying in keyings)
        audits = audit_streams(streams, audit, jobs, has_keys=has_keys)
        return tuple(
            AuditedStream(audit, evaluate_stream(audit, self.policy), keying)
            for audit, keying in zip(audits, keyings, strict=True)
        )

    def _read_loose(self, messages: Sequence[LooseMikey], calls: Sequence[Call]) -> list["LooseExchange"]:
        """The MIKEY exchanges outside calls; those in bodies of calls are kept for them. Tickets open calls too."""
        if not messages:
            return []
        from analyzer.keying.call_bodies import without_described  # noqa: PLC0415 - certificates: see key_files
        from analyzer.keying.loose_mikey import LooseExchanges, of_calls  # noqa: PLC0415

        exchanges = LooseExchanges(self.ring, self._keymaster.mikey.books).read(without_described(calls, messages))
        self._bodies, outside = of_calls(exchanges, frozenset(call.call_id for call in calls if call.media))
        for each in outside:
            self._history.add(each.sightings())
        return outside

    def _judge_loose(self, exchanges: Sequence["LooseExchange"]) -> Iterator[AuditedMikey]:
        """Their messages, with the outcomes of an exchange at its first."""
        for each in exchanges:
            evidence = each.evidence
            facts = ExchangeFacts(evidence, self._history.freshness(each.sightings()), each.taken)
            outcomes = evaluate_exchange(facts, self.policy)
            for message, found in zip(each.messages, evidence, strict=True):
                method = None if found.message is None else MIKEY_MODES.get(found.message.header.data_type)
                yield AuditedMikey(message, method, found, outcomes)
                outcomes = ()

    def knowledge(self, calls: Sequence[Call], outside: Sequence[AnySignalling] = ()) -> Knowledge:
        """What the inventory and the other calls and messages of the set say of a side that sent no list."""
        observed = None

        @cache
        def checks() -> "RefusalChecks":
            from analyzer.keying.refusal_checks import RefusalChecks  # noqa: PLC0415 - where MIKEY refused an offer

            return RefusalChecks(self.ring, self._keymaster.mikey.books.tickets, calls)

        def observations() -> object:
            nonlocal observed
            if observed is None:
                observed = build_observations(calls, outside, lambda call, line: checks().check(call, line))
            return observed

        return Knowledge(self._inventory, observations)  # type: ignore[arg-type]

    def report(
        self,
        captures: Sequence[CaptureFacts],
        calls: CallSet,
        readings: Sequence[Reading],
        *,
        notes: Sequence[str] = (),
        render: Render | None = None,
        jobs: int = 1,
        keep_calls: bool = True,
    ) -> Report:
        """The report over everything that was read.

        What `render` makes of each call stands in `Report.renditions`. Without `keep_calls` up to `jobs` processes
        audit the calls, and those of `Report.calls` are audited again when somebody looks at them.
        """
        self.learn(readings)
        knowledge = self.knowledge(calls.calls, calls.outside)
        exchanges = self._read_loose(seen_once(one for reading in readings for one in reading.mikey), calls.calls)
        audit = self._audits(calls.calls, knowledge)
        if keep_calls:
            audited = tuple(map(audit, range(len(calls.calls))))
            judged = judge_calls(calls.calls, audited.__getitem__, render, 1)._replace(calls=audited)
        else:
            judged = judge_calls(calls.calls, audit, render, jobs)
        plausible = [bound for bound in calls.unbound if is_plausible_rtp(bound.stream)]
        handshakes = _handshakes(readings)
        paths = KeyedPaths([each.keyed_path for each in exchanges if each.opened[0].keys])
        loose = tuple(sorted(self._judge_loose(exchanges), key=lambda one: (one.message.timestamp_ns, one.message.ref)))
        streams = self._audit_streams(plausible, handshakes, paths, jobs)
        said = evaluate_messages(calls.outside, self.policy)
        messages = tuple(AuditedMessage(each, own) for each, own in zip(calls.outside, said, strict=True))
        for outcomes in outcomes_outside(streams, messages, loose):
            judged.counter.add_outcomes(outcomes)
        unlike = sum(len(bound.stream) for bound in calls.unbound) - sum(len(bound.stream) for bound in plausible)
        drops = [facts.interface_drops for facts in captures if facts.interface_drops is not None]
        skipped = (_skipped(unlike),) if unlike else ()
        return Report(
            tool_name="srtp-audit",
            tool_version=__version__,
            policy=self.policy,
            captures=tuple(captures),
            briefs=judged.briefs,
            tally=judged.counter.tally(),
            calls=judged.calls,
            streams=streams,
            messages=messages,
            findings=collect_findings(judged.briefs, streams, messages, loose),
            rules=rule_texts(self.policy),
            tls_flows=tuple(flow for reading in readings for flow in reading.tls),
            mikey=loose,
            notes=(*notes, *skipped),
            drops=sum(drops) if drops else None,
            endpoints=build_profiles(judged.briefs),
            damage=find_damage_outside(calls.outside, loose),
            renditions=judged.renditions,
        )


def _handshakes(readings: Sequence[Reading]) -> PathHandshakes:
    """The handshakes that key media where they run."""
    return PathHandshakes(
        dtls=(flow for reading in readings for flow in reading.media.dtls()),
        zrtp=(flow for reading in readings for flow in reading.media.zrtp()),
    )


def _skipped(packets: int) -> str:
    if packets == 1:
        return "1 packet looks like RTP but forms no stream; it was not judged"
    return f"{packets} packets look like RTP but form no stream; they were not judged"
