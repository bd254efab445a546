# SPDX-License-Identifier: GPL-2.0-only
"""The verdict of a media line and exchange: the first that holds, with every reason that holds, strongest first."""

from collections.abc import Iterable, Iterator

from analyzer.model.call import MediaLine, Resolution
from analyzer.model.evidence import Protection, Wire
from analyzer.model.keying import Keying, StreamAudit
from analyzer.model.negotiation import Negotiation
from analyzer.model.outcome import Verdict
from analyzer.model.reasons import REASONS, Reason, sort_reasons
from analyzer.negotiation.statements import missing_lines
from analyzer.rules import protection
from analyzer.rules.wire import is_proved, wire_reasons

UNPROTECTED = frozenset({Reason.CLEAR_MEDIA, Reason.PLAIN_PROFILE})
MISMATCH = frozenset(
    {Reason.CHOICE_NOT_OFFERED, Reason.CHOICE_NOT_IN_RESPONDER_LIST, Reason.WIRE_CONTRADICTS},
)
DOWNGRADE = frozenset({Reason.DOMINATED, Reason.NOT_WINNER})
ABSENT = frozenset({Reason.REJECTED, Reason.CANCELLED, Reason.PORT_ZERO, Reason.INACTIVE})
BESIDE = frozenset(
    {
        Reason.WIRE_NOT_PROVED,
        Reason.ORDER_NOT_BINDING,
        Reason.RESPONDER_NOT_VERIFIED,
        Reason.OFFER_DIFFERS_FROM_INVENTORY,
    }
)
REFUSALS = {Resolution.REJECTED: Reason.REJECTED, Resolution.CANCELLED: Reason.CANCELLED}

Judged = tuple[Verdict, tuple[Reason, ...]]


def judge(line: MediaLine, negotiation: Negotiation, keying: Keying, streams: tuple[StreamAudit, ...]) -> Judged:
    """The verdict and its reasons.

    Reasons that only say what is missing stand where it could change the verdict: nothing changes `unprotected`.
    """
    known = set(_unprotected(line, streams))
    if not known and protection.is_without_media(line, streams):
        return _judge_absence(line)
    known.update(_facts(line, negotiation, keying, streams))
    if not known.isdisjoint(UNPROTECTED):
        return Verdict.UNPROTECTED, sort_reasons(known - BESIDE)
    if keying.keys_unproved and any(map(_stays_shut, streams)):
        known.add(Reason.KEYING_NOT_PROVED)
    reasons = sort_reasons(known | set(_missing(line, negotiation, streams)))
    return _verdict(set(reasons), line, negotiation), reasons


def _verdict(reasons: set[Reason], line: MediaLine, negotiation: Negotiation) -> Verdict:
    if not reasons.isdisjoint(MISMATCH):
        return Verdict.MISMATCH
    if not reasons.isdisjoint(DOWNGRADE) or (Reason.OFFER_STRIPPED in reasons and _is_stripped(line, negotiation)):
        return Verdict.DOWNGRADE
    return Verdict.INCONCLUSIVE if reasons - BESIDE else Verdict.CONFORM


def _judge_absence(line: MediaLine) -> Judged:
    """Nothing was agreed and nothing flowed, on complete signalling."""
    refusal = REFUSALS.get(line.exchange.resolution)
    if refusal is not None:
        return Verdict.NO_MEDIA, (refusal,)
    refused = line.answer is not None and line.answer.is_refused
    return Verdict.NO_MEDIA, (Reason.PORT_ZERO if refused else Reason.INACTIVE,)


def _unprotected(line: MediaLine, streams: tuple[StreamAudit, ...]) -> Iterator[Reason]:
    if protection.is_proved_clear(streams):
        yield Reason.CLEAR_MEDIA
    if protection.nothing_protects(line, streams):
        yield Reason.PLAIN_PROFILE


def _facts(
    line: MediaLine, negotiation: Negotiation, keying: Keying, streams: Iterable[StreamAudit]
) -> Iterator[Reason]:
    """What was seen: of the choice, of the lists, of the wire, of the messages' authenticity."""
    for reason in negotiation.reasons:
        if reason is not Reason.OFFER_STRIPPED or protection.agreed_proto(line) is not None:
            yield REASONS[reason]
    for stream in streams:
        if stream.wire is Wire.CONTRADICTING and not stream.clear and stream.protection is not Protection.RTP:
            yield Reason.WIRE_CONTRADICTS
    if keying.authentic is False:
        yield Reason.KEYING_NOT_AUTHENTIC
    if keying.response_required and not keying.response_seen and negotiation.chosen.key_agreement is not None:
        yield Reason.RESPONDER_NOT_VERIFIED


def _stays_shut(stream: StreamAudit) -> bool:
    """Whether packets of it could be tried and none of them authenticates; early clear ones are another matter."""
    return stream.packets > stream.clear + stream.clear_early and not stream.authenticated


def _is_stripped(line: MediaLine, negotiation: Negotiation) -> bool:
    """Whether a statement that verifies shows that a line is missing from an offer that was accepted."""
    if protection.agreed_proto(line) is None:
        return False
    return any(statement.verified and missing_lines(statement) for statement in negotiation.statements)


def _missing(line: MediaLine, negotiation: Negotiation, streams: tuple[StreamAudit, ...]) -> Iterator[Reason]:
    """What was not seen and could change the verdict."""
    if any(stream.keys_unseen for stream in streams):
        yield Reason.KEYS_UNSEEN
    if line.offer is None:
        yield Reason.SIGNALLING_UNSEEN
        return
    if not protection.is_rtp(line):
        yield Reason.MEDIA_NOT_RTP
        return
    if protection.agreed_proto(line) is None:
        refused = line.answer is not None or line.exchange.resolution in REFUSALS
        yield Reason.MEDIA_WITHOUT_AGREEMENT if refused else Reason.ANSWER_UNSEEN
        return
    in_band = line.dtls or line.zrtp or line.tls
    if negotiation.chosen.key_agreement is None and not in_band and not is_proved(streams):
        yield Reason.NO_KEYING_IN_ANSWER
    yield from wire_reasons(line, negotiation.chosen, streams)
