# SPDX-License-Identifier: GPL-2.0-only
"""PRI-006 over several exchanges of a call: legs, and retries after a refusal."""

from dataclasses import replace

from rule_builders import Scene, sdes_scene
from rule_cases import LINES, order

from analyzer.model.call import Resolution
from analyzer.model.negotiation import Carrier, Preference
from analyzer.model.outcome import OutcomeValue
from analyzer.model.report import AuditedMedia
from analyzer.policies import read_policy
from analyzer.rules.pri_006 import RULE
from analyzer.rules.runner import evaluate_call

ELEMENTS = ("192.0.2.7:5060", "192.0.2.2:5060")
UP, DOWN = order(LINES, 0, 1, authenticated=False), order(LINES, 1, 0, authenticated=False)


def exchange(
    number: int, preferences: tuple[Preference, ...], *, refused: bool = False, leg: bool = False
) -> AuditedMedia:
    scene: Scene = sdes_scene(resolution=Resolution.REJECTED if refused else Resolution.ANSWERED)
    media = scene.media
    changed = media.line.exchange._replace(number=number, between=ELEMENTS if leg else None)
    line = replace(media.line, exchange=changed)
    return replace(media, line=line, negotiation=media.negotiation._replace(offer_preferences=preferences))


def judged(*media: AuditedMedia) -> tuple[OutcomeValue, str]:
    call, _ = sdes_scene().build()
    (found,) = (one for one in evaluate_call(call, media, read_policy("priority")) if one.rule == RULE.id)
    return found.outcome, found.explanation


def test_a_list_that_changes_between_elements() -> None:
    outcome, text = judged(exchange(0, UP), exchange(1, DOWN, leg=True))
    assert outcome is OutcomeValue.FAIL
    assert text.startswith(f"Between {ELEMENTS[0]} and {ELEMENTS[1]}")
    assert judged(exchange(0, UP), exchange(1, UP, leg=True))[0] is OutcomeValue.PASS


def test_a_list_that_changes_after_a_refusal() -> None:
    assert judged(exchange(0, UP, refused=True), exchange(1, DOWN))[0] is OutcomeValue.FAIL
    assert judged(exchange(0, UP, refused=True), exchange(1, UP))[0] is OutcomeValue.PASS
    assert judged(exchange(0, UP), exchange(1, UP))[0] is OutcomeValue.PASS
    assert judged(exchange(0, UP), exchange(1, DOWN))[0] is OutcomeValue.UNKNOWN  # a new offer may have a new list


def test_an_authenticated_refusal_may_ask_for_another_list() -> None:
    asked = tuple(one._replace(carrier=Carrier.MIKEY_ERROR) for one in order(LINES, 0, 1))
    retry = exchange(1, DOWN)
    for authenticated, expected in ((True, OutcomeValue.PASS), (False, OutcomeValue.FAIL)):
        told = tuple(one._replace(authenticated=authenticated) for one in asked)
        answered = replace(retry, negotiation=retry.negotiation._replace(answer_preferences=told))
        assert judged(exchange(0, UP, refused=True), answered)[0] is expected
