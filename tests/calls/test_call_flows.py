# SPDX-License-Identifier: GPL-2.0-only
"""Every flow of the catalogue reads as it must, alone and among the others, and tshark counts the same."""

import collections
import random
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from analyzer.policies import read_policy
from pcaps.flow_script import STEP_NS, write_capture
from pcaps.flow_table import FLOWS, Flow
from tests.calls.flow_calls import audit_datagrams, datagrams_of, links_of, name_of, said_of

NAMES = [flow.name for flow in FLOWS]
SAMPLE = 24


@pytest.mark.parametrize("flow", FLOWS, ids=NAMES)
def test_a_flow_reads_as_it_must(flow: Flow, tmp_path: Path) -> None:
    report = audit_datagrams(datagrams_of(flow), tmp_path)
    assert {name_of(call.call.call_id)[1]: said_of(call) for call in report.calls} == flow.calls
    assert links_of(report) == tuple(sorted(flow.links))
    assert len(report.streams) == flow.loose


@pytest.mark.parametrize("name", ["retry-488-same", "retry-488-new"])
def test_the_policy_says_how_late_an_offer_may_answer_a_refusal(name: str, tmp_path: Path) -> None:
    flow = next(flow for flow in FLOWS if flow.name == name)
    assert links_of(audit_datagrams(datagrams_of(flow), tmp_path)) != ()
    strict = replace(read_policy(), retry_seconds=0)
    assert links_of(audit_datagrams(datagrams_of(flow), tmp_path, strict)) == ()


def test_each_example_of_both_rfcs_is_there() -> None:
    numbers = [f"rfc3665-2.{n}" for n in range(1, 6)] + [f"rfc3665-3.{n}" for n in range(1, 12)]
    numbers += [f"rfc5359-2.{n}" for n in range(1, 19)]
    assert set(numbers) <= set(NAMES)
    assert len(set(NAMES)) == len(NAMES)


def mingle(flows: list[Flow], seed: int, folder: Path) -> None:
    """Flows of different networks put together in any order of their packets: each reads as it does alone."""
    rng = random.Random(seed)
    together = []
    for network, flow in enumerate(flows):
        shift = rng.randrange(40) * STEP_NS + rng.randrange(1000)
        together += [(time + shift, *rest) for time, *rest in datagrams_of(flow, network)]
    report = audit_datagrams(together, folder)
    found: dict[str, dict[str, str]] = collections.defaultdict(dict)
    for call in report.calls:
        flow_name, call_name = name_of(call.call.call_id)
        found[flow_name][call_name] = said_of(call)
    assert found == {flow.name: flow.calls for flow in flows if flow.calls}
    assert len(report.streams) == sum(flow.loose for flow in flows)


@pytest.mark.parametrize("seed", range(4))
def test_any_interleaving_of_independent_calls_gives_the_same_calls(seed: int, tmp_path: Path) -> None:
    mingle(random.Random(seed).sample(FLOWS, SAMPLE), seed, tmp_path)


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(40))
def test_all_flows_interleaved(seed: int, tmp_path: Path) -> None:
    mingle(random.Random(seed).sample(FLOWS, len(FLOWS)), seed, tmp_path)


@pytest.mark.tool("tshark")
def test_tshark_counts_the_same_messages_calls_and_streams(tmp_path: Path) -> None:
    together = [datagram for network, flow in enumerate(FLOWS) for datagram in datagrams_of(flow, network)]
    path = tmp_path / "all.pcapng"
    path.write_bytes(write_capture(together))
    fields = ["-T", "fields", "-e", "sip.Call-ID", "-e", "sip.Method"]
    command = ["tshark", "-n", "-r", str(path), "-Y", "sip", *fields]
    rows = [
        line.split("\t")
        for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    ]
    report = audit_datagrams(together, tmp_path)
    messages = collections.Counter(message.sip.call_id for call in report.calls for message in call.call.messages)
    messages += collections.Counter(one.message.sip.call_id for one in report.messages)
    assert messages == collections.Counter(row[0] for row in rows)
    invited = {row[0] for row in rows if row[1] == "INVITE"}
    assert invited <= {call.call.call_id for call in report.calls}
    over_tcp = ["-d", "tcp.port==60000-61999,rtp"]  # RFC 4571; tshark does not take it from the SDP
    command = ["tshark", "-n", "-r", str(path), *over_tcp, "-q", "-o", "rtp.heuristic_rtp:TRUE", "-z", "rtp,streams"]
    table = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    theirs = {tuple(line.split()[2:7]) for line in table.splitlines() if "0x5A" in line}
    ours = set()
    for stream in (
        *(s for call in report.calls for m in call.media for s in m.streams),
        *(s.audit for s in report.streams),
    ):
        source, destination = stream.bound.stream.source.split(":"), stream.bound.stream.destination.split(":")
        ours.add((*source, *destination, f"0x{stream.bound.stream.ssrc:08X}"))
    assert ours == theirs
