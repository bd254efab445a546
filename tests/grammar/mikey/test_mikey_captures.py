# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY messages by other people's software: our reading against GStreamer's, tshark's and the sources' own."""

import base64
import binascii
import contextlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dissectors.grammar.errors import Truncated
from dissectors.grammar.mikey import (
    GeneralExtension,
    IdentityWithRole,
    Kemac,
    KeyData,
    MikeyMessage,
    Opaque,
    Pke,
    Rand,
    Sakke,
    SecurityPolicy,
    Sign,
    SrtpIdEntry,
    Timestamp,
    Verification,
    build_mikey,
    parse_key_data_payloads,
    parse_mikey,
    payload_name,
)
from dissectors.grammar.mikey.policy import srtp_policy

pytestmark = pytest.mark.captures

# GStreamer 1.22 wrote `C || length` for `C << 14 | length`, so the wire says 1 octet where it put in 128 and more.
GSTREAMER_PKE_LENGTH_ON_THE_WIRE = 1
# GStreamer knows no tag length but the one it looks for in "Session Auth. key length" (type 3).
GSTREAMER_IGNORES_TAG_LENGTH = {"alg_30"}
# GStreamer reads SRTP's AES-F8 (2) as AES-CM, because it looks the number up in KEMAC's table.
GSTREAMER_READS_F8_AS_CM = {"alg_26"}
# tshark 4.0.17 stops after the first key of a KEMAC.
TSHARK_SHOWS_KEYS_PER_KEMAC = 1
# tshark 4.0.17 says nothing about KEMACs of the public-key modes.
TSHARK_SHOWS_NO_KEYS = ("pk_",)


def cases(captures: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (captures / "mikey" / f"{name}.jsonl").read_text().splitlines()]


def wild(captures: Path) -> list[tuple[dict[str, Any], bytes]]:
    """What is base64 at all, decoded; the rest belongs to the tests of the attribute that carries it."""
    decoded = []
    for case in cases(captures, "in_the_wild"):
        with contextlib.suppress(binascii.Error):
            decoded.append((case, base64.b64decode(case["b64"], validate=True)))
    return decoded


def gstreamer(captures: Path) -> list[tuple[dict[str, Any], MikeyMessage]]:
    return [(case, parse_mikey(base64.b64decode(case["base64"]))) for case in cases(captures, "gstreamer")]


def key_data(kemac: Kemac) -> tuple[KeyData, ...]:
    return parse_key_data_payloads(kemac.data.reveal()).keys


def as_gstreamer_reads(payload: object) -> dict[str, Any]:
    """A payload with the field names of the collection."""
    if isinstance(payload, Timestamp):
        return {"type": 5, "name": "T", "ts_type": payload.timestamp_type, "ts_value": payload.value.hex()}
    if isinstance(payload, Rand):
        return {"type": 11, "name": "RAND", "len": len(payload.data), "rand": payload.data.hex()}
    if isinstance(payload, SecurityPolicy):
        parameters = [{"type": kind, "len": len(value), "val": value.hex()} for kind, value in payload.parameters]
        numbers = {"policy": payload.policy_number, "proto": payload.protocol_type}
        return {"type": 10, "name": "SP", **numbers, "params": parameters}
    assert isinstance(payload, Kemac), payload
    algorithms = {"enc_alg": payload.encryption_algorithm, "mac_alg": payload.mac_algorithm}
    return {"type": 1, "name": "KEMAC", **algorithms, "sub": [as_key(key) for key in key_data(payload)]}


def as_key(key: KeyData) -> dict[str, Any]:
    """GStreamer keeps the salt apart from the type, so TEK+SALT (3) is its TEK (2) with a salt."""
    salt = b"" if key.salt is None else key.salt.reveal()
    validity = key.validity
    first = validity.spi if validity.kind == 1 else validity.valid_from
    return {
        "type": 20,
        "name": "KEY_DATA",
        "key_type": key.key_type - (key.salt is not None),
        "key_len": len(key.key),
        "key": key.key.reveal().hex(),
        "salt_len": len(salt),
        "salt": salt.hex(),
        "kv_type": validity.kind,
        "kv": [first.hex(), validity.valid_to.hex()],
    }


def test_headers_and_maps_are_read_as_gstreamer_reads_them(captures: Path) -> None:
    for case, message in gstreamer(captures):
        header = message.header
        read = (header.version, header.data_type, header.v, header.prf_function, header.csb_id, header.cs_id_map_type)
        expected = tuple(case[name] for name in ("version", "msg_type", "V", "prf", "csb_id", "map_type"))
        assert read == expected, case["id"]
        sessions = [session for session in header.crypto_sessions if isinstance(session, SrtpIdEntry)]
        entries = [{"policy": entry.policy_number, "ssrc": entry.ssrc, "roc": entry.roc} for entry in sessions]
        assert entries == case["cs"], case["id"]
        assert [entry.cs_id for entry in sessions] == list(range(1, len(case["cs"]) + 1))


def test_payloads_are_read_as_gstreamer_reads_them(captures: Path) -> None:
    for case, message in gstreamer(captures):
        payloads = [payload for payload in message.payloads if not isinstance(payload, Pke)]
        expected = [payload for payload in case["payloads"] if payload["name"] != "PKE"]
        assert [as_gstreamer_reads(payload) for payload in payloads] == expected, case["id"]


def test_gstreamers_wrong_pke_length_leaves_a_defect(captures: Path) -> None:
    found = 0
    for case, message in gstreamer(captures):
        for payload in case["payloads"]:
            if payload["name"] == "PKE":
                found += 1
                pke = message.find(Pke)
                assert pke is not None
                assert len(pke.data) == GSTREAMER_PKE_LENGTH_ON_THE_WIRE
                assert (pke.data + message.trailing).hex() == payload["data"]
                assert [defect.code for defect in message.defects] == ["trailing-octets"]
    assert found == 3


def test_fields_agree_with_tsharks(captures: Path) -> None:
    for case, message in gstreamer(captures):
        seen = case["tshark_4.0.17"]
        header = message.header
        assert (str(header.version), str(header.data_type)) == (seen["version"], seen["type"]), case["id"]
        assert (f"0x{header.csb_id:08x}", str(header.cs_count)) == (seen["csb_id"], seen["cs_count"]), case["id"]
        policies = [str(policy.policy_number) for policy in message.find_all(SecurityPolicy)]
        assert policies == [number for number in seen["sp_no"].split(",") if number], case["id"]
        if not case["id"].startswith(TSHARK_SHOWS_NO_KEYS):
            firsts = [key_data(kemac)[:TSHARK_SHOWS_KEYS_PER_KEMAC] for kemac in message.find_all(Kemac)]
            keys = [key.key.reveal().hex() for keys in firsts for key in keys]
            assert keys == [key for key in seen["key_data"].split(",") if key], case["id"]


def test_policies_amount_to_what_gstreamer_makes_of_them(captures: Path) -> None:
    ciphers = {
        "aes-128-icm": "AES_CM_128",
        "aes-256-icm": "AES_256_CM",
        "null": "NULL",
        "aes-256-gcm": "AEAD_AES_256_GCM",
    }
    tags = {"hmac-sha1-80": "_HMAC_SHA1_80", "hmac-sha1-32": "_HMAC_SHA1_32", "null": ""}
    compared = 0
    for case, message in gstreamer(captures):
        policy = message.find(SecurityPolicy)
        if policy is None or not case.get("gst_caps"):
            continue
        caps = dict(part.split("=(string)") for part in case["gst_caps"].split(", ") if "=(string)" in part)
        theirs = ciphers[caps["srtp-cipher"]] + tags[caps["srtp-auth"]]
        if case["id"] in GSTREAMER_IGNORES_TAG_LENGTH:
            theirs = theirs.replace("_80", "_32")
        if case["id"] in GSTREAMER_READS_F8_AS_CM:
            theirs = theirs.replace("AES_CM_128", "F8_128")
        assert srtp_policy(policy).suite == theirs, case["id"]
        compared += 1
    assert compared >= 6


def test_everything_is_rebuilt_octet_for_octet(captures: Path) -> None:
    for case, message in gstreamer(captures):
        assert build_mikey(message) == base64.b64decode(case["base64"]), case["id"]
    rebuilt = 0
    for case, data in wild(captures):
        if len(data) >= 10:
            assert build_mikey(parse_mikey(data)) == data, case["source"]
            rebuilt += 1
    assert rebuilt >= 30


def test_messages_from_the_wild_have_the_headers_their_sources_say(captures: Path) -> None:
    for case, data in wild(captures):
        if "csb_id" not in case:
            continue
        header = parse_mikey(data).header
        read = (header.version, header.data_type, int(header.v), header.cs_count, header.cs_id_map_type)
        expected = (case["version"], int(case["data_type"].split()[0]), case["v"], case["n_cs"], case["cs_id_map"])
        assert read == expected, case["source"]
        assert (f"{header.csb_id:08x}", header.next_payload) == (case["csb_id"], case["next_payload"])


def test_too_little_for_a_header_is_refused(captures: Path) -> None:
    refused = 0
    for _, data in wild(captures):
        if len(data) < 10:
            with pytest.raises(Truncated):
                parse_mikey(data)
            refused += 1
    assert refused >= 3


def test_keys_ssrcs_and_mkis_are_those_the_sources_state(captures: Path) -> None:
    stated = 0
    for case, data in wild(captures):
        expected = case.get("expect", {})
        if "key_salt" not in expected:
            continue
        stated += 1
        message = parse_mikey(data)
        kemac = message.find(Kemac)
        assert kemac is not None
        keys = key_data(kemac)
        assert keys[0].key.reveal().hex() == expected["key_salt"]
        assert keys[0].validity.spi.hex() == expected.get("mki", "")
        session = message.header.crypto_sessions[0]
        assert (f"{session.ssrc:08x}", session.roc) == (expected["ssrc"], expected["roc"])
        if "rand" in expected:
            rand = message.find(Rand)
            assert rand is not None
            assert rand.data.hex() == expected["rand"]
    assert stated == 2


def test_every_payload_of_a_sakke_message_is_read(captures: Path) -> None:
    read = 0
    for case, data in wild(captures):
        if case.get("data_type") != "26 SAKKE":
            continue
        read += 1
        message = parse_mikey(data)
        # Two of the senders put a policy beside an empty map, which RFC 4563 §5 forbids.
        assert {defect.code for defect in message.defects} <= {"policy-with-empty-map"}
        sakke, sign = message.find(Sakke), message.find(Sign)
        assert sakke is not None
        assert sign is not None
        assert (len(sakke.data), sign.signature_type, len(sign.signature)) == (273, 2, 129)
        assert len(message.find_all(IdentityWithRole)) == 4
        key_id = case.get("expect", {}).get("GMK-ID") or case.get("expect", {}).get("PCK-ID")
        if message.header.crypto_sessions:
            assert key_id is None or key_id in bytes(message.header.build()).hex()
    assert read == 8


def test_hostile_messages_keep_what_could_not_be_read(captures: Path) -> None:
    broken = 0
    for case, data in wild(captures):
        if "fuzz" not in case["note"] or len(data) < 10:
            continue
        message = parse_mikey(data)
        assert message.defects, payload_name(message.header.next_payload)
        broken += bool(message.find(Opaque) or message.header.map_info)
    assert broken >= 10


def test_a_camera_that_pads_with_a_zero_is_read_whole(captures: Path) -> None:
    padded = [data for case, data in wild(captures) if "Extra padding" in case["source"]]
    for data in padded:
        message = parse_mikey(data)
        assert message.trailing == b"\0"
        assert [defect.code for defect in message.defects] == ["trailing-zeros"]
        assert message.find(Kemac) is not None
        assert message.find(GeneralExtension) is None
    assert padded


@pytest.mark.tool("tshark")
def test_the_minisip_call_is_read_as_tshark_reads_it_now(captures: Path) -> None:
    fields = [
        "type",
        "v.set",
        "csb_id",
        "cs_count",
        "srtp_id.ssrc",
        "rand.data",
        "kemac.mac",
        "v.ver_data",
        "sp.param.type",
    ]
    path = captures / "public" / "wireshark-wiki" / "SampleCaptures" / "mikey_psk.pcap"
    command = ["tshark", "-r", str(path), "-Y", "mikey", "-T", "fields", "-E", "occurrence=a"]
    for field in ("sdp.key_mgmt.data", *(f"mikey.{field}" for field in fields)):
        command += ["-e", field]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.split("\t") for line in output.splitlines()]
    assert len(rows) == 2
    for row in rows:
        assert our_row(bytes.fromhex(row[0])) == row[1:]


def our_row(data: bytes) -> list[str]:
    """Our reading in tshark's words."""
    message = parse_mikey(data)
    header = message.header
    rand, kemac, verification = message.find(Rand), message.find(Kemac), message.find(Verification)
    policy = message.find(SecurityPolicy)
    return [
        str(header.data_type),
        str(int(header.v)),
        f"0x{header.csb_id:08x}",
        str(header.cs_count),
        ",".join(f"0x{session.ssrc:08x}" for session in header.crypto_sessions),
        "" if rand is None else rand.data.hex(),
        "" if kemac is None else kemac.mac.hex(),
        "" if verification is None else verification.mac.hex(),
        "" if policy is None else ",".join(str(kind) for kind, _ in policy.parameters),
    ]
