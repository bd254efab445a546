# SPDX-License-Identifier: GPL-2.0-only
"""The catalogue of call flows as captures, and what the auditor reads in them, in the words of the catalogue."""

from pathlib import Path

from analyzer.api import audit
from analyzer.model.policy import Policy
from analyzer.model.report import AuditedCall, Report
from pcaps.flow_script import Datagram, FlowScript, write_capture
from pcaps.flow_table import Flow


def datagrams_of(flow: Flow, network: int = 0) -> list[Datagram]:
    """The flow's datagrams, in a network of its own."""
    return FlowScript(flow.name, network).run(flow.lines)


def audit_datagrams(datagrams: list[Datagram], folder: Path, policy: Policy | None = None) -> Report:
    path = folder / "flow.pcapng"
    path.write_bytes(write_capture(datagrams))
    return audit([path], policy=policy)


def name_of(call_id: str) -> tuple[str, str]:
    """Flow and call."""
    flow, _, call = call_id.partition("@")[0].rpartition("-")
    return flow, call


def said_of(audited: AuditedCall) -> str:
    """State, and of each exchange its resolution and the verdicts of its lines."""
    words = [audited.call.state.value]
    for exchange in audited.call.exchanges:
        verdicts = [media.verdict.value for media in audited.media if media.line.exchange.number == exchange.number]
        words.append(f"{exchange.resolution.value}={','.join(verdicts) or '-'}")
    return " ".join(words)


def links_of(report: Report) -> tuple[str, ...]:
    found = []
    for audited in report.calls:
        name = name_of(audited.call.call_id)[1]
        found += [f"{name} {link.kind} {name_of(link.call_id)[1]}" for link in audited.call.links]
        for exchange in audited.call.exchanges:
            if exchange.retry_of is not None:
                found.append(f"{name}:{exchange.number} retry-of {name}:{exchange.retry_of}")
    return tuple(sorted(found))
