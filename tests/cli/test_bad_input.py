# SPDX-License-Identifier: GPL-2.0-only
"""Bad input of every kind: a message that says where, a report of what could be read, the right exit code."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import ALICE, BOB, KEY_A, KEY_B, call, message, outcomes_of, pcapng, run, sdes_call, sdp

from analyzer.capture.frames import build_udp_frame
from tests.keying.mikey_vectors import V1

ROOT = Path(__file__).resolve().parents[2]


def analyze(path: Path, *more: str | Path) -> tuple[int, dict[str, Any]]:
    done = run("analyze", path, "--json", "-", *more)
    return done.returncode, json.loads(done.stdout)


def saved(folder: Path, data: bytes, name: str = "x.pcap") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def told_to_people(path: Path) -> str:
    """What the terminal says; the HTML report must name the same places."""
    page = path.with_suffix(".html")
    shown = run("analyze", path).stdout.decode()
    places = [line.strip(" !").partition(", ")[2] for line in shown.splitlines() if line.startswith("  !")]
    run("analyze", path, "--html", page)
    html = page.read_text(encoding="utf-8").replace(", not readable:", ":")
    assert all(place.partition(": ")[2][:40] in html for place in places)
    return shown


@pytest.mark.parametrize("data", [b"", b"Dear auditor,\nthis is no capture.\n", b"\xd4\xc3\xb2\xa1", bytes(5000)])
def test_what_is_no_capture(tmp_path: Path, data: bytes) -> None:
    path = saved(tmp_path, data)
    code, document = analyze(path)
    assert code == 3
    (capture,) = document["captures"]
    assert (capture["readable"], capture["packets"]) == (False, 0)
    assert [defect["code"] for defect in capture["defects"]] == ["capture-unreadable"]
    done = run("analyze", path)
    assert done.returncode == 3
    assert b"x.pcap" in done.stdout


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    done = run("analyze", tmp_path / "absent.pcap")
    assert done.returncode == 3
    assert b"absent.pcap" in done.stdout


def test_an_unreadable_file_beside_a_good_one(tmp_path: Path) -> None:
    good, bad = saved(tmp_path, pcapng(sdes_call()), "good.pcapng"), saved(tmp_path, b"text", "bad.pcap")
    code, document = analyze(good, bad)
    assert code == 5  # the key that crossed the network in clear
    assert [capture["readable"] for capture in document["captures"]] == [True, False]
    assert len(document["calls"]) == 1


@pytest.mark.parametrize("kind", ["pcap", "pcapng"])
def test_a_capture_cut_in_mid_record(tmp_path: Path, kind: str) -> None:
    packets = sdes_call()
    if kind == "pcapng":
        data = pcapng(packets)
    else:
        frames = [build_udp_frame(*packet) for packet in packets]
        records = [struct.pack("<IIII", 1, n, len(f), len(f)) + f for n, f in enumerate(frames)]
        data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + b"".join(records)
    code, document = analyze(saved(tmp_path, data[:-20], f"cut.{kind}"))
    assert code == 5
    (capture,) = document["captures"]
    assert capture["packets"] == 4
    (defect,) = capture["defects"]
    assert defect["code"] == "truncated-record"
    assert defect["offset"] > 0
    (found,) = document["calls"]
    assert len(found["messages"]) == 4
    assert found["media"][0]["chosen"]["key_agreement"] == "SDES"


def test_a_sip_header_without_end(tmp_path: Path) -> None:
    endless = b"INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1\r\nSubject: " + b"x" * 3000
    code, document = analyze(saved(tmp_path, pcapng([(ALICE, BOB, endless), *sdes_call()])))
    assert code == 5
    assert [len(each["messages"]) for each in document["calls"] if each["call_id"] == "call-1@192.0.2.1"] == [5]
    alone, document = analyze(saved(tmp_path, pcapng([(ALICE, BOB, endless)]), "alone.pcap"))
    assert alone in (3, 4)
    end = len(endless)
    assert f"frame 1: SIP message: header section without end at octet {end}" in told_to_people(tmp_path / "alone.pcap")


def test_base64_that_is_none(tmp_path: Path) -> None:
    offer = sdp("192.0.2.1", 4000, "key-mgmt:mikey %%%not-base64%%%", "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:%%%")
    answer = sdp("192.0.2.2", 6000, f"crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_B}")
    path = saved(tmp_path, pcapng(call(offer, answer)))
    code, document = analyze(path)
    assert code == 5
    shown = told_to_people(path)
    assert "call 1, frame 1: MIKEY message: not base64 at octet 6 (RFC 4567 §3.1)" in shown
    assert "call 1, frame 1: crypto line: key unreadable at octet" in shown
    (media,) = document["calls"][0]["media"]
    defects = [defect["code"] for defect in media["keying"]["defects"]]
    defects += [defect["code"] for each in media["keying"]["mikey"] for defect in each["defects"]]
    assert "sdes-key-length" in defects
    assert [code for code in defects if "base64" in code]
    assert outcomes_of(document)["SDE-006"] == "pass"  # tag and suite were offered, however broken the key


def test_a_mikey_length_past_the_end(tmp_path: Path) -> None:
    import base64

    octets = bytes.fromhex(V1["I"])
    for number, broken in enumerate((octets[:-30], octets[:-1], octets[:60])):
        offer = sdp("192.0.2.1", 4000, f"key-mgmt:mikey {base64.b64encode(broken).decode()}")
        path = saved(tmp_path, pcapng(call(offer, sdp("192.0.2.2", 6000))), f"{number}.pcap")
        code, document = analyze(path)
        assert code in (4, 5)
        (mikey,) = document["calls"][0]["media"][0]["keying"]["mikey"]
        assert "payload-truncated" in [defect["code"] for defect in mikey["defects"]]
        assert all(defect["offset"] <= len(broken) for defect in mikey["defects"])
        assert mikey["verified"] is None
        assert "call 1, frame 1: MIKEY message: payload truncated at octet" in told_to_people(path)
        assert document["calls"][0]["media"][0]["verdict"] != "conform"


BAD_KEY_FILES = [
    ('[[psk]]\nkei = "text:secret"\n', "keys.toml:2", "'key'"),
    ('\n\n[[pks]]\nkey = "text:secret"\n', "keys.toml:3", "'psk'"),
    ('[[psk]]\nkey = "0g"\n', "keys.toml:2", "hex"),
    ('[[psk]]\nkey = "base64:***"\n', "keys.toml:2", "base64"),
    ('[[psk]]\nkey = "text:secret\n', "keys.toml", "line 2"),
    (
        '[[srtp]]\nsuite = "AES_CM_128_HMAC_SHA1_81"\nkey = "00"\nsalt = "00"\n',
        "keys.toml:2",
        "AES_CM_128_HMAC_SHA1_80",
    ),
]


@pytest.mark.parametrize(("text", "place", "hint"), BAD_KEY_FILES)
def test_a_key_file_with_a_mistake(tmp_path: Path, text: str, place: str, hint: str) -> None:
    path = saved(tmp_path, pcapng(sdes_call()))
    keys = saved(tmp_path, text.encode(), "keys.toml")
    for command in (("analyze", path), ("decrypt", path, "-o", tmp_path / "out")):
        done = run(*command, "--keys", keys)
        assert done.returncode == 2
        assert place.encode() in done.stderr
        assert hint.encode() in done.stderr
        assert b"secret" not in done.stderr + done.stdout


def test_a_key_file_that_is_not_there(tmp_path: Path) -> None:
    done = run("analyze", saved(tmp_path, pcapng(sdes_call())), "--keys", tmp_path / "none.toml")
    assert done.returncode == 2
    assert b"none.toml" in done.stderr


def test_names_in_messages_steer_no_terminal(tmp_path: Path) -> None:
    name = "x\x1b[31m\u202e\x9b.toml"
    capture = saved(tmp_path, pcapng(sdes_call()))
    keys = saved(tmp_path, b"\xff", name)
    shut = saved(tmp_path, pcapng(call(sdp("192.0.2.1", 4000), sdp("192.0.2.2", 6000), [])))
    for words in (
        ("analyze", capture, "--keys", keys), ("analyze", capture, "--policy", keys), ("analyze", keys),
        ("decrypt", shut, "-o", tmp_path / name.removesuffix(".toml")), ("policy", "check", keys),
    ):  # fmt: skip
        said = run(*words).stderr.decode()
        assert not set(said) & {"\x1b", "\u202e", "\x9b"}, words


def test_the_pre_shared_key_of_another_call(tmp_path: Path) -> None:
    import base64

    encoded = base64.b64encode(bytes.fromhex(V1["I"])).decode()
    answer = base64.b64encode(bytes.fromhex(V1["R"])).decode()
    packets = call(
        sdp("192.0.2.1", 4000, f"key-mgmt:mikey {encoded}"), sdp("192.0.2.2", 6000, f"key-mgmt:mikey {answer}")
    )
    path = saved(tmp_path, pcapng(packets))
    keys = saved(tmp_path, b'[[psk]]\nkey = "text:of another call"\nid = "carol@example.com"\n', "keys.toml")
    code, document = analyze(path, "--keys", keys)
    keying = document["calls"][0]["media"][0]["keying"]
    assert (code, keying["verified"], keying["how"]) == (5, None, "no key in the ring fits")  # KMG-002 fails
    bound = saved(tmp_path, b'[[psk]]\nkey = "text:wrong"\nid = "alice@example.com"\n', "bound.toml")
    code, document = analyze(path, "--keys", bound)
    media = document["calls"][0]["media"][0]
    assert (code, media["keying"]["verified"], media["verdict"]) == (5, False, "inconclusive")
    assert outcomes_of(document)["MKY-025"] == "fail"


def test_hostile_calls_end_no_audit_of_the_others(tmp_path: Path) -> None:
    hostile = [
        (ALICE, BOB, message("INVITE sip:bob@example.com SIP/2.0", "1 INVITE", body, call_id=f"bad-{number}"))
        for number, body in enumerate(
            (
                b"\x00" * 100,
                b"v=0\r\nm=\r\na=crypto\r\n",
                b"v=0\r\nm=audio 99999999999999999999 RTP/SAVP 0\r\na=crypto:1 X inline:" + KEY_A.encode(),
                b"m=audio 1 RTP/SAVP 0\r\na=key-mgmt:mikey \r\na=acap:1 key-mgmt:mikey AA==\r\n" * 50,
                bytes(range(256)) * 8,
            )
        )
    ]
    code, document = analyze(saved(tmp_path, pcapng([*hostile, *sdes_call()])))
    assert code == 5
    assert "call-1@192.0.2.1" in [each["call_id"] for each in document["calls"]]
    assert document["summary"]["outcomes"]["error"] == 0


@pytest.mark.parametrize("words", [["analyze", "pcaps/table_4.pcapng"], ["negotiate"]])
def test_a_reader_that_goes_away_is_no_crash(words: list[str]) -> None:
    command = [sys.executable, "-c", "import sys; from analyzer.cli import program; program()", *words]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (4, "")
