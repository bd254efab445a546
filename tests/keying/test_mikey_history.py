# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY messages compared over a whole capture set: files in any order, legs, repeats and groups told apart.

The calls are those of the samples, taken apart and put together again; what must be found follows from RFC 3830.
"""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from analyzer.api import audit
from analyzer.capture.writer import PcapngWriter
from analyzer.keying.key_ring import KeyRing
from analyzer.model.outcome import OutcomeValue
from pcaps.calls import ALICE, BOB, START_NS, Call
from pcaps.keying import DhExchange, PskExchange
from pcaps.mikey_freshness import EARLIER_NS, call, first_psk

SECOND = 1_000_000_000


def write(path: Path, *calls: Call) -> Path:
    stream = io.BytesIO()
    writer = PcapngWriter(stream)
    for packet in sorted((one for each in calls for one in each.packets()), key=lambda one: one.timestamp_ns):
        writer.write(packet.timestamp_ns, packet.frame)
    path.write_bytes(stream.getvalue())
    return path


def found(paths: Sequence[Path], rule: str) -> dict[str, tuple[str, str]]:
    """Outcome and what was missing, by Call-ID without its host."""
    report = audit(paths, ring=KeyRing())
    return {
        each.call.call_id.partition("@")[0]: (one.outcome.value, one.missing)
        for each in report.calls
        for one in each.outcomes
        if one.rule == rule
    }


def replayed(*, apart_ns: int = 600 * SECOND) -> tuple[Call, Call]:
    exchange = first_psk("replayed")
    first = call("first", exchange, earlier=True)
    return first, replace(call("second", exchange), start_ns=EARLIER_NS + apart_ns)


def test_a_replay_is_found_across_captures_in_any_order(tmp_path: Path) -> None:
    first, second = replayed()
    paths = [write(tmp_path / "1.pcapng", first), write(tmp_path / "2.pcapng", second)]
    for order in (paths, paths[::-1]):
        assert found(order, "MKY-004") == {"first": ("pass", ""), "second": ("fail", "")}


def test_where_the_media_is_the_same_too_a_clock_may_be_wrong(tmp_path: Path) -> None:
    """What was sent again as a whole, and what an element relays past a clock that is off, look alike for a while."""
    first, second = replayed(apart_ns=40 * SECOND)
    paths = [write(tmp_path / "1.pcapng", first), write(tmp_path / "2.pcapng", second)]
    assert found(paths, "MKY-004") == {"first": ("pass", ""), "second": ("unknown", "leg-unpaired")}


def test_the_finding_cites_both_messages_in_their_captures(tmp_path: Path) -> None:
    first, second = replayed()
    paths = [write(tmp_path / "1.pcapng", second), write(tmp_path / "2.pcapng", first)]
    (finding,) = [one for one in audit(paths, ring=KeyRing()).findings if one.rule == "MKY-004"]
    assert {(each.capture, each.frames) for each in finding.evidence} == {(0, (1,)), (1, (1,))}


def test_a_message_in_two_calls_at_once_may_be_two_legs(tmp_path: Path) -> None:
    path = write(tmp_path / "legs.pcapng", *replayed(apart_ns=20_000_000))
    assert found([path], "MKY-004")["second"] == ("unknown", "leg-unpaired")


def test_a_replay_that_is_refused_passes(tmp_path: Path) -> None:
    first, second = replayed()
    path = write(tmp_path / "refused.pcapng", first, replace(second, answer=None, offerer=None, answerer=None))
    assert found([path], "MKY-004")["second"] == ("pass", "")


def test_the_same_call_in_two_captures_is_no_replay(tmp_path: Path) -> None:
    first, _ = replayed()
    paths = [write(tmp_path / f"{name}.pcapng", first) for name in "ab"]
    for rule in ("MKY-004", "MKY-005", "MKY-006", "MKY-007", "MKY-010"):
        assert found(paths, rule) == {"first": ("pass", "")}


def test_one_rand_for_the_members_of_a_group_is_right(tmp_path: Path) -> None:
    carol = replace(BOB, name="carol", address="198.51.100.30", rtp_port=51500, ssrc=0x0C0C0C03)
    to_bob, to_carol = first_psk("group"), PskExchange("group 2", callee=carol)
    to_carol.csb_id, to_carol.rand = to_bob.csb_id, to_bob.rand
    calls = call("to-bob", to_bob, earlier=True), replace(call("to-carol", to_carol), callee=carol)
    path = write(tmp_path / "group.pcapng", *calls)
    for rule in ("MKY-005", "MKY-007", "MKY-010"):
        assert set(found([path], rule).values()) == {("pass", "")}
    to_carol.csb_id += 1
    calls = call("to-bob", to_bob, earlier=True), replace(call("to-carol", to_carol), callee=carol)
    assert found([write(tmp_path / "two.pcapng", *calls)], "MKY-007")["to-carol"] == ("fail", "")


def test_two_initiators_may_have_one_timestamp(tmp_path: Path) -> None:
    carol = replace(ALICE, name="carol", address="192.0.2.30", rtp_port=49500, ssrc=0x0C0C0C03)
    alices, carols = PskExchange("alices"), PskExchange("carols", caller=carol)
    assert alices.timestamp == carols.timestamp
    calls = (call("alices", alices), replace(call("carols", carols), caller=carol, start_ns=START_NS + SECOND))
    assert set(found([write(tmp_path / "two.pcapng", *calls)], "MKY-005").values()) == {("pass", "")}


def test_a_responder_who_keeps_his_exponent_is_found(tmp_path: Path) -> None:
    class Static(DhExchange):
        def exponent(self, phone: object) -> int:
            return 7**80 if phone == BOB else super().exponent(ALICE)

    calls = [
        call("first", Static("first", start_ns=EARLIER_NS), earlier=True),
        call("second", Static("second")),
    ]
    assert found([write(tmp_path / "dh.pcapng", *calls)], "MKY-008") == {"first": ("pass", ""), "second": ("fail", "")}


def test_every_rule_on_freshness_is_silent_about_calls_without_mikey(tmp_path: Path) -> None:
    plain = replace(call("plain", first_psk("plain")), offer=replace(call("x", first_psk("x")).offer, attributes=()))
    report = audit([write(tmp_path / "plain.pcapng", plain)], ring=KeyRing())
    rules = {f"MKY-{number:03}" for number in range(4, 12)}
    outcomes = {one.outcome for each in report.calls for one in each.outcomes if one.rule in rules}
    assert outcomes == {OutcomeValue.NOT_APPLICABLE}
