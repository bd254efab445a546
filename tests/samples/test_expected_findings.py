# SPDX-License-Identifier: GPL-2.0-only
"""The auditor finds in every sample what its sidecar says, and each rule can say both yes and no."""

from functools import cache

import pytest

from analyzer.api import audit
from analyzer.keying.key_ring import KeyRing
from analyzer.keying.key_ring_file import read_key_ring
from analyzer.model.outcome import Outcome, OutcomeValue, Severity, Verdict
from analyzer.model.report import AuditedCall, AuditedMedia, Report
from analyzer.negotiation.inventory import read_inventory
from analyzer.policies import DEFAULT_POLICY, read_policy
from analyzer.rules.exit_decision import decide_exit_code
from analyzer.rules.registry import rule_ids
from tests.samples.sample_cases import FLAWED, FOLDER, NAMES, SIDECARS, expected

VERIFIED = {True: "true", False: "false", None: ""}
BAD = (Verdict.UNPROTECTED, Verdict.MISMATCH, Verdict.DOWNGRADE)
# The flawed sample of each rule; on its twin the rule passes, or has nothing to look at where that is said.
SHOWN_BY = {
    "SIG-002": "sdes_in_clear", "SIG-010": "sec_agree_altered", "SIG-011": "sec_agree_not_preferred",
    "DTL-001": "dtls_other_certificate", "DTL-006": "identity_missing", "DTL-007": "dtls_legs_replaced",
    "IDN-001": "identity_other_fingerprint", "IDN-002": "identity_stale", "IDN-003": "identity_missing",
    "PRO-001": "plain_call", "PRO-003": "profile_weakened",
    "PRO-004": "savp_without_keying",
    "SDE-003": "sdes_key_length", "SDE-004": "sdes_one_key_twice", "SDE-005": "sdes_same_key",
    "SDE-006": "sdes_not_offered",
    "SDE-010": "sdes_unencrypted", "SDE-011": "sdes_unauthenticated",
    "KMG-002": "no_sdp_ids", "KMG-003": "stripped_line", "KMG-009": "b2bua_strips_keying",
    "MKY-001": "mikey_null_encryption",
    "MKY-004": "mikey_replayed", "MKY-005": "mikey_timestamp_reused", "MKY-006": "mikey_keystream_reused",
    "MKY-007": "mikey_rand_reused", "MKY-008": "mikey_dh_value_reused", "MKY-009": "mikey_clock_wrong",
    "MKY-010": "mikey_csb_id_reused", "MKY-011": "mikey_update_with_rand",
    "MKY-025": "mikey_altered", "PRI-001": "choice_not_common", "PRI-002": "table_4_dominated",
    "PRI-003": "not_winner", "PRI-004": "list_gap", "PRI-005": "free_text_list", "PRI-006": "reordered_lines",
    "PRI-007": "wrong_configuration", "PRI-008": "weaker_first", "PRI-009": "nothing_common",
    "SRT-001": "clear_media", "SRT-002": "wire_mismatch", "SRT-003": "altered_media", "SRT-009": "mki_unsignalled",
}  # fmt: skip
OVERLAY = frozenset((*(f"PRI-00{number}" for number in range(4, 10)), "DTL-006", "IDN-003"))
NOTHING_TO_READ_IN_THE_TWIN = frozenset({"SIG-002"})


@cache
def report_of(name: str, policy: str = DEFAULT_POLICY) -> Report:
    ring = read_key_ring(FOLDER / f"{name}.toml")
    listed = SIDECARS[name].get("inventory")
    inventory = None if listed is None else read_inventory(FOLDER / "inventories" / f"{listed}.toml")
    return audit([FOLDER / f"{name}.pcapng"], policy=read_policy(policy), ring=ring, inventory=inventory)


def call_of(name: str, policy: str = DEFAULT_POLICY) -> tuple[AuditedCall, AuditedMedia]:
    report = report_of(name, policy)
    *earlier, call = report.calls
    *before, media = call.media
    assert not report.streams
    assert {one.message.sip.cseq_method for one in report.messages} <= {"OPTIONS"}
    failed = {outcome.rule for each in earlier for outcome in each.outcomes if outcome.outcome is OutcomeValue.FAIL}
    assert failed <= OVERLAY
    verdicts = {one.verdict for each in earlier for one in each.media}
    verdicts |= {one.verdict for one in before} - ({media.verdict} & {Verdict.INCONCLUSIVE})
    assert verdicts <= {Verdict.CONFORM, Verdict.NO_MEDIA}
    return call, media


def all_outcomes(name: str) -> tuple[Outcome, ...]:
    """Those of the judged exchange under the default policy, and what the overlay adds."""
    found: dict[str, Outcome] = {}
    for policy in (DEFAULT_POLICY, "priority", "e2e-bcp"):
        call, media = call_of(name, policy)
        numbers = (None, media.line.exchange.number)
        for one in call.outcomes:
            if one.exchange in numbers and one.media_index in (None, media.line.index):
                found.setdefault(one.rule, one)
    return tuple(found.values())


def outcomes_of(name: str) -> dict[str, str]:
    return {outcome.rule: outcome.outcome.value for outcome in all_outcomes(name)}


@pytest.mark.parametrize("name", NAMES)
def test_verdict_reasons_and_negotiation_are_those_of_the_sidecar(name: str) -> None:
    _, media = call_of(name)
    negotiation = media.negotiation
    found = {
        "verdict": media.verdict.value,
        "reasons": list(media.reasons),
        "chosen": [part or "" for part in negotiation.chosen],
        "winner": [negotiation.expected.key_agreement or "", negotiation.expected.suite or ""],
        "rule": negotiation.expected.rule or "",
        "suite_rule": negotiation.expected.suite_rule or "",
        "verified": VERIFIED[media.keying.verified],
        "wire": [stream.wire.value for stream in media.streams],
        "rtcp_clear": sum(stream.rtcp.clear for stream in media.streams),
        "exit_code": int(decide_exit_code(report_of(name))),
    }
    assert found == {key: value for key, value in expected(name).items() if key in found}


@pytest.mark.parametrize("name", NAMES)
def test_mikey_outside_the_call_is_verified_as_the_sidecar_says(name: str) -> None:
    outside = report_of(name).mikey
    assert [VERIFIED[one.evidence.mac.verified] for one in outside] == expected(name).get("outside", [])
    failed = {outcome.rule for one in outside for outcome in one.outcomes if outcome.outcome is OutcomeValue.FAIL}
    assert failed == ({"MKY-025"} if "false" in expected(name).get("outside", []) else set())


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_says_what_the_sidecar_says(name: str) -> None:
    assert outcomes_of(name) == expected(name)["outcomes"]
    assert set(expected(name)["outcomes"]) == set(rule_ids())
    missing = {one.rule: one.missing for one in all_outcomes(name) if one.outcome is OutcomeValue.UNKNOWN}
    assert missing == expected(name).get("missing", {})


@pytest.mark.parametrize("name", NAMES)
def test_verdict_and_outcomes_agree(name: str) -> None:
    call, media = call_of(name)
    failed = [one for one in call.outcomes if one.outcome is OutcomeValue.FAIL]
    if media.verdict in BAD:
        assert any(one.severity.rank >= Severity.MEDIUM.rank for one in failed)
    if media.verdict is Verdict.INCONCLUSIVE:
        assert any(one.outcome is OutcomeValue.UNKNOWN for one in call.outcomes)
    assert all(one.refs for one in failed)


@pytest.mark.parametrize("rule", rule_ids())
def test_every_rule_fails_on_its_flawed_sample_and_not_on_the_twin(rule: str) -> None:
    flawed = SHOWN_BY[rule]
    assert outcomes_of(flawed)[rule] == "fail"
    on_twin = "not-applicable" if rule in NOTHING_TO_READ_IN_THE_TWIN else "pass"
    assert outcomes_of(SIDECARS[flawed]["twin"])[rule] == on_twin


@pytest.mark.parametrize("name", FLAWED)
def test_a_twin_has_a_sidecar_and_no_flaw(name: str) -> None:
    assert SIDECARS[name]["flaw"]
    assert SIDECARS[name]["clause"]
    assert "flaw" not in SIDECARS[SIDECARS[name]["twin"]]


def test_without_its_keys_a_mikey_call_is_conform_and_unproved() -> None:
    report = audit([FOLDER / "no_sdp_ids_twin.pcapng"], ring=KeyRing())
    (call,) = report.calls
    assert (call.media[0].verdict, call.media[0].reasons) == (Verdict.CONFORM, ("wire-not-proved",))
    unknown = {one.rule for one in call.outcomes if one.outcome is OutcomeValue.UNKNOWN}
    assert unknown == {"MKY-025", "SRT-003", "SRT-009"}
    assert int(decide_exit_code(report)) == 4


def test_a_stripped_line_that_no_key_vouches_for_is_inconclusive_and_fails_all_the_same() -> None:
    (call,) = audit([FOLDER / "stripped_line.pcapng"], ring=KeyRing()).calls
    assert call.media[0].verdict is Verdict.INCONCLUSIVE
    assert "offer-stripped" in call.media[0].reasons
    assert {one.rule for one in call.outcomes if one.outcome is OutcomeValue.FAIL} == {"KMG-003"}
