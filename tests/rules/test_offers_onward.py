# SPDX-License-Identifier: GPL-2.0-only
"""What an element inside one call made of its offer: its hops are judged as legs under Call-IDs of their own are."""

from pathlib import Path

import pytest

from analyzer.api import audit
from analyzer.model.report import AuditedCall
from pcaps.flow_script import FlowScript, write_capture


def found(folder: Path, near: str, far: str, rule: str, *, from_callee: bool = False) -> tuple[str, tuple[int, ...]]:
    """What a rule says of an offer through a relay; `near` is how its first hop is keyed, `far` its second.

    The last offer is the callee's where told.
    """
    first = "A>P INVITE A\nP>B INVITE A.far\nB>P 200 B\nP>A 200 B.far\nA>P ACK\nP>B ACK\n" if from_callee else ""
    a, b = ("B", "A") if from_callee else ("A", "B")
    lines = (
        f"{a}>P INVITE {a}{near} by={a}\nP>{b} INVITE {a}.far{far} by={a}\n"
        f"{b}>P 200 {b}{far}\nP>{a} 200 {b}.far{near}\n{a}>P ACK\nP>{b} ACK\n"
        f"{a}~{b} 12 {a}{near} {b}.far{near}\n{b}~{a} 12 {b}{far} {a}.far{far}\n"
    )
    path = folder / "call.pcapng"
    path.write_bytes(write_capture(FlowScript("onward").run(first + lines)))
    (call,) = audit([path]).calls
    (outcome,) = [one for one in call.outcomes if one.rule == rule]
    return outcome.outcome.value, tuple(ref.frame for ref in outcome.refs)


@pytest.mark.parametrize(
    ("near", "far", "says"),
    [
        ("", ".avp", ("fail", (1, 2))),
        (".avp", "", ("not-applicable", ())),
        ("", ".k2", ("pass", (2, 4))),
        (".avp", ".avp", ("not-applicable", ())),
    ],
)
def test_keying_lost_on_the_way_through_a_relay(near: str, far: str, says: object, tmp_path: Path) -> None:
    assert found(tmp_path, near, far, "KMG-009") == says


@pytest.mark.parametrize(("near", "far", "says"), [(".2", ".2.avp", "fail"), (".2.avp", ".2", "pass")])
def test_an_offer_of_the_callee_goes_the_other_way(near: str, far: str, says: str, tmp_path: Path) -> None:
    assert found(tmp_path, near, far, "KMG-009", from_callee=True)[0] == says


@pytest.mark.parametrize(
    ("near", "far", "says"),
    [(".dtls", ".dtls.k2", "fail"), (".dtls", ".dtls", "pass"), ("", ".avp", "not-applicable")],
)
def test_a_fingerprint_replaced_on_the_way(near: str, far: str, says: str, tmp_path: Path) -> None:
    assert found(tmp_path, near, far, "DTL-007")[0] == says


def through_a_relay(folder: Path, near: str, far: str, back: str | None = None) -> AuditedCall:
    """A call whose media is captured nearest the caller alone; `back` is how its answer is keyed there."""
    back = near if back is None else back
    lines = (
        f"A>P INVITE A{near}\nP>B INVITE A.far{far}\nB>P 200 B{far}\nP>A 200 B.far{back}\nA>P ACK\nP>B ACK\n"
        f"A~B 12 A{near} B.far{back}\n"
    )
    path = folder / "call.pcapng"
    path.write_bytes(write_capture(FlowScript("relay").run(lines)))
    (call,) = audit([path]).calls
    return call


@pytest.mark.parametrize(
    ("near", "far", "between", "says"),
    [
        (".dtls", ".dtls.k2", True, "fail"),
        (".dtls", ".dtls", False, "pass"),
        ("", ".k2", True, "not-applicable"),
        ("", "", False, "not-applicable"),
        (".cap", ".cap.k2", True, "not-applicable"),
        (".cap", ".cap", False, "not-applicable"),
    ],
)
def test_keys_replaced_on_a_hop_whose_media_was_not_captured(
    near: str, far: str, between: bool, says: str, tmp_path: Path
) -> None:
    call = through_a_relay(tmp_path, near, far)
    assert [exchange.between is not None for exchange in call.call.exchanges] == [False, True][: 1 + between]
    assert [one.outcome.value for one in call.outcomes if one.rule == "DTL-007"] == [says]
    assert "inline" not in "".join(one.explanation for one in call.outcomes)


def test_a_fingerprint_replaced_in_the_answer_alone(tmp_path: Path) -> None:
    call = through_a_relay(tmp_path, ".dtls", ".dtls", back=".dtls.k2")
    (outcome,) = [one for one in call.outcomes if one.rule == "DTL-007"]
    assert (outcome.outcome.value, tuple(ref.frame for ref in outcome.refs)) == ("fail", (3, 4))


STRAIGHT = "A>P INVITE A{0}\nP>B INVITE A{0}\n"


@pytest.mark.parametrize(
    ("rest", "kmg_009", "dtl_007"),
    [
        ("B>P 200 B{0}\nP>A 200 B{0}\nA>P ACK\nP>B ACK", ("pass", (2, 3)), ("pass", (2, 3))),
        ("B>P 200 B{0}\nP>A 200 B{0}.k2\nA>P ACK\nP>B ACK", ("pass", (2, 4)), ("fail", (3, 4))),
        ("B>P 200 B{0}\nP>A 200 B.avp\nA>P ACK\nP>B ACK", ("fail", (3, 4)), ("pass", (2, 4))),
        ("B>P 200 B{0}\nP>A 200 B{0} unseen\nA>P ACK\nP>B ACK", ("unknown", (2,)), ("unknown", (2,))),
        ("B>P 486\nP>A 486\nA>P ACK refused", ("pass", (2,)), ("pass", (2,))),
    ],
)
def test_an_answer_rewritten_by_an_element_that_hands_the_offer_on_as_it_is(
    rest: str, kmg_009: object, dtl_007: object, tmp_path: Path
) -> None:
    for keyed, said in ((".dtls", {"KMG-009": kmg_009, "DTL-007": dtl_007}), ("", {"KMG-009": kmg_009})):
        path = tmp_path / "call.pcapng"
        path.write_bytes(write_capture(FlowScript("straight").run((STRAIGHT + rest).format(keyed))))
        (call,) = audit([path]).calls
        found = {one.rule: (one.outcome.value, tuple(ref.frame for ref in one.refs)) for one in call.outcomes}
        assert {rule: found[rule] for rule in said} == said


def test_one_hop_is_no_leg(tmp_path: Path) -> None:
    path = tmp_path / "call.pcapng"
    path.write_bytes(write_capture(FlowScript("onward").run("A>B INVITE A\nB>A 200 B\nA>B ACK\nA~B 12\n")))
    (call,) = audit([path]).calls
    said = {one.rule: one.outcome.value for one in call.outcomes}
    assert (said["KMG-009"], said["DTL-007"]) == ("not-applicable", "not-applicable")
