# SPDX-License-Identifier: GPL-2.0-only
"""Real calls as a whole: MIKEY with and without its key, calls that stay shut, counts, captures that start late."""

import struct
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from analyzer.api import audit
from analyzer.model.exit_code import ExitCode
from analyzer.rules.exit_decision import decide_exit_code
from tests.captures.end_to_end import document_of, report_of, ring_of, sidecar_of

pytestmark = pytest.mark.captures
MINISIP = "public/wireshark-wiki/SampleCaptures/mikey_psk.pcap"


def only_media(document: dict[str, Any]) -> dict[str, Any]:
    ((media,),) = (call["media"] for call in document["calls"])
    return dict(media)


def outcomes_of(document: dict[str, Any]) -> dict[str, str]:
    return {outcome["rule"]: outcome["outcome"] for call in document["calls"] for outcome in call["outcomes"]}


def minisip(keys: str) -> dict[str, Any]:
    return document_of(report_of(MINISIP, keys))


def test_minisip_with_its_key(captures: Path) -> None:
    keys = '[[psk]]\nkey = "text:secret"\n'
    document = minisip(keys)
    media = only_media(document)
    assert (media["verdict"], media["reasons"]) == ("inconclusive", ["wire-unseen"])
    assert media["keying"]["verified"] is True
    assert media["keying"]["how"] == "MAC verifies, V verifies"
    assert media["keying"]["response_verified"] is True
    assert media["chosen"] == {"key_agreement": "MIKEY-PSK", "suite": "AES_CM_128_HMAC_SHA1_80"}
    assert outcomes_of(document)["MKY-025"] == "pass"
    keying = report_of(MINISIP, keys).calls[0].media[0].keying
    assert [len(key.key) for key in keying.keys] == [16] * len(keying.keys)
    assert len({key.sender for key in keying.keys}) >= 2


def test_minisip_without_a_key(captures: Path) -> None:
    document = minisip("")
    media = only_media(document)
    assert (media["keying"]["verified"], media["keying"]["how"]) == (None, "no key in the ring fits")
    assert media["verdict"] == "inconclusive"
    assert outcomes_of(document)["MKY-025"] == "unknown"


def test_minisip_with_a_key_that_nothing_binds(captures: Path) -> None:
    media = only_media(minisip('[[psk]]\nkey = "text:wrong"\n'))
    assert (media["keying"]["verified"], media["keying"]["how"]) == (None, "no key in the ring fits")
    other = only_media(minisip('[[psk]]\nkey = "text:wrong"\nid = "carol@example.com"\n'))
    assert other["keying"]["verified"] is None


@pytest.mark.parametrize("party", ["caller", "callee"])
def test_minisip_with_a_wrong_key_of_one_of_its_parties(captures: Path, party: str) -> None:
    call = report_of(MINISIP).calls[0].call
    identity = getattr(call, party)
    document = minisip(f'[[psk]]\nkey = "text:wrong"\nid = "{identity}"\n')
    media = only_media(document)
    assert media["keying"]["verified"] is False
    assert media["keying"]["how"] == "wrong key or altered message"
    assert (media["verdict"], media["reasons"][0]) == ("inconclusive", "keying-not-authentic")
    found = outcomes_of(document)
    assert (found["MKY-025"], found["SRT-003"]) == ("fail", "unknown")


def test_minisip_with_a_wrong_key_beside_the_right_one(captures: Path) -> None:
    caller = report_of(MINISIP).calls[0].call.caller
    keys = f'[[psk]]\nkey = "text:wrong"\nid = "{caller}"\n[[psk]]\nkey = "text:secret"\n'
    assert only_media(minisip(keys))["keying"]["verified"] is True


SHUT = [
    ("peers/baresip/udp_dtls_srtp.pcap", "DTLS-SRTP", "DTLS"),
    ("peers/linphone/zrtp.pcap", "ZRTP", "ZRTP"),
]


@pytest.mark.parametrize(("name", "method", "why"), SHUT)
def test_calls_that_stay_shut_say_why(captures: Path, name: str, method: str, why: str) -> None:
    media = only_media(document_of(report_of(name)))
    assert media["keying"]["method"] == media["chosen"]["key_agreement"] == method
    assert (media["verdict"], "wire-not-proved" in media["reasons"]) == ("conform", True)
    for stream in media["streams"]:
        assert (stream["protection"], stream["wire"]) == ("srtp", "consistent")
        assert (stream["authenticated"], stream["not_tried"]) == (0, stream["packets"])
        assert why in stream["reason"]


def test_media_keyed_in_band_outside_calls_says_so(captures: Path) -> None:
    document = document_of(report_of("peers/aiortc/dtls_cm80_pcmu.pcap"))
    assert [(s["protection"], "DTLS" in s["reason"]) for s in document["streams"]] == [("srtp", True)] * 2


@pytest.mark.parametrize("stem", ["tls13_sdes_cm80_mand", "tls12_rsa_sdes_cm80_mand"])
def test_signalling_in_tls_is_shown_as_shut(captures: Path, stem: str) -> None:
    document = document_of(report_of(f"peers/baresip/{stem}.pcap"))
    (flow,) = document["tls_flows"]
    assert flow["server"].endswith(":5061")
    assert flow["packets"] > 0
    assert "no key" in flow["reason"]
    assert document["calls"] == []
    assert [stream["protection"] for stream in document["streams"]] == ["srtp", "srtp"]


@pytest.mark.parametrize("stem", ["tls13_sdes_cm80_mand", "tls12_rsa_sdes_cm80_mand"])
def test_signalling_in_tls_opens_with_its_key_log(captures: Path, stem: str) -> None:
    log = captures / "peers" / "baresip" / f"{stem}.keylog.txt"
    document = document_of(report_of(f"peers/baresip/{stem}.pcap", f'[[dtls]]\nkeylog = "{log}"\n'))
    (call,) = document["calls"]
    assert [message["transport"] for message in call["messages"]] == ["TLS"] * 6
    media = only_media(document)
    assert media["verdict"] == "conform"
    assert [(stream["wire"], stream["failed"]) for stream in media["streams"]] == [("proved", 0)] * 2
    assert outcomes_of(document)["SIG-002"] == "pass"
    (flow,) = document["tls_flows"]
    assert (flow["opened"], flow["shut"]) == (6, 0)
    assert document["streams"] == []


@pytest.mark.tool("editcap")
@pytest.mark.parametrize("place", ["front", "end"])
@pytest.mark.parametrize("stem", ["tls13_sdes_cm80_mand", "tls12_rsa_sdes_cm80_mand", "udp_dtls_srtp"])
def test_decryption_secrets_of_the_capture_open_it(captures: Path, stem: str, place: str, tmp_path: Path) -> None:
    """`editcap` puts the key log into the capture; secrets that stand behind the packets open them all the same."""
    source, made = captures / "peers" / "baresip" / f"{stem}.pcap", tmp_path / "with.pcapng"
    log = source.with_name(f"{stem}.keylog.txt")
    subprocess.run(["editcap", "--inject-secrets", f"tls,{log}", str(source), str(made)], check=True)
    octets = made.read_bytes()
    if place == "end":
        at = octets.index(struct.pack("<I", 10), 28)
        size = struct.unpack_from("<I", octets, at + 4)[0]
        made.write_bytes(octets[:at] + octets[at + size :] + octets[at : at + size])
    document = document_of(audit([made]))
    media = only_media(document)
    assert media["verdict"] == "conform"
    assert [(stream["wire"], stream["failed"]) for stream in media["streams"]] == [("proved", 0)] * 2
    assert log.read_text().split()[2] not in str(document)


@pytest.mark.tool("tshark")
@pytest.mark.parametrize("stem", ["tls13_sdes_cm80_mand", "tls12_rsa_sdes_cm80_mand"])
def test_messages_in_tls_stand_in_tsharks_frames(captures: Path, stem: str) -> None:
    capture = captures / "peers" / "baresip" / f"{stem}.pcap"
    log = captures / "peers" / "baresip" / f"{stem}.keylog.txt"
    command = ["tshark", "-r", str(capture), "-o", f"tls.keylog_file:{log}", "-Y", "sip", "-T", "fields"]
    fields = [word for name in ("frame.number", "sip.Method", "sip.Status-Code") for word in ("-e", name)]
    told = subprocess.run([*command, *fields], capture_output=True, text=True, check=True).stdout
    document = document_of(report_of(f"peers/baresip/{stem}.pcap", f'[[dtls]]\nkeylog = "{log}"\n'))
    ours = [
        f"{message['frame']}\t{message.get('method', '')}\t{message.get('status', '')}"
        for message in document["calls"][0]["messages"]
    ]
    assert ours == told.splitlines()


@pytest.mark.parametrize(
    ("name", "suite"),
    [
        ("peers/baresip/udp_sdes_gcm256_mand.pcap", "AEAD_AES_256_GCM"),
        ("peers/linphone/sdes_256.pcap", "AES_256_CM_HMAC_SHA1_80"),
        ("peers/linphone/sdes_80.pcap", "AES_CM_128_HMAC_SHA1_80"),
    ],
)
def test_other_suites_are_opened_too(captures: Path, name: str, suite: str) -> None:
    media = only_media(document_of(report_of(name)))
    assert (media["verdict"], media["chosen"]["suite"]) == ("conform", suite)
    assert [s["authenticated"] for s in media["streams"]] == [s["packets"] for s in media["streams"]]


def test_calls_that_protect_nothing(captures: Path) -> None:
    for stem in ("udp_plain_pcmu", "udp_sdes_opt_vs_plain"):
        document = document_of(report_of(f"peers/baresip/{stem}.pcap"))
        assert only_media(document)["verdict"] == "unprotected"
        assert outcomes_of(document)["PRO-001"] == "fail"
    rejected = only_media(document_of(report_of("peers/baresip/udp_sdes_mand_rejected.pcap")))
    assert (rejected["verdict"], rejected["answer"], rejected["streams"]) == ("no-media", None, [])


SIP_CAPTURES = [
    "peers/sipp/udp_sdes_100.pcap",
    "peers/sipp/udp_frag_200.pcap",
    "peers/sipp/tcp_stall_t1_1500.pcap",
    "public/goffinet__sip_captures/uac-uas-scenario-sipp.pcapng",
    "public/irontec__sngrep/tests/ipv6frag.pcap",
    "public/nextcaller__sip-capture/extract/testdata/sip-tcp.pcap",
]


@pytest.mark.tool("tshark")
@pytest.mark.parametrize("name", SIP_CAPTURES)
def test_messages_per_method_and_status_as_tshark_counts_them(captures: Path, name: str) -> None:
    command = ["tshark", "-n", "-r", str(captures / name), "-Y", "sip", "-T", "fields"]
    command += ["-e", "sip.Method", "-e", "sip.Status-Code", "-e", "sip.Call-ID"]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    rows = [line.split("\t") for line in output.splitlines()]
    kinds = Counter(kind for row in rows for column in row[:2] for kind in column.split(",") if kind)
    report = report_of(name)
    messages = [message for call in report.calls for message in call.call.messages]
    messages += [each.message for each in report.messages]
    assert Counter(message.sip.method or str(message.sip.status) for message in messages) == kinds
    assert {message.sip.call_id for message in messages} == {c for row in rows for c in row[2].split(",")}


def test_sipp_as_its_own_counters_say(captures: Path) -> None:
    facts = sidecar_of("peers/sipp/udp_frag_200.pcap")
    report = report_of("peers/sipp/udp_frag_200.pcap")
    assert len(report.calls) == facts["distinct_call_ids"]
    for name, number in facts["uac_messages"].items():
        kind = name.split()[-1]
        found = [m for call in report.calls for m in call.call.messages if kind in (m.sip.method, str(m.sip.status))]
        assert len(found) == number


def test_registrations_stand_outside_calls(captures: Path) -> None:
    report = report_of("public/goffinet__sip_captures/sip-register-publish-subscribe-489-401.pcapng")
    document = document_of(report)
    assert (document["calls"], document["streams"], len(document["messages"])) == ([], [], 60)
    assert {outcome["rule"][:3] for message in document["messages"] for outcome in message["outcomes"]} <= {"SIG"}
    assert decide_exit_code(report) == ExitCode.UNREADABLE


def frames_of(path: Path) -> tuple[bytes, list[bytes]]:
    """The file header and the records of a classic little-endian pcap."""
    data = path.read_bytes()
    records, place = [], 24
    while place < len(data):
        captured = struct.unpack_from("<I", data, place + 8)[0]
        records.append(data[place : place + 16 + captured])
        place += 16 + captured
    return data[:24], records


def test_a_capture_that_starts_in_mid_call(captures: Path, tmp_path: Path) -> None:
    whole = report_of("peers/baresip/udp_sdes_cm80_mand.pcap").calls[0]
    last = max(message.frame for message in whole.call.messages if message.sip.cseq_method in ("INVITE", "ACK"))
    head, records = frames_of(captures / "peers/baresip/udp_sdes_cm80_mand.pcap")
    (tmp_path / "late.pcap").write_bytes(head + b"".join(records[last:]))
    report = audit([tmp_path / "late.pcap"])
    document = document_of(report)
    (call,) = document["calls"]  # its BYE is left, and nothing that names its media
    assert (call["state"], call["media"]) == ("mid-call", [])
    assert {
        (o["rule"], o["outcome"], o["missing"]) for o in call["outcomes"] if o["rule"] in ("PRO-001", "SRT-001")
    } == {
        ("PRO-001", "unknown", "signalling-unseen"),
        ("SRT-001", "unknown", "signalling-unseen"),
    }
    assert len(document["streams"]) == 2
    for stream in document["streams"]:
        assert (stream["protection"], stream["wire"]) == ("srtp", "unseen")
        assert {(o["outcome"], o["missing"]) for o in stream["outcomes"]} == {("unknown", "signalling-unseen")}
    assert decide_exit_code(report) == ExitCode.INCOMPLETE


def test_clear_media_that_starts_in_mid_call_fails(captures: Path, tmp_path: Path) -> None:
    head, records = frames_of(captures / "peers/baresip/udp_plain_pcmu.pcap")
    (tmp_path / "late.pcap").write_bytes(head + b"".join(records[40:400]))
    report = audit([tmp_path / "late.pcap"])
    assert report.calls == ()
    for stream in document_of(report)["streams"]:
        assert {o["rule"]: o["outcome"] for o in stream["outcomes"]} == {"PRO-001": "fail", "SRT-001": "fail"}
    assert decide_exit_code(report) == ExitCode.FINDINGS


def test_packets_cut_by_the_snaplen_refute_nothing(captures: Path, tmp_path: Path) -> None:
    head, records = frames_of(captures / "peers/baresip/udp_sdes_cm80_mand.pcap")
    first = next(place for place, record in enumerate(records) if len(record) == 16 + 14 + 28 + 182)
    cut = [
        record if len(record) != 16 + 14 + 28 + 182 or place == first
        else record[:8] + struct.pack("<I", 100) + record[12:16] + record[16:116]
        for place, record in enumerate(records)
    ]  # fmt: skip
    (tmp_path / "cut.pcap").write_bytes(head + b"".join(cut))
    document = document_of(audit([tmp_path / "cut.pcap"]))
    media = only_media(document)
    assert media["verdict"] not in ("mismatch", "unprotected", "downgrade")
    for stream in media["streams"]:
        assert stream["failed"] == 0
        assert stream["authenticated"] <= 1
        assert stream["authenticated"] + stream["not_tried"] == stream["packets"]
    assert [defect["code"] for defect in document["captures"][0]["defects"]] == ["packet-cut-by-snaplen"]


@pytest.mark.parametrize(
    ("share", "verdict", "wire"), [(0.006, "conform", "proved"), (0.03, "mismatch", "contradicting")]
)
def test_a_few_altered_packets_change_no_verdict(
    captures: Path, tmp_path: Path, share: float, verdict: str, wire: str
) -> None:
    head, records = frames_of(captures / "peers/baresip/udp_sdes_cm80_mand.pcap")
    media = [place for place, record in enumerate(records) if len(record) == 16 + 14 + 28 + 182]
    chosen = media[20 :: int(1 / share)]
    for place in chosen:
        records[place] = records[place][:-1] + bytes([records[place][-1] ^ 1])
    (tmp_path / "altered.pcap").write_bytes(head + b"".join(records))
    document = document_of(audit([tmp_path / "altered.pcap"]))
    line = only_media(document)
    assert line["verdict"] == verdict
    assert {stream["wire"] for stream in line["streams"]} == {wire}
    assert sorted(frame for s in line["streams"] for frame in s["failed_frames"]) == [place + 1 for place in chosen]
    assert sum(stream["failed"] for stream in line["streams"]) == len(chosen)
    assert outcomes_of(document)["SRT-003"] == "fail"


def test_a_set_of_captures_is_one_audit(captures: Path) -> None:
    names = ["peers/baresip/udp_sdes_cm80_mand.pcap", "peers/baresip/udp_plain_pcmu.pcap"]
    report = audit([captures / name for name in names], ring=ring_of(""))
    document = document_of(report)
    assert [call["media"][0]["verdict"] for call in document["calls"]].count("conform") == 1
    assert sorted(s["capture"] for c in document["calls"] for m in c["media"] for s in m["streams"]) == [0, 0, 1, 1]
