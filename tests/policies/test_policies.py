# SPDX-License-Identifier: GPL-2.0-only
"""Policies as files: what they resolve to, and how each mistake in one is named."""

import pytest

from analyzer.errors import PolicyError
from analyzer.model.negotiation import SelectionRule
from analyzer.model.outcome import Severity
from analyzer.policies import check_policy, list_policies, read_policy
from analyzer.rules.registry import RULES, rule_ids
from analyzer.srtp.suites import SUITES

HEAD = 'schema = 1\n[policy]\nid = "acme"\nversion = 2\ntitle = "ACME"\n'


@pytest.fixture
def write(tmp_path):
    def writer(text, name="acme.toml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return writer


PRIORITY_RULES = {f"PRI-00{number}" for number in range(4, 10)}
SIGNED_RULES = {"DTL-006", "IDN-003"}


def test_the_default_selects_every_rule_but_the_overlay_ones_at_its_own_severity() -> None:
    policy = read_policy()
    assert policy.id == "ietf-baseline"
    assert policy.selection_rule is SelectionRule.BY_CARRIER
    assert policy.tolerated_failures == 0.01
    assert [(one.id, one.severity) for one in policy.rules] == [
        (one.id, one.severity) for one in RULES if one.id not in PRIORITY_RULES | SIGNED_RULES
    ]


def test_the_overlay_changes_severities_and_judges_the_lists_themselves() -> None:
    base, overlay = read_policy(), read_policy("priority")
    changed = {one.id for one in base.rules if overlay.setting(one.id) != one}
    assert changed == {"PRI-002", "PRI-003"}
    assert {one.id for one in overlay.rules} - {one.id for one in base.rules} == PRIORITY_RULES
    assert overlay.suite_strength == base.suite_strength
    assert overlay.sha256 != base.sha256


def test_end_to_end_security_asks_for_signed_fingerprints_that_nobody_replaces() -> None:
    base, overlay = read_policy(), read_policy("e2e-bcp")
    assert {one.id for one in base.rules if overlay.setting(one.id) != one} == {"DTL-007"}
    assert {one.id for one in overlay.rules} - {one.id for one in base.rules} == SIGNED_RULES
    assert overlay.setting("DTL-007").severity is Severity.CRITICAL


def test_all_built_in_policies_are_listed_and_good() -> None:
    names = [one.id for one in list_policies()]
    assert names == ["e2e-bcp", "ietf-baseline", "priority"]
    assert all(check_policy(name) == () for name in names)


def test_every_suite_has_a_strength_of_its_own() -> None:
    strength = read_policy().suite_strength
    assert {suite.name for suite in SUITES} <= {name for name, _ in strength}
    assert len({number for _, number in strength}) == len(strength)
    assert [number for _, number in strength] == sorted((number for _, number in strength), reverse=True)


def test_a_file_extends_and_changes(write) -> None:
    write(HEAD.replace("acme", "base") + '[selection]\nrule = "min-sum"\n[rules."SIG-002"]\n', "base.toml")
    child = write(
        HEAD.replace('title = "ACME"', 'title = "ACME"\nextends = ["ietf-baseline@1", "base.toml"]')
        + "[thresholds]\ntolerated_failures = 0\n"
        + '[strength]\nsuites = [{name = "X", strength = 1, source = "us"}]\n'
        + '[rules."PRO-001"]\nselected = false\n[rules."KMG-002"]\nseverity = "low"\n'
    )
    policy = read_policy(child)
    assert (policy.id, policy.version, policy.title) == ("acme", 2, "ACME")
    assert policy.selection_rule is SelectionRule.MIN_SUM
    assert policy.tolerated_failures == 0
    assert policy.setting("PRO-001") is None
    assert policy.setting("KMG-002").severity is Severity.LOW
    assert policy.setting("SIG-002").severity is Severity.CRITICAL
    assert ("X", 1) in policy.suite_strength
    assert ("SDES", 20) in policy.key_agreement_strength


def test_parameters_are_those_of_the_rules_unless_a_policy_changes_them(write) -> None:
    assert read_policy().retry_seconds == 60
    for policy in (read_policy(), read_policy(write(HEAD + "".join(f'[rules."{name}"]\n' for name in rule_ids())))):
        for rule in RULES:
            setting = policy.setting(rule.id)
            if setting is not None:
                assert setting.parameters == tuple((one.name, one.default) for one in rule.parameters)
    extending = HEAD.replace('title = "ACME"', 'title = "ACME"\nextends = ["ietf-baseline@1"]')
    changed = extending + '[thresholds]\nretry_seconds = 5\n[rules."MKY-009"]\nmax_skew_seconds = 30\n'
    policy = read_policy(write(changed))
    assert (policy.retry_seconds, policy.setting("MKY-009").parameters) == (5, (("max_skew_seconds", 30),))
    assert policy.sha256 != read_policy(write(changed.replace("30", "31"), "other.toml")).sha256
    assert policy.setting("IDN-002").parameters == (("max_age_seconds", 60),)
    grandchild = HEAD.replace('title = "ACME"', 'title = "ACME"\nextends = ["acme.toml"]')
    policy = read_policy(write(grandchild + '[rules."KMG-009"]\nhabit_calls = 9\n', "child.toml"))
    assert (policy.retry_seconds, policy.setting("MKY-009").parameters) == (5, (("max_skew_seconds", 30),))


def test_the_digest_is_of_the_meaning_not_of_the_spelling(write) -> None:
    one = read_policy(write(HEAD + '[rules."SIG-002"]\n[rules."PRO-001"]\n'))
    other = read_policy(write("# a comment\n" + HEAD + '[rules]\n"PRO-001" = {}\n"SIG-002" = {}\n', "other.toml"))
    third = read_policy(write(HEAD + '[rules."SIG-002"]\n[rules."PRO-001"]\nseverity = "low"\n', "third.toml"))
    assert one.sha256 == other.sha256 != third.sha256
    assert len(one.sha256) == 64


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("schema = 1\n[", "not TOML"),
        (HEAD + '[rules."SIG-002"]\n[rules."SIG-002"]\n', "line 7"),
        (HEAD + 'titel = "x"\n[rules."SIG-002"]\n', ":6: unknown key 'titel'; did you mean 'title'?"),
        (HEAD + '[rules."SIG-02"]\n', ":6: unknown rule 'SIG-02'; did you mean 'SIG-002'?"),
        (HEAD + '[rules."SIG-002"]\nseverty = "low"\n', ":7: unknown key 'severty'; did you mean 'severity'?"),
        (HEAD + '[rules."SIG-002"]\nseverity = "hgh"\n', ":7: unknown severity 'hgh'; did you mean 'high'?"),
        (HEAD + '[rules."SIG-002"]\nselected = 1\n', ":7: selected"),
        (HEAD + '[rules]\n"SIG-002" = 1\n', ":7: the setting of SIG-002"),
        (HEAD + "rules = 1\n", ":6: unknown key 'rules'"),
        ("rules = 1\n" + HEAD, ":1: rules are tables"),
        (HEAD + '[selection]\nrule = "minsum"\n', ":7: unknown selection rule 'minsum'; did you mean 'min-sum'?"),
        (HEAD + '[selection]\nrule = "single"\n', ":7: unknown selection rule 'single'"),
        (HEAD + "[thresholds]\ntolerated_failures = 1.5\n", ":7: tolerated_failures"),
        (HEAD + "[thresholds]\ntolerated_failures = nan\n", ":7: tolerated_failures"),
        (HEAD + "[thresholds]\nretry_seconds = -1\n", ":7: retry_seconds has to be a whole number from 0"),
        (HEAD + "[thresholds]\nretry_seconds = 1.5\n", ":7: retry_seconds"),
        (HEAD + "[thresholds]\nretry_second = 1\n", ":7: unknown key 'retry_second'; did you mean 'retry_seconds'?"),
        (HEAD + '[rules."MKY-009"]\nmax_skew = 5\n', ":7: unknown key 'max_skew'; did you mean 'max_skew_seconds'?"),
        (HEAD + '[rules."MKY-009"]\nmax_skew_seconds = 0\n', ":7: max_skew_seconds of MKY-009 has to be"),
        (HEAD + '[rules."MKY-009"]\nmax_skew_seconds = true\n', ":7: max_skew_seconds of MKY-009"),
        (HEAD + '[rules."MKY-009"]\nmax_skew_seconds = 9999999999\n', ":7: max_skew_seconds of MKY-009"),
        (HEAD + '[rules."KMG-009"]\nhabit_calls = "3"\n', ":7: habit_calls of KMG-009"),
        (HEAD + '[rules."SIG-002"]\nhabit_calls = 3\n', ":7: unknown key 'habit_calls'"),
        (HEAD + '[strength]\nsuites = [{name = "X", strength = 1}]\n', ":7: each row of suites needs"),
        (HEAD + '[strength]\nsuites = [{name = "X", strength = 1.5, source = "a"}]\n', ":7: the strength of 'X'"),
        (
            HEAD + '[strength]\nsuites = [\n{name = "X", strength = 1, source = "a"},\n'
            '{name = "X", strength = 2, source = "a"}]\n',
            "'X' stands twice",
        ),
        (HEAD + "[strength]\nsuites = 3\n", ":7: suites has to be a list"),
        (HEAD + "[strength]\nsuites = [3]\n", ":7: each row"),
        (HEAD, "selects no rule"),
        (HEAD.replace("schema = 1", "schema = 2"), ":1: schema has to be 1"),
        (HEAD.replace("version = 2", 'version = "2"'), ":4: version"),
        (HEAD.replace('"acme"', '"A c"'), ":3: id"),
        (HEAD.replace('"ACME"', "3"), ":5: title"),
        (HEAD + "extends = 3\n", ":6: extends"),
        (HEAD + 'extends = ["ietf-baseline"]\n', "but only 'ietf-baseline@1' is here"),
        (HEAD + 'extends = ["ietf-baseline@2"]\n', "but only 'ietf-baseline@1' is here"),
        (HEAD + 'extends = ["ietf-basline@1"]\n', "did you mean 'ietf-baseline'?"),
        (HEAD + 'extends = ["acme.toml"]\n', "extends itself"),
        (HEAD + 'extends = ["gone.toml"]\n', "can't be read"),
        ("policy = 1\n", ":1: policy has to be a table"),
    ],
)
def test_each_mistake_is_named_with_its_place(write, text, problem) -> None:
    path = write(text)
    with pytest.raises(PolicyError) as error:
        read_policy(path)
    assert problem in str(error.value)
    assert all("acme.toml" in line or "gone.toml" in line for line in str(error.value).split("\n"))
    assert check_policy(path) == tuple(str(error.value).split("\n"))


def test_all_mistakes_are_named_at_once(write) -> None:
    assert len(check_policy(write(HEAD + 'x = 1\n[rules."A"]\n[rules."B"]\n'))) == 3


def test_names_and_files_that_do_not_exist(tmp_path) -> None:
    with pytest.raises(PolicyError, match="did you mean 'priority'"):
        read_policy("prority")
    with pytest.raises(PolicyError, match="can't be read"):
        read_policy(str(tmp_path / "none.toml"))
    with pytest.raises(PolicyError, match="can't be read"):
        read_policy(str(tmp_path) + "/")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(PolicyError, match="not UTF-8"):
        read_policy(str(binary))


def test_deep_nesting_is_a_policy_error(write) -> None:
    with pytest.raises(PolicyError, match="not TOML"):
        read_policy(write("a = " + "[" * 20_000))


def test_two_parents_with_one_grandparent(write) -> None:
    write(HEAD + 'extends = ["ietf-baseline@1"]\n[rules."SIG-002"]\nseverity = "low"\n', "left.toml")
    write(HEAD + 'extends = ["ietf-baseline@1"]\n[rules."PRO-001"]\nseverity = "low"\n', "right.toml")
    policy = read_policy(write(HEAD + 'extends = ["left.toml", "right.toml"]\n'))
    assert (policy.setting("SIG-002").severity, policy.setting("PRO-001").severity) == (Severity.LOW, Severity.LOW)
    assert len(policy.rules) == len(rule_ids()) - len(PRIORITY_RULES | SIGNED_RULES)
