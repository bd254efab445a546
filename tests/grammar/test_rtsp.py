# SPDX-License-Identifier: GPL-2.0-only
"""RTSP messages: the RFC's own, cameras', GStreamer's as Wireshark reads them, and odd ones."""

import base64
import json
import subprocess
from pathlib import Path

import pytest

from dissectors.grammar.errors import Malformed
from dissectors.grammar.mikey import parse_mikey
from dissectors.grammar.rtsp import build_rtsp, looks_like_rtsp, make_rtsp, parse_rtsp
from dissectors.grammar.rtsp_headers import (
    build_transport_header,
    make_key_mgmt_header,
    parse_key_mgmt_header,
    parse_session_header,
    parse_transport_header,
)
from dissectors.grammar.rtsp_stream import PieceKind, RtspStreamFramer

# RFC 7826 Appendix A.3: the response to the SETUP of a video stream, as printed (one quote is missing there).
SETUP_RESPONSE = (
    b"RTSP/2.0 200 OK\r\nCSeq: 4\r\nServer: PhonyServer/1.0\r\nTransport: RTP/SAVP;unicast;\r\n"
    b'   dest_addr="192.0.2.53:8002"/"192.0.2.53:8003";\r\n'
    b'   src_addr="198.51.100.5:9002"/"198.51.100.5:9003";\r\n   ssrc=A813FC13;\r\n'
    b"   MIKEY=TUlLRVkgUmVzcG9uc2UgdHdpc3Rlci4zZ3AvdHJhY2tJRD00\r\n"
    b"Session: OccldOFFq23KwjYpAnBbUr\r\nPipelined-Requests: 7654\r\n\r\n"
)


def codes(data: bytes) -> list[str]:
    return [defect.code for defect in parse_rtsp(data).defects]


def test_a_response_of_rfc_7826() -> None:
    message = parse_rtsp(SETUP_RESPONSE)
    assert (message.version, message.status, message.reason, message.cseq_number) == ("2.0", 200, "OK", 4)
    assert message.session_id == "OccldOFFq23KwjYpAnBbUr"
    (spec,) = message.transports
    assert (spec.proto, spec.lower_transport, spec.ssrcs) == ("RTP/SAVP", "UDP", (0xA813FC13,))
    assert spec.destination_endpoints == ("192.0.2.53:8002", "192.0.2.53:8003")
    assert spec.source_endpoints == ("198.51.100.5:9002", "198.51.100.5:9003")
    assert spec.mikey_octets == b"MIKEY Response twister.3gp/trackID=4"
    assert message.defects == ()
    assert build_rtsp(message) == SETUP_RESPONSE


def test_transports_of_rfc_2326() -> None:
    value = (
        'RTP/AVP;multicast;ttl=127;mode="PLAY",'
        'RTP/AVP;unicast;client_port=3456-3457;mode="PLAY, RECORD",RTP/AVP/TCP;unicast;interleaved=2'
    )
    specs = parse_transport_header(value)
    assert [spec.lower_transport for spec in specs] == ["UDP", "UDP", "TCP"]
    assert [spec.is_multicast for spec in specs] == [True, False, False]
    assert specs[1].client_ports == (3456, 3457)
    assert specs[1].modes == ("PLAY", "RECORD")
    assert specs[2].interleaved == (2, None)
    assert build_transport_header(specs) == value


def test_session_with_its_timeout() -> None:
    assert parse_session_header("47112344;timeout=30")[1:] == ("47112344", 30, ())
    assert parse_session_header(" +PPXMISToX1hKQ2e ").timeout_seconds is None
    assert [one.code for one in parse_session_header("a b;timeout=x").defects] == [
        "session-id-form",
        "session-timeout-form",
    ]


def test_key_mgmt_of_rfc_4567_and_of_cameras() -> None:
    value = 'prot=mikey; uri="rtsp://movies.example.com/action"; data="AQEF", prot=keyp;uri="";data="AAEC Aw=="'
    first, second = parse_key_mgmt_header(value)
    assert (first.protocol, first.uri, first.data, first.defects) == (
        "mikey",
        "rtsp://movies.example.com/action",
        b"\1\1\5",
        (),
    )
    assert (second.protocol, second.uri, second.data) == ("keyp", "", b"\0\1\2\3")
    assert [one.code for one in second.defects] == ["space-in-base64"]
    assert parse_key_mgmt_header(make_key_mgmt_header(b"abc", ""))[0].data == b"abc"
    assert "QEF" not in repr(first)


def test_odd_messages_say_what_is_odd() -> None:
    assert codes(b"OPTIONS  *  RTSP/1.0\r\n\r\n") == ["start-line-form", "missing-header"]
    assert codes(b"PLAY * RTSP/3.0\r\nCSeq: x\r\n\r\n") == ["rtsp-version", "cseq-form"]
    assert codes(b"PLAY * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 9\r\n\r\nab") == ["body-shorter-than-content-length"]
    assert codes(b"PLAY * RTSP/1.0\r\nCSeq: 1\r\n\r\nab") == ["octets-after-body"]
    assert codes(b"PLAY * RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP;interleaved=a\r\nKeyMgmt: uri=x\r\n\r\n") == [
        "transport-form",
        "transport-parameter-form",
        "protocol-missing",
        "data-missing",
    ]
    with pytest.raises(Malformed):
        parse_rtsp(b"OPTIONS sip:a SIP/2.0\r\n\r\n")
    assert not looks_like_rtsp(b"OPTIONS sip:a SIP/2.0\r\n\r\n")
    assert looks_like_rtsp(b"\r\nRTSP/1.0 200 OK\r\n")


def test_parameters_carry_a_new_key() -> None:
    message = make_rtsp(
        "SET_PARAMETER rtsp://camera/ RTSP/1.0",
        [("CSeq", "7"), ("Session", "1"), ("Content-Type", "text/parameters")],
        b"mikey: AQAFAGgC\r\n",
    )
    assert message.parameters() == (("mikey", "AQAFAGgC"),)
    assert message.header("content-length") == "17"


@pytest.mark.captures
def test_messages_of_cameras_survive_the_key_mgmt_header(captures: Path) -> None:
    read = 0
    for line in (captures / "mikey" / "in_the_wild.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if not any(
            word in entry["source"] for word in ("gortsplib pkg/description", "onvif", "Optix", "RTSP", "message_test")
        ):
            continue
        octets = base64.b64decode(entry["b64"] + "==")
        (spec,) = parse_rtsp(
            b"SETUP rtsp://c/ RTSP/1.0\r\nCSeq: 1\r\nKeyMgmt: "
            + make_key_mgmt_header(octets, "").encode()
            + b"\r\n\r\n"
        ).key_mgmt
        assert spec.data == octets
        assert f"{parse_mikey(octets).header.csb_id:08x}" == entry["csb_id"]
        read += 1
    assert read >= 7


@pytest.mark.captures
@pytest.mark.tool("tshark")
@pytest.mark.parametrize("name", ["savp_udp", "avp_udp"])
def test_gstreamer_reads_as_wireshark_reads_it(captures: Path, name: str) -> None:
    capture = captures / "peers" / "gst_rtsp" / f"{name}.pcap"
    fields = ["rtsp.method", "rtsp.url", "rtsp.status", "rtsp.session", "rtsp.transport", "tcp.payload"]
    command = ["tshark", "-n", "-r", str(capture), "-Y", "rtsp", "-T", "fields"]
    for field in fields:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert len(rows) == 12
    for method, url, status, session, transport, payload in rows:
        (piece,) = RtspStreamFramer().feed(bytes.fromhex(payload))
        assert piece.kind is PieceKind.MESSAGE
        message = parse_rtsp(piece.data)
        assert build_rtsp(message) == piece.data
        assert (message.method or "", message.request_uri or "") == (method, url)
        assert str(message.status or "") == status
        assert (message.session_id or "") == session
        assert (message.header("transport") or "") == transport
        assert message.defects == ()
