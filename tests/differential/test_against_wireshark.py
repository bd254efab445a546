# SPDX-License-Identifier: GPL-2.0-only
"""SIP, SDP and MIKEY fields as Wireshark reads them, through pyshark, against ours, message by message.

Where Wireshark is silent, the test says so by name: it does not read MIKEY in `a=key-mgmt` lines at media level.
"""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from analyzer.api import audit
from analyzer.model.evidence import SignallingMessage
from dissectors.grammar.key_mgmt import parse_key_mgmt
from dissectors.grammar.mikey import Kemac, MikeyMessage, Rand, SecurityPolicy, Timestamp, Verification, parse_mikey
from dissectors.grammar.sdes import parse_crypto
from dissectors.grammar.sdp import parse_sdp

ROOT = Path(__file__).resolve().parents[2]
SIP_CAPTURES = [
    "peers/baresip/tcp_sdes_cm80_mand.pcap",
    "peers/baresip/udp_dtls_srtp.pcap",
    "peers/baresip/udp_plain_pcmu.pcap",
    "peers/baresip/udp_sdes_cm32_mand.pcap",
    "peers/baresip/udp_sdes_cm80_mand.pcap",
    "peers/baresip/udp_sdes_gcm256_mand.pcap",
    "peers/baresip/udp_sdes_mand_rejected.pcap",
    "peers/baresip/udp_sdes_opt_vs_plain.pcap",
    "peers/linphone/sdes_80.pcap",
    "peers/linphone/zrtp.pcap",
    "public/goffinet__sip_captures/SIP-Call-with-Proxy-Server.pcap",
    "public/wireshark-wiki/SampleCaptures/mikey_psk.pcap",
]
Fields = dict[str, list[Any]]

pytestmark = pytest.mark.tool("tshark")


def read_with_pyshark(path: Path) -> Iterator[tuple[int, Fields]]:
    """Frame number and the fields of its SIP layer, each with all its occurrences."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyshark uses asyncio in ways that newer Pythons warn of
        import pyshark

        capture = pyshark.FileCapture(str(path), display_filter="sip")
        try:
            for packet in capture:
                yield int(packet.number), {name: field.all_fields for name, field in packet.sip._all_fields.items()}
        finally:
            capture.close()


def shown(fields: Fields, name: str) -> list[str]:
    return [field.show for field in fields.get(name, [])]


def octets(fields: Fields, name: str) -> list[bytes]:
    return [bytes.fromhex(field.raw_value) for field in fields.get(name, [])]


def numbers(fields: Fields, name: str) -> list[int]:
    return [int.from_bytes(value, "big") for value in octets(fields, name)]


def messages_of(path: Path) -> dict[int, SignallingMessage]:
    report = audit([path])
    inside = [message for call in report.calls for message in call.call.messages]
    return {message.frame: message for message in (*inside, *(outside.message for outside in report.messages))}


@pytest.mark.captures
@pytest.mark.parametrize("name", SIP_CAPTURES)
def test_sip_and_sdp_fields_are_wiresharks(captures: Path, name: str) -> None:
    ours = messages_of(captures / name)
    theirs = dict(read_with_pyshark(captures / name))
    assert sorted(ours) == sorted(theirs)
    for frame, fields in theirs.items():
        sip = ours[frame].sip
        assert [sip.method] == (shown(fields, "sip.Method") or [None]), frame
        assert [sip.status] == ([int(code) for code in shown(fields, "sip.Status-Code")] or [None]), frame
        assert [sip.call_id] == shown(fields, "sip.Call-ID")[:1], frame
        assert [f"{sip.cseq_number} {sip.cseq_method}"] == shown(fields, "sip.CSeq"), frame
        assert [sip.from_tag] == (shown(fields, "sip.from.tag") or [None]), frame
        assert [sip.to_tag] == (shown(fields, "sip.to.tag") or [None]), frame
        assert [sip.branch] == shown(fields, "sip.Via.branch")[:1], frame
        compare_descriptions(ours[frame], fields)


def compare_descriptions(message: SignallingMessage, fields: Fields) -> None:
    body = message.sip.sdp()
    if body is None:
        assert "sdp.media" not in fields
        return
    session = parse_sdp(body.content)
    assert [media.proto for media in session.media] == shown(fields, "sdp.media.proto")
    assert [str(media.port) for media in session.media] == shown(fields, "sdp.media.port")
    lines = [parse_crypto(value) for media in session.media for value in media.attribute_values("crypto")]
    assert [str(line.tag) for line in lines] == shown(fields, "sdp.crypto.tag")
    assert [line.suite for line in lines] == shown(fields, "sdp.crypto.crypto_suite")
    keys = [key.key_salt.reveal() for line in lines for key in line.keys if key.key_salt is not None]
    theirs = [value.replace(":", "") for value in shown(fields, "sdp.crypto.master_key")]
    salts = [value.replace(":", "") for value in shown(fields, "sdp.crypto.master_salt")]
    if salts:  # Wireshark cuts key and salt for the suites whose lengths it knows
        assert [key.hex() for key in keys] == [key + salt for key, salt in zip(theirs, salts, strict=True)]


@pytest.mark.captures
def test_mikey_fields_are_wiresharks(captures: Path) -> None:
    path = captures / "public/wireshark-wiki/SampleCaptures/mikey_psk.pcap"
    ours, compared = messages_of(path), 0
    for frame, fields in read_with_pyshark(path):
        body = ours[frame].sip.sdp()
        assert body is not None
        value = parse_sdp(body.content).attribute("key-mgmt")
        assert value is not None
        data = parse_key_mgmt(value).data
        assert data is not None
        compare_mikey(parse_mikey(data), fields)
        compared += 1
    assert compared == 2


def compare_mikey(message: MikeyMessage, fields: Fields) -> None:
    header = message.header
    assert [header.version] == numbers(fields, "mikey.version")
    assert [header.data_type] == numbers(fields, "mikey.type")
    assert [str(int(header.v))] == shown(fields, "mikey.v.set")
    assert [header.csb_id] == numbers(fields, "mikey.csb_id")
    assert [header.cs_count] == numbers(fields, "mikey.cs_count")
    sessions = header.crypto_sessions
    assert [session.ssrc for session in sessions] == numbers(fields, "mikey.srtp_id.ssrc")
    assert [session.roc for session in sessions] == numbers(fields, "mikey.srtp_id.roc")
    following = [header.next_payload, *(payload.next_payload for payload in message.payloads)]
    assert following == numbers(fields, "mikey.next_payload")
    assert [payload.value for payload in message.find_all(Timestamp)] == octets(fields, "mikey.t.ntp")
    assert [payload.data for payload in message.find_all(Rand)] == octets(fields, "mikey.rand.data")
    parameters = [each for policy in message.find_all(SecurityPolicy) for each in policy.parameters]
    assert [each.type for each in parameters] == numbers(fields, "mikey.sp.param.type")
    assert [each.value for each in parameters] == octets(fields, "mikey.sp.patam.value")  # Wireshark's own spelling
    kemacs = message.find_all(Kemac)
    assert [kemac.encryption_algorithm for kemac in kemacs] == numbers(fields, "mikey.kemac.encr_alg")
    assert [kemac.data.reveal() for kemac in kemacs] == octets(fields, "mikey.kemac.key_data")
    assert [kemac.mac_algorithm for kemac in kemacs] == numbers(fields, "mikey.kemac.mac_alg")
    assert [kemac.mac for kemac in kemacs] == octets(fields, "mikey.kemac.mac")
    checks = message.find_all(Verification)
    assert [check.mac_algorithm for check in checks] == numbers(fields, "mikey.v.auth_alg")
    assert [check.mac for check in checks] == octets(fields, "mikey.v.ver_data")


def test_wireshark_is_silent_on_mikey_at_media_level() -> None:
    """RFC 4567 §3.1 allows it, and our sample has three such lines in its offer; Wireshark shows them as text."""
    path = ROOT / "pcaps" / "table_4.pcapng"
    (call,) = audit([path]).calls
    assert len(call.media[0].keying.mikey) == 4
    for _, fields in read_with_pyshark(path):
        assert not [name for name in fields if name.startswith("mikey.")]
