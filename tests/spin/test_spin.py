# SPDX-License-Identifier: GPL-2.0-only
"""The protocol of the paper under an attacker, checked by spin: where it holds, and the attack where it does not."""

import math
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

MODEL = Path(__file__).with_name("negotiation.pml")
IN_EVERY_MESSAGE = 5
MEGABYTES = 3000  # five modes take 340
RULES = {0: "min-sum", 1: "responder-first", 2: "initiator-first", 3: "min-max"}
ATTACKED = {
    0: "lines without any MAC",
    1: "repeated key-mgmt lines",
    2: "lines that each message counts",
    3: "a list in the first message alone",
    4: "a list in every message, and no replay cache",
}
OPEN_ANSWERS = {0: "answers in the place of Bob", 1: "replays Bob's old answer"}
CHECKS = {  # the condition of each in the model, and the carrier and answer that need it
    "of the MAC of a line": ("CARRIER > 0 && !by_alice", IN_EVERY_MESSAGE, 2),
    "of the age of a message": ("CARRIER > 0 && CARRIER != 4 && !for_this_call", IN_EVERY_MESSAGE, 2),
    "of the number of lines": ("list_fresh && count != N", IN_EVERY_MESSAGE, 2),
    "of the list": ("got[i] != alice[i]", IN_EVERY_MESSAGE, 2),
    "of the MAC of the answer": ("ANSWER > 0 && !by_bob", IN_EVERY_MESSAGE, 2),
    "of the age of the answer": ("ANSWER > 1 && !for_request", IN_EVERY_MESSAGE, 2),
    "of the echo": ("ANSWER > 2 && !echo_right", 1, 3),
}
pytestmark = pytest.mark.tool("spin", "gcc")


class Search(NamedTuple):
    """What a search found: how many errors in how many states, and the steps of the attack as spin prints it."""

    errors: int
    states: int
    steps: tuple[str, ...]


def search(folder: Path, carrier: int, modes: int = 3, *options: str, without: str = "") -> Search:
    """Search all states of the model, or of the model without one check."""
    model = folder / MODEL.name
    text = MODEL.read_text()
    if without:
        assert text.count(f"{without} ->") == 1
        text = text.replace(f"{without} ->", "false ->")
    model.write_text(text)
    defines = (f"-DCARRIER={carrier}", f"-DN={modes}", *options)

    def run(*command: str) -> str:
        return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout

    run("spin", "-a", *defines, model.name)
    run("gcc", "-O1", "-w", "-DSAFETY", "-DCOLLAPSE", f"-DMEMLIM={MEGABYTES}", "-o", "pan", "pan.c")
    found = run("./pan", "-m100000")
    assert "max search depth too small" not in found, found
    assert "Search not completed" not in found or "errors: 1" in found, found
    trail = run("spin", "-t", *defines, model.name) if (folder / f"{model.name}.trail").exists() else ""
    steps = re.findall(r"^ *((?:Mallory|Bob|Alice) .*)$", trail, re.MULTILINE)
    errors, states = re.search(r"errors: (\d+)", found), re.search(r"(\d+) states, stored", found)
    assert errors is not None
    assert states is not None
    return Search(int(errors[1]), int(states[1]), tuple(steps))


def every_run(modes: int, orders: int) -> int:
    """How many runs differ in an order or in the genuine lines that Bob gets: one more than modes at the most."""
    return orders * sum(modes**lines for lines in range(modes + 2))


def assert_attack(found: Search, victim: str = "Bob") -> None:
    """Spin prints what Mallory does, and somebody takes a weaker mode than they would have taken."""
    assert found.errors == 1
    assert any(step.startswith("Mallory ") for step in found.steps)
    taken = re.fullmatch(rf"{victim} takes mode (\d); without Mallory s?he would have taken (\d)", found.steps[-1])
    assert taken is not None
    assert int(taken[1]) > int(taken[2])


def test_with_a_list_in_every_message_no_downgrade_is_unnoticed(tmp_path: Path) -> None:
    found = search(tmp_path, IN_EVERY_MESSAGE)
    assert found.errors == 0
    assert found.states >= every_run(3, math.factorial(3) ** 2)


def test_repeated_lines_are_attacked(tmp_path: Path) -> None:
    assert_attack(search(tmp_path, 1))


@pytest.mark.parametrize("rule", [3, *(pytest.param(rule, marks=pytest.mark.proof) for rule in (1, 2))], ids=RULES.get)
def test_no_downgrade_is_unnoticed_under_another_rule(tmp_path: Path, rule: int) -> None:
    found = search(tmp_path, IN_EVERY_MESSAGE, 3, f"-DRULE={rule}")
    assert found.errors == 0
    assert found.states >= every_run(3, math.factorial(3) ** 2)


@pytest.mark.parametrize("answer", OPEN_ANSWERS, ids=("no MAC", "no time"))
def test_an_answer_that_is_not_bound_to_the_request_is_attacked(tmp_path: Path, answer: int) -> None:
    """However well the offer is protected."""
    found = search(tmp_path, IN_EVERY_MESSAGE, 2, f"-DANSWER={answer}")
    assert_attack(found, "Alice")
    assert answer == 0 or OPEN_ANSWERS[answer] in found.steps[-2]


@pytest.mark.parametrize(
    "carrier", [1, *(pytest.param(carrier, marks=pytest.mark.proof) for carrier in (0, 2, 3, 4))], ids=ATTACKED.get
)
def test_an_echo_in_the_answer_tells_alice_of_every_change(tmp_path: Path, carrier: int) -> None:
    assert search(tmp_path, carrier, 3, "-DANSWER=3").errors == 0


@pytest.mark.parametrize(
    "check", [pytest.param(one, marks=() if one == "of the list" else pytest.mark.proof) for one in CHECKS]
)
def test_without_any_one_check_there_is_an_attack(tmp_path: Path, check: str) -> None:
    """The model proves something only if what it checks is needed."""
    without, carrier, answer = CHECKS[check]
    assert_attack(search(tmp_path, carrier, 3, f"-DANSWER={answer}", without=without), "(?:Bob|Alice)")


@pytest.mark.proof
@pytest.mark.parametrize("modes", [2, 3, 4, 5])
@pytest.mark.parametrize("carrier", ATTACKED, ids=ATTACKED.get)
def test_the_attack_on_each_other_carrier(tmp_path: Path, carrier: int, modes: int) -> None:
    assert_attack(search(tmp_path, carrier, modes))


@pytest.mark.proof
def test_a_replay_needs_no_more_than_the_old_message(tmp_path: Path) -> None:
    assert any("replays" in step for step in search(tmp_path, 4).steps)


@pytest.mark.proof
@pytest.mark.parametrize("rule", RULES, ids=RULES.get)
def test_the_claim_is_not_empty(tmp_path: Path, rule: int) -> None:
    """Alice does go on with what both orders give."""
    found = search(tmp_path, IN_EVERY_MESSAGE, 3, f"-DRULE={rule}", "-DREACHABLE")
    assert found.errors == 1
    assert found.steps[-1].startswith("Alice takes")
    taken, honest = re.findall(r"\d", found.steps[-1])
    assert taken == honest


@pytest.mark.proof
@pytest.mark.parametrize("modes", [2, 4])
def test_two_and_four_modes_too(tmp_path: Path, modes: int) -> None:
    found = search(tmp_path, IN_EVERY_MESSAGE, modes)
    assert found.errors == 0
    assert found.states >= every_run(modes, math.factorial(modes) ** 2)


@pytest.mark.parametrize(
    ("modes", "rule"),
    [
        (2, 0),
        *(pytest.param(modes, rule, marks=pytest.mark.proof) for modes in (3, 4) for rule in RULES),
        *(pytest.param(5, rule, marks=pytest.mark.proof) for rule in (0, 3)),  # the fair ones; half a minute each
    ],
)
def test_not_even_another_mode_is_taken_unnoticed(tmp_path: Path, modes: int, rule: int) -> None:
    """Strength apart: of modes that are mere names both take the one that both orders give, or none."""
    found = search(tmp_path, IN_EVERY_MESSAGE, modes, "-DALIKE", f"-DRULE={rule}")
    assert found.errors == 0
    assert found.states >= every_run(modes, math.factorial(modes))


@pytest.mark.proof
@pytest.mark.parametrize("carrier", ATTACKED, ids=ATTACKED.get)
def test_modes_that_are_mere_names_are_attacked_too(tmp_path: Path, carrier: int) -> None:
    found = search(tmp_path, carrier, 3, "-DALIKE")
    assert found.errors == 1
    taken, honest = re.findall(r"\d", found.steps[-1])
    assert taken != honest
