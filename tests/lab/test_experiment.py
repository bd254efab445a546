# SPDX-License-Identifier: GPL-2.0-only
"""The experiment, small: what it claims holds, a seed gives one page, and the page in docs/ is the program's."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from analyzer.model.negotiation import COMPUTED_RULES, SelectionRule
from analyzer.negotiation.selection import select
from pcaps.lab import page
from pcaps.lab.__main__ import ATTACKED_PAIRS, PAIRS, SEED
from pcaps.lab.endpoints import SUITES, choose
from pcaps.lab.experiment import AUTOMATIC, EFFECTS, FOUND, METHODS, REFUSED, SILENT, STATIC, Results, run
from pcaps.lab.schemes import SCHEMES

DOCS = Path(__file__).resolve().parents[2] / "docs"
STRONG = {suite: len(SUITES) - place for place, suite in enumerate(SUITES)}
EVERY_MESSAGE = "priority extension in every message"


@pytest.fixture(scope="module")
def results() -> Results:
    return run(4, 1, seed=7)


def test_the_responder_of_the_experiment_and_the_auditor_read_the_rules_alike() -> None:
    orders = [SUITES, SUITES[::-1], SUITES[1:], SUITES[:1], (SUITES[2], SUITES[0])]
    for rule in COMPUTED_RULES:
        for one in orders:
            for other in orders:
                lists = [{name: place for place, name in enumerate(order)} for order in (one, other)]
                assert choose(rule, one, other, STRONG) == select(*lists, rule, STRONG).winner


def check_claims(results: Results) -> None:
    """What the page says in words."""
    by_method = {row.method: row for row in page.method_rows(results)}
    made = {row.made for row in by_method.values() if row.method != STATIC}
    assert len(made) == 1
    assert by_method[STATIC].made <= made.pop()
    for rule in COMPUTED_RULES:
        row = by_method[f"priority, {rule}"]
        assert (row.conform, row.proved) == (1.0, 1.0) or not row.made
    assert by_method[f"priority, {SelectionRule.INITIATOR_FIRST}"].rank_alice <= by_method[AUTOMATIC].rank_alice
    assert {one.verdict for one in results.negotiated if not one.agreed} <= {"no-media"}
    assert not [one for one in results.attacked if one.effect == SILENT]
    closed = [one for one in results.attacked if one.scheme == EVERY_MESSAGE and one.manner == "checking"]
    assert {one.effect for one in closed} == {REFUSED}
    assert {one.effect for one in results.attacked if one.attack == "copy"} == {REFUSED, FOUND}
    assert {one.scheme for one in results.attacked if one.manner == "checking" and one.weaker} <= {
        scheme.name for scheme in SCHEMES
    } - {EVERY_MESSAGE, "MIKEY policies (SP)"}


def test_the_claims_hold(results: Results) -> None:
    assert results.calls == 4 * len(METHODS) + 2 * sum(len(scheme.attacks) for scheme in SCHEMES)
    check_claims(results)


@pytest.mark.proof
def test_the_claims_hold_with_another_seed_and_many_calls() -> None:
    check_claims(run(120, 20, seed=11))


def test_the_same_seed_gives_the_same_page(results: Results, tmp_path: Path) -> None:
    again = run(4, 0, seed=7)
    assert again.negotiated == results.negotiated
    for name, found in (("one", results), ("other", replace(again, attacked=results.attacked, attacked_pairs=1))):
        (tmp_path / name).mkdir()
        page.write(found, tmp_path / name, "a command")
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == ["experiment-attacks.svg", "experiment-ranks.svg", "experiment-success.svg", "experiment.md"]
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
        if name.endswith(".svg"):
            assert ET.parse(tmp_path / "one" / name).getroot().tag == "{http://www.w3.org/2000/svg}svg"


def test_the_page_in_docs_is_a_run_of_the_whole_program() -> None:
    text = (DOCS / "experiment.md").read_text(encoding="utf-8")
    assert f"python -m pcaps.lab --pairs {PAIRS} --attacked-pairs {ATTACKED_PAIRS} --seed {SEED}" in text
    calls = PAIRS * len(METHODS) + 2 * ATTACKED_PAIRS * sum(len(scheme.attacks) for scheme in SCHEMES)
    assert f"\n{calls} calls were made" in text
    assert all(method in text for method in METHODS)
    assert all(effect in text for effect in EFFECTS)
    for plot in re.findall(r"\((experiment-[a-z]+\.svg)\)", text):
        assert (DOCS / plot).stat().st_size < 20_000
