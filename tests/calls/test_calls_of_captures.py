# SPDX-License-Identifier: GPL-2.0-only
"""Calls of real captures: as many calls and messages as tshark counts, and every media packet where it belongs."""

import collections
import subprocess
from pathlib import Path

import pytest

from analyzer.calls import CallTracker
from analyzer.capture.source import open_capture
from analyzer.evidence.media_table import MediaTable
from analyzer.evidence.packets import SignallingReader
from analyzer.model.call import CallSet, CallState, Resolution, Side
from analyzer.model.evidence import MediaEvidence, SignallingMessage
from dissectors.grammar.sip import parse_sip

PUBLIC = (
    "goffinet__sip_captures/SIP-Call-Flow-Over-TCP.pcap",
    "goffinet__sip_captures/SIP-Call-with-Proxy-Server.pcap",
    "goffinet__sip_captures/private-test-sip-2.pcapng",
    "goffinet__sip_captures/sip-2phones-B2BUA-Asterisk.pcapng",
    "goffinet__sip_captures/sip-488-Not-Acceptable-Here-codec-null.pcapng",
    "goffinet__sip_captures/sip-register-publish-subscribe-489-401.pcapng",
    "goffinet__sip_captures/uac-uas-scenario-sipp.pcapng",
    *(
        f"wireshark-wiki/SampleCaptures/{name}.pcap"
        for name in ("MSCML", "T38", "aaa", "mikey_psk", "sip-rtp-g711", "sip-rtp-g726", "sip-rtp-opus")
    ),
)
pytestmark = pytest.mark.captures


def read(path: Path) -> tuple[list[SignallingMessage], MediaEvidence]:
    reader, table, found = SignallingReader(), MediaTable(), []
    with open_capture(path) as capture:
        for batch in capture.batches():
            found += reader.feed(batch)
            table.feed(batch)
    found += reader.finish()
    found.sort(key=lambda datagram: (datagram.timestamp_ns, datagram.frame))
    return [SignallingMessage(*datagram[:6], parse_sip(datagram.data)) for datagram in found], table.evidence()


def calls_of(path: Path) -> CallSet:
    messages, evidence = read(path)
    tracker = CallTracker()
    for message in messages:
        tracker.feed(message)
    return tracker.finish(evidence)


def tshark_counts(path: Path) -> tuple[collections.Counter[str], set[str]]:
    """Messages by Call-ID, and the Call-IDs of frames with an INVITE."""
    fields = ("-T", "fields", "-e", "sip.Call-ID", "-e", "sip.Method")
    command = ["tshark", "-r", str(path), "-Y", "sip", *fields]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.split("\t") for line in output.splitlines()]
    messages = collections.Counter(call_id for row in rows for call_id in row[0].split(",") if call_id)
    return messages, {call_id for row in rows if "INVITE" in row[1].split(",") for call_id in row[0].split(",")}


@pytest.mark.tool("tshark")
@pytest.mark.parametrize("name", PUBLIC)
def test_calls_and_messages_as_tshark_counts_them(captures: Path, name: str) -> None:
    path = captures / "public" / name
    found = calls_of(path)
    counted = {call.call_id: len(call.messages) for call in found.calls}
    outside = collections.Counter(message.sip.call_id for message in found.outside)
    messages, invited = tshark_counts(path)
    assert collections.Counter(counted) + outside == messages
    assert {call.call_id for call in found.calls if call.state is not CallState.MID_CALL} == invited


@pytest.mark.parametrize(("name", "calls", "each"), [("udp_frag_200", 200, 6), ("udp_sdes_100", 100, 6)])
def test_sipp(captures: Path, name: str, calls: int, each: int) -> None:
    found = calls_of(captures / "peers" / "sipp" / f"{name}.pcap")
    assert [len(call.messages) for call in found.calls] == [each] * calls
    assert {call.state for call in found.calls} == {CallState.ENDED}
    assert {tuple(e.resolution for e in call.exchanges) for call in found.calls} == {(Resolution.ANSWERED,)}


def test_sipp_over_one_stalling_connection(captures: Path) -> None:
    found = calls_of(captures / "peers" / "sipp" / "tcp_stall_t1_1500.pcap")
    assert len(found.calls) == 1500
    assert sum(len(call.messages) for call in found.calls) == 9000
    assert all(message.retransmission_of is None for call in found.calls for message in call.messages)


@pytest.mark.parametrize(
    "name",
    [
        "baresip/udp_sdes_cm80_mand", "baresip/udp_sdes_cm32_mand", "baresip/tcp_sdes_cm80_mand",
        "baresip/udp_plain_pcmu", "baresip/udp_sdes_gcm256_mand", "baresip/udp_sdes_opt_vs_plain",
        "baresip/udp_dtls_srtp", "linphone/sdes_80", "linphone/sdes_256", "linphone/zrtp",
    ],
)  # fmt: skip
def test_a_call_of_two_phones_has_one_stream_each_way_and_all_rtcp(captures: Path, name: str) -> None:
    path = captures / "peers" / f"{name}.pcap"
    _, evidence = read(path)
    found = calls_of(path)
    (call,) = found.calls
    assert (call.state, found.unbound, len(call.exchanges)) == (CallState.ENDED, (), 1)
    streams = [bound for line in call.media for bound in line.streams]
    assert sorted(bound.sent_by for bound in streams) == [Side.ANSWERER, Side.OFFERER]
    assert all((bound.start, bound.stop) == (0, len(bound.stream)) for bound in streams)
    attached = sum(len(each.indices) for bound in streams for each in bound.rtcp)
    assert attached == sum(len(flow) for flow in evidence.rtcp)
    assert [line.lone_rtcp for line in call.media] == [()] * len(call.media)
    keyed = [flow for line in call.media for flow in (*line.dtls, *line.zrtp)]
    assert len(keyed) == len(evidence.dtls) + len(evidence.zrtp)
    assert bool(keyed) == ("dtls" in name or "zrtp" in name)


def test_a_refused_call_of_two_phones(captures: Path) -> None:
    (call,) = calls_of(captures / "peers" / "baresip" / "udp_sdes_mand_rejected.pcap").calls
    assert (call.state, [e.resolution for e in call.exchanges]) == (CallState.REJECTED, [Resolution.REJECTED])
    assert [line.answer for line in call.media] == [None]


def test_a_proxied_call_is_one_exchange(captures: Path) -> None:
    (call,) = calls_of(captures / "public" / "goffinet__sip_captures" / "SIP-Call-with-Proxy-Server.pcap").calls
    assert (len(call.messages), len(call.exchanges), call.state) == (11, 1, CallState.ENDED)


def test_registrations_and_subscriptions_are_no_calls(captures: Path) -> None:
    name = "sip-register-publish-subscribe-489-401.pcapng"
    found = calls_of(captures / "public" / "goffinet__sip_captures" / name)
    assert (found.calls, len(found.outside)) == ((), 60)


def test_a_refused_offer_without_codec(captures: Path) -> None:
    name = "sip-488-Not-Acceptable-Here-codec-null.pcapng"
    (call,) = calls_of(captures / "public" / "goffinet__sip_captures" / name).calls
    assert call.state is CallState.REJECTED
    assert [(line.offer.media.port if line.offer else None, line.answer) for line in call.media] == [(0, None)]
