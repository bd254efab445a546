# SPDX-License-Identifier: GPL-2.0-only
"""Verdicts of media lines: each line of the definition, and agreement with the rules that must fail or be unknown."""

from dataclasses import replace

import pytest
from rule_builders import (
    ANSWERED_80,
    CRYPTO_32,
    CRYPTO_80,
    DIRECTIONS,
    KEY_B,
    UNKEYED,
    Scene,
    clear,
    crypto,
    mikey_scene,
    negotiation,
    proved,
    sdes_scene,
    sdp_lines,
    stream,
    unseen,
)

from analyzer.model.call import Call, Resolution, Side
from analyzer.model.evidence import FrameRef, Protection, Wire
from analyzer.model.keying import Keying, StreamAudit
from analyzer.model.negotiation import Choice, ListStatement, Negotiation, SelectionRule
from analyzer.model.outcome import OutcomeValue, Severity, Verdict
from analyzer.model.policy import Policy
from analyzer.model.reasons import REASONS, Reason
from analyzer.model.report import AuditedMedia
from analyzer.negotiation.knowledge import Knowledge
from analyzer.negotiation.negotiate import negotiate
from analyzer.policies import DEFAULT_POLICY, read_policy
from analyzer.rules.runner import evaluate_call
from analyzer.rules.verdict import judge

POLICY = Policy("test", 1, "Test", "", SelectionRule.BY_CARRIER, ())
SAVP = sdp_lines("RTP/SAVP", (f"crypto:{CRYPTO_80}", f"crypto:{CRYPTO_32}"))
LATER = f"2 AES_CM_128_HMAC_SHA1_32 inline:{KEY_B}"
STRANGE = f"3 F8_128_HMAC_SHA1_80 inline:{KEY_B}"


def both(audit: StreamAudit, **answerer) -> tuple[StreamAudit, StreamAudit]:
    """The stream, and one like it the other way."""
    back = replace(audit, bound=replace(audit.bound, sent_by=Side.ANSWERER), **answerer)
    return audit, back


def sdes_answered(value: str, **changes) -> Scene:
    keying = Keying("SDES", None, "SDES", (), (), crypto(CRYPTO_80, CRYPTO_32), crypto(value))
    answer = sdp_lines("RTP/SAVP", (f"crypto:{value}",))
    return sdes_scene(**({"answer": answer, "keying": keying, "streams": both(proved())} | changes))


def chosen(key_agreement: str, suite: str | None = None, **changes) -> Negotiation:
    """A negotiation that gave this choice."""
    return negotiation(**changes)._replace(chosen=Choice(key_agreement, suite))


def statement(verified: bool | None) -> ListStatement:
    return ListStatement(("mikey", "mikey"), ("mikey",), "media", verified, None, FrameRef(0, 1))


def stripped(verified: bool | None, **changes) -> Scene:
    found = chosen("MIKEY-PSK", statements=(statement(verified),), reasons=(Reason.OFFER_STRIPPED,))
    return mikey_scene(**({"negotiation": found, "streams": both(proved())} | changes))


PLAIN = sdp_lines("RTP/AVP")
CASES: dict[str, tuple[Scene, bool, Verdict, tuple[str, ...]]] = {
    "plain RTP": (Scene(streams=both(clear())), True, Verdict.UNPROTECTED, ("clear-media", "plain-profile")),
    "plain RTP, media not captured": (Scene(), True, Verdict.UNPROTECTED, ("plain-profile",)),
    "clear media under SAVP": (
        sdes_answered(ANSWERED_80, streams=both(clear())),
        True,
        Verdict.UNPROTECTED,
        ("clear-media",),
    ),
    "SAVP answered as AVP": (Scene(SAVP, PLAIN), True, Verdict.UNPROTECTED, ("plain-profile",)),
    "crypto on AVP that authenticates": (
        sdes_answered(
            ANSWERED_80,
            offer=sdp_lines("RTP/AVP", (f"crypto:{CRYPTO_80}",)),
            answer=sdp_lines("RTP/AVP", (f"crypto:{ANSWERED_80}",)),
        ),
        True,
        Verdict.CONFORM,
        (),
    ),
    "the first crypto line taken": (sdes_answered(ANSWERED_80), True, Verdict.CONFORM, ()),
    "a later crypto line taken": (
        sdes_answered(LATER),
        True,
        Verdict.INCONCLUSIVE,
        ("responder-list-unknown",),
    ),
    "a line that was not offered": (
        sdes_answered(STRANGE),
        True,
        Verdict.MISMATCH,
        ("choice-not-offered", "not-winner"),
    ),
    "the wire shows another suite": (
        sdes_answered(ANSWERED_80, streams=both(stream(wire=Wire.CONTRADICTING, tag_octets=4, expected_tag_octets=10))),
        True,
        Verdict.MISMATCH,
        ("wire-contradicts",),
    ),
    "only consistent": (
        sdes_answered(ANSWERED_80, streams=both(stream())),
        True,
        Verdict.CONFORM,
        ("wire-not-proved",),
    ),
    "one direction missing": (
        sdes_answered(ANSWERED_80, streams=(proved(),)),
        True,
        Verdict.INCONCLUSIVE,
        ("one-direction-unseen",),
    ),
    "no packets": (
        sdes_answered(ANSWERED_80, streams=()),
        True,
        Verdict.INCONCLUSIVE,
        ("wire-unseen",),
    ),
    "too few packets one way": (
        sdes_answered(ANSWERED_80, streams=(proved(), both(unseen())[1])),
        True,
        Verdict.INCONCLUSIVE,
        ("wire-unseen",),
    ),
    "dominated": (
        sdes_scene(streams=both(proved()), negotiation=chosen("SDES", reasons=(Reason.DOMINATED, Reason.NOT_WINNER))),
        False,
        Verdict.DOWNGRADE,
        ("dominated", "not-winner"),
    ),
    "stripped, proved by a MAC": (stripped(True), False, Verdict.DOWNGRADE, ("offer-stripped",)),
    "stripped, nobody can tell": (stripped(None), False, Verdict.INCONCLUSIVE, ("offer-stripped",)),
    "stripped and refused": (
        stripped(True, answer=None, streams=(), resolution=Resolution.REJECTED),
        False,
        Verdict.NO_MEDIA,
        ("rejected",),
    ),
    "a bound key fails": (
        mikey_scene(
            streams=both(stream()),
            negotiation=chosen("MIKEY-PSK"),
            keying=Keying("MIKEY-PSK", False, "the MAC fails", authentic=False),
        ),
        False,
        Verdict.INCONCLUSIVE,
        ("keying-not-authentic", "wire-not-proved"),
    ),
    "V asked for and missing": (
        mikey_scene(
            streams=both(proved()),
            negotiation=chosen("MIKEY-PSK"),
            keying=Keying("MIKEY-PSK", None, "no verification message", response_required=True),
        ),
        False,
        Verdict.CONFORM,
        ("responder-not-verified",),
    ),
    "refused": (Scene(SAVP, None, resolution=Resolution.REJECTED), True, Verdict.NO_MEDIA, ("rejected",)),
    "cancelled": (Scene(SAVP, None, resolution=Resolution.CANCELLED), True, Verdict.NO_MEDIA, ("cancelled",)),
    "cancelled after an early answer": (
        Scene(resolution=Resolution.CANCELLED),
        True,
        Verdict.NO_MEDIA,
        ("cancelled",),
    ),
    "port 0": (Scene(SAVP, sdp_lines("RTP/SAVP", port=0)), True, Verdict.NO_MEDIA, ("port-zero",)),
    "inactive": (
        Scene(sdp_lines("RTP/AVP", ("inactive",)), sdp_lines("RTP/AVP", ("inactive",))),
        True,
        Verdict.NO_MEDIA,
        ("inactive",),
    ),
    "never answered": (
        Scene(SAVP, None, resolution=Resolution.UNANSWERED),
        True,
        Verdict.INCONCLUSIVE,
        ("answer-unseen",),
    ),
    "plain and never answered": (
        Scene(PLAIN, None, resolution=Resolution.UNANSWERED),
        True,
        Verdict.INCONCLUSIVE,
        ("answer-unseen",),
    ),
    "offer not seen": (
        Scene(None, PLAIN, streams=both(stream()), resolution=Resolution.OFFER_UNSEEN),
        True,
        Verdict.INCONCLUSIVE,
        ("signalling-unseen",),
    ),
    "offer not seen, clear media": (
        Scene(None, PLAIN, streams=both(clear()), resolution=Resolution.OFFER_UNSEEN),
        True,
        Verdict.UNPROTECTED,
        ("clear-media",),
    ),
    "SAVP without any keying": (
        Scene(SAVP, sdp_lines("RTP/SAVP"), streams=both(stream())),
        True,
        Verdict.INCONCLUSIVE,
        ("no-keying-in-answer", "wire-not-proved"),
    ),
    "DTLS not opened": (
        Scene(
            sdp_lines("UDP/TLS/RTP/SAVPF", ("fingerprint:sha-256 00:11",)),
            sdp_lines("UDP/TLS/RTP/SAVPF", ("fingerprint:sha-256 22:33",)),
            streams=both(stream(suite=None, wire=Wire.UNSEEN)),
        ),
        True,
        Verdict.INCONCLUSIVE,
        ("choice-unknown", "in-band-keying-not-opened", "wire-unseen"),
    ),
    "DTLS with a known suite and a wire that fits": (
        Scene(
            sdp_lines("UDP/TLS/RTP/SAVPF", ("fingerprint:sha-256 00:11",)),
            sdp_lines("UDP/TLS/RTP/SAVPF", ("fingerprint:sha-256 22:33",)),
            streams=both(stream()),
            negotiation=chosen("DTLS-SRTP", "AES_CM_128_HMAC_SHA1_80"),
        ),
        False,
        Verdict.CONFORM,
        ("wire-not-proved",),
    ),
    "held one way": (
        sdes_answered(
            ANSWERED_80,
            offer=(*SAVP, "a=sendonly"),
            answer=(*sdp_lines("RTP/SAVP", (f"crypto:{ANSWERED_80}",)), "a=recvonly"),
            streams=(proved(),),
        ),
        True,
        Verdict.CONFORM,
        (),
    ),
    "clear only before the answer": (
        sdes_answered(
            ANSWERED_80,
            streams=both(stream(protection=Protection.RTP, wire=Wire.CONTRADICTING, clear_early=5)),
        ),
        True,
        Verdict.INCONCLUSIVE,
        ("wire-unseen",),
    ),
    "not RTP": (
        Scene(sdp_lines("udptl"), sdp_lines("udptl")),
        True,
        Verdict.INCONCLUSIVE,
        ("media-not-rtp",),
    ),
}


def two_way(lines: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """The description with both sides sending, where it does not say otherwise."""
    return lines if lines is None or not DIRECTIONS.isdisjoint(lines) else (*lines, "a=sendrecv")


def audited(scene: Scene, real: bool) -> tuple[Call, AuditedMedia]:
    """The scene with its verdict; `real` negotiates, else the scene says what the negotiation found."""
    call, (media,) = replace(scene, offer=two_way(scene.offer), answer=two_way(scene.answer)).build()
    found = negotiate(media.line, media.keying, POLICY, Knowledge(), call) if real else media.negotiation
    verdict, reasons = judge(media.line, found, media.keying, media.streams)
    return call, replace(media, negotiation=found, verdict=verdict, reasons=reasons)


@pytest.mark.parametrize(("scene", "real", "verdict", "reasons"), CASES.values(), ids=CASES)
def test_verdict(scene: Scene, real: bool, verdict: Verdict, reasons: tuple[str, ...]) -> None:
    _, media = audited(scene, real)
    assert (media.verdict, media.reasons) == (verdict, reasons)


@pytest.mark.parametrize(("scene", "real"), [case[:2] for name, case in CASES.items() if case[1]])
def test_verdict_and_rules_agree(scene: Scene, real: bool) -> None:
    call, media = audited(scene, real)
    outcomes = evaluate_call(call, (media,), read_policy(DEFAULT_POLICY))
    values = {one.outcome for one in outcomes}
    failures = [one for one in outcomes if one.outcome is OutcomeValue.FAIL]
    if media.verdict in (Verdict.UNPROTECTED, Verdict.MISMATCH, Verdict.DOWNGRADE):
        assert any(one.severity.rank >= Severity.MEDIUM.rank for one in failures)
    if media.verdict is Verdict.INCONCLUSIVE:
        assert OutcomeValue.UNKNOWN in values


def test_reasons_are_named_once_and_explained() -> None:
    assert len(REASONS) == len(Reason)
    assert all(reason.explanation.endswith(".") for reason in Reason)
    assert all(str(reason) == reason.value for reason in Reason)


def test_a_plain_call_needs_no_keying() -> None:
    call, media = audited(Scene(keying=UNKEYED), True)
    assert media.negotiation.offer_preferences == ()
    assert call.media[0] is media.line
