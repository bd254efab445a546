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
        ("", ".k2", ("pass", (2,))),
        (".avp", ".avp", ("not-applicable", ())),
    ],
)
def test_keying_lost_on_the_way_through_a_relay(near: str, far: str, says: object, tmp_path: Path) -> None:
    assert found(tmp_path, near, far, "KMG-009") == says


@pytest.mark.parametrize(("near", "far", "says"), [(".2", ".2.avp", "fail"), (".2.avp", ".2", "not-applicable")])
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
        (".dtls", ".dtls", False, "not-applicable"),
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


def test_one_hop_is_no_leg(tmp_path: Path) -> None:
    path = tmp_path / "call.pcapng"
    path.write_bytes(write_capture(FlowScript("onward").run("A>B INVITE A\nB>A 200 B\nA>B ACK\nA~B 12\n")))
    (call,) = audit([path]).calls
    said = {one.rule: one.outcome.value for one in call.outcomes}
    assert (said["KMG-009"], said["DTL-007"]) == ("not-applicable", "not-applicable")
