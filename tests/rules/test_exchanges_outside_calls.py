# SPDX-License-Identifier: GPL-2.0-only
"""The rules on MIKEY messages, of exchanges on UDP port 2269 and in SIP messages of no call: yes, no and unknown."""

import io
from dataclasses import replace
from pathlib import Path

import pytest

from analyzer.api import audit
from analyzer.capture.writer import PcapngWriter
from analyzer.keying.key_ring import KeyRing, PskEntry
from analyzer.model.exit_code import ExitCode
from analyzer.model.report import Report
from analyzer.rules.exit_decision import decide_exit_code
from dissectors.grammar.mikey import Kemac, MikeyMessage, Rand, Timestamp, build_mikey, parse_mikey
from dissectors.grammar.secret import Secret
from pcaps.keying import DhExchange, PskExchange
from tests.cli.command_line import ALICE, BOB, build_udp_frame, message
from tests.keying.mikey_vectors import V1

A, B, C = "192.0.2.1:2269", "192.0.2.2:2269", "192.0.2.3:2269"
SECOND = 1_000_000_000
FIRST = parse_mikey(bytes.fromhex(V1["I"]))
ANSWER = bytes.fromhex(V1["R"])
PSK = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
START_NS = (int.from_bytes(FIRST.find(Timestamp).value[:4], "big") - 2_208_988_800) * SECOND  # type: ignore[union-attr]
Packets = list[tuple[float, str, str, bytes]]


def audited(folder: Path, packets: Packets, *keys: PskEntry) -> Report:
    stream = io.BytesIO()
    writer = PcapngWriter(stream)
    for seconds, source, destination, octets in packets:
        writer.write(START_NS + int(seconds * SECOND), build_udp_frame(source, destination, octets))
    (folder / "x.pcapng").write_bytes(stream.getvalue())
    return audit([folder / "x.pcapng"], ring=KeyRing(psk=keys))


def outcome(report: Report, rule: str, frame: int) -> tuple[str, str]:
    """Value and what was missing, of the exchange that begins with a frame."""
    found = next(each for each in report.mikey if each.message.frame == frame)
    return next((one.outcome.value, one.missing) for one in found.outcomes if one.rule == rule)


def altered(
    *, csb_id: int | None = None, rand: bytes | None = None, seconds: int = 0, kemac: Kemac | None = None
) -> bytes:
    """The first message with some of its values changed; its MAC is that of nobody."""
    payloads = []
    for each in FIRST.payloads:
        if isinstance(each, Timestamp):
            each = replace(each, value=(int.from_bytes(each.value, "big") + (seconds << 32)).to_bytes(8, "big"))
        elif isinstance(each, Rand) and rand is not None:
            each = replace(each, data=rand)
        elif isinstance(each, Kemac):
            each = kemac or replace(each, data=Secret(bytes(reversed(each.data.reveal()))))
        payloads.append(each)
    header = FIRST.header if csb_id is None else replace(FIRST.header, csb_id=csb_id)
    return build_mikey(MikeyMessage(header, tuple(payloads)))


def raw() -> Packets:
    return [(0, A, B, bytes.fromhex(V1["I"])), (0.1, B, A, ANSWER)]


def refusal() -> bytes:
    """An error message that answers the first message."""
    error = parse_mikey(PskExchange("refused").error(()))
    return build_mikey(replace(error, header=replace(error.header, csb_id=FIRST.header.csb_id)))


NULL = Kemac(0, Secret(bytes(32)), 1, bytes(20))


@pytest.mark.parametrize(
    ("rule", "packets", "frame", "value"),
    [
        ("MKY-001", raw(), 1, ("pass", "")),
        ("MKY-001", [(0, A, B, altered(kemac=NULL))], 1, ("fail", "")),
        ("MKY-001", [(0, A, B, b"\1\0\x0b")], 1, ("unknown", "readable-mikey")),
        ("MKY-004", raw(), 1, ("pass", "")),
        ("MKY-004", [*raw(), (60, C, B, bytes.fromhex(V1["I"])), (60.1, B, C, ANSWER)], 3, ("fail", "")),
        ("MKY-004", [*raw(), (60, C, B, bytes.fromhex(V1["I"]))], 3, ("unknown", "answer")),
        ("MKY-004", [*raw(), (1, A, B, bytes.fromhex(V1["I"]))], 3, ("unknown", "leg-unpaired")),
        ("MKY-004", [raw()[0], (1, A, B, bytes.fromhex(V1["I"])), (1.1, B, A, ANSWER)], 2, ("pass", "")),
        ("MKY-004", [*raw(), (60, C, B, bytes.fromhex(V1["I"])), (60.1, B, C, refusal())], 3, ("pass", "")),
        ("MKY-005", [*raw(), (60, A, B, altered(csb_id=7, rand=bytes(16)))], 3, ("fail", "")),
        ("MKY-005", [*raw(), (60, A, B, altered(csb_id=7, seconds=60, rand=bytes(16)))], 3, ("pass", "")),
        ("MKY-005", [*raw(), (60, A, B, b"\1\0\x0b")], 3, ("unknown", "readable-mikey")),
        ("MKY-006", [*raw(), (60, A, B, altered())], 3, ("fail", "")),
        ("MKY-006", [*raw(), (60, A, B, altered(seconds=60))], 3, ("pass", "")),
        ("MKY-007", [*raw(), (60, A, B, altered(csb_id=7, seconds=60))], 3, ("fail", "")),
        ("MKY-007", [*raw(), (60, A, B, altered(csb_id=7, seconds=60, rand=bytes(16)))], 3, ("pass", "")),
        ("MKY-009", raw(), 1, ("pass", "")),
        ("MKY-009", [(7200, A, B, bytes.fromhex(V1["I"]))], 1, ("fail", "")),
        ("MKY-010", raw(), 1, ("pass", "")),
        ("MKY-011", [*raw(), (60, A, B, altered(seconds=60))], 3, ("fail", "")),
        ("MKY-011", raw(), 1, ("not-applicable", "")),
    ],
)
def test_a_rule_on_raw_mikey(tmp_path: Path, rule: str, packets: Packets, frame: int, value: tuple[str, str]) -> None:
    assert outcome(audited(tmp_path, packets), rule, frame) == value


@pytest.mark.parametrize(
    ("psk", "name", "second", "value"),
    [
        (PSK, None, ANSWER, ("pass", "")),
        (b"another", None, ANSWER, ("unknown", "mikey-key")),
        (PSK, None, ANSWER[:-1] + bytes((ANSWER[-1] ^ 1,)), ("fail", "")),
    ],
)
def test_what_verifies_is_told_from_what_does_not(
    tmp_path: Path, psk: bytes, name: str | None, second: bytes, value: tuple[str, str]
) -> None:
    packets = [raw()[0], (0.1, B, A, second)]
    assert outcome(audited(tmp_path, packets, PskEntry(Secret(psk), name, 1)), "MKY-025", 1) == value


def test_a_diffie_hellman_value_used_twice_over_udp(tmp_path: Path) -> None:
    first = DhExchange("value")
    message_again = parse_mikey(first.offer())
    again = build_mikey(replace(message_again, header=replace(message_again.header, csb_id=7)))
    packets = [(0, A, B, first.offer()), (60, A, B, again)]
    assert outcome(audited(tmp_path, packets), "MKY-008", 2) == ("fail", "")
    fresh = [(0, A, B, first.offer()), (60, A, B, DhExchange("another").offer())]
    assert outcome(audited(tmp_path, fresh), "MKY-008", 2) == ("pass", "")


def test_a_message_of_a_call_replayed_over_udp(tmp_path: Path) -> None:
    """One history for the whole capture set, whatever carried the messages."""
    octets = bytes.fromhex(V1["I"])
    packets = [(0, ALICE, BOB, in_sip("MESSAGE", octets)), (60, C, B, octets), (60.1, B, C, ANSWER)]
    report = audited(tmp_path, packets)
    assert outcome(report, "MKY-004", 1) == ("pass", "")
    assert outcome(report, "MKY-004", 2) == ("fail", "")
    assert decide_exit_code(report) is ExitCode.FINDINGS
    (finding,) = [one for one in report.findings if one.rule == "MKY-004"]
    assert [(each.call_id, each.frames) for each in finding.evidence] == [(None, (1, 2))]


def test_the_transport_of_a_body_counts(tmp_path: Path) -> None:
    packets = [(0, ALICE, BOB, in_sip("MESSAGE", altered(kemac=NULL)))]
    report = audited(tmp_path, packets)
    assert outcome(report, "MKY-001", 1) == ("fail", "")
    (found,) = report.mikey
    assert found.message.transport == "UDP"


def in_sip(method: str, octets: bytes) -> bytes:
    """A SIP request that carries one MIKEY message."""
    plain = message(f"{method} sip:bob@example.com SIP/2.0", f"1 {method}", octets, call_id="m@192.0.2.1", to_tag="")
    return plain.replace(b"Content-Type: application/sdp", b"Content-Type: Application/MIKEY", 1)
