# SPDX-License-Identifier: GPL-2.0-only
"""Exit codes, options and outputs of the commands, each in a process of its own."""

import base64
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import A_RTP, ALICE, B_RTP, BOB, KEY_A, KEY_B, call, message, pcapng, run, sdes_call, sdp, shows

from dissectors.grammar.mikey import Kemac, parse_key_data_payloads, parse_mikey
from pcaps.keying import PskExchange
from tests.keying.mikey_vectors import V1


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "call.pcapng"
    path.write_bytes(pcapng(sdes_call()))
    return path


def test_usage_errors(capture: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(tmp_path / "elsewhere.json")
    (tmp_path / "empty").mkdir()
    wrong = [
        (("analyze",), b"CAPTURE"),
        (("analyse", capture), b"analyse"),
        (("analyze", capture, "--polisy", "x"), b"--policy"),
        (("analyze", capture, "--policy", "no-such"), b"no-such"),
        (("analyze", capture, "--json", tmp_path / "no" / "x.json"), b"folder"),
        (("analyze", capture, "--json", link), b"symbolic link"),
        (("analyze", capture, "--html", tmp_path), b"directory"),
        (("analyze", capture, "--json", "-", "--html", "-"), b"standard output"),
        (("analyze", "-", "-"), b"standard input"),
        (("analyze", capture, "--fail-on", "dire"), b"dire"),
        (("analyze", capture, "--inventory", tmp_path / "no.toml"), b"no.toml"),
        (("analyze", tmp_path / "empty"), b"no capture in this directory"),
        (("explain", "SRT-0O1"), b"SRT-001"),
        (("policy", "show", "no-such"), b"no-such"),
        (("policy", "check", tmp_path / "no.toml"), b"no.toml"),
        (("decrypt", capture), b"--output"),
        (("decrypt", capture, "-o", capture), b"call.pcapng"),
    ]
    for arguments, hint in wrong:
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (2, b""), arguments
        assert hint in done.stderr, (arguments, done.stderr)
    assert not (tmp_path / "elsewhere.json").exists()


@pytest.mark.parametrize(("level", "code"), [("info", 5), ("medium", 5), ("high", 5), ("critical", 0)])
def test_the_level_that_shows_in_the_exit_code(tmp_path: Path, level: str, code: int) -> None:
    plain = call(sdp("192.0.2.1", 4000, proto="RTP/AVP"), sdp("192.0.2.2", 6000, proto="RTP/AVP"))
    (tmp_path / "x.pcapng").write_bytes(pcapng(plain))
    done = run("analyze", tmp_path / "x.pcapng", "--fail-on", level, "--json", "-")
    document = json.loads(done.stdout)
    failed = {o["severity"] for each in document["calls"] for o in each["outcomes"] if o["outcome"] == "fail"}
    assert failed == {"high"}
    assert done.returncode == code


def test_nothing_to_judge(tmp_path: Path) -> None:
    path = tmp_path / "register.pcapng"
    path.write_bytes(pcapng([(ALICE, BOB, message("REGISTER sip:example.com SIP/2.0", "1 REGISTER", to_tag=""))]))
    done = run("analyze", path, "--json", "-")
    document = json.loads(done.stdout)
    assert (done.returncode, document["calls"], len(document["messages"])) == (3, [], 1)


def test_nothing_to_complain_about(tmp_path: Path) -> None:
    refused = [
        (ALICE, BOB, message("INVITE sip:bob@example.com SIP/2.0", "1 INVITE", sdp("192.0.2.1", 4000), to_tag="")),
        (BOB, ALICE, message("SIP/2.0 488 Not Acceptable Here", "1 INVITE")),
        (ALICE, BOB, message("ACK sip:bob@example.com SIP/2.0", "1 ACK")),
    ]
    path = tmp_path / "refused.pcapng"
    path.write_bytes(pcapng(refused))
    done = run("analyze", path, "--json", "-")
    assert [media["verdict"] for media in json.loads(done.stdout)["calls"][0]["media"]] == ["no-media"]
    assert done.returncode == 0


def test_standard_input_and_directories(capture: Path, tmp_path: Path) -> None:
    from_file = json.loads(run("analyze", capture, "--json", "-").stdout)
    done = run("analyze", "-", "--json", "-", stdin=capture.read_bytes())
    from_pipe = json.loads(done.stdout)
    assert from_pipe["calls"] == from_file["calls"]
    assert from_pipe["captures"][0]["packets"] == from_file["captures"][0]["packets"]
    (tmp_path / "many").mkdir()
    for name in ("b.pcapng", "a.pcapng", "notes.txt"):
        (tmp_path / "many" / name).write_bytes(capture.read_bytes())
    both = json.loads(run("analyze", tmp_path / "many", "--json", "-").stdout)
    assert [Path(each["path"]).name for each in both["captures"]] == ["a.pcapng", "b.pcapng"]


def test_an_empty_pipe() -> None:
    assert run("analyze", "-").returncode == 3


def test_quiet_prints_nothing(capture: Path) -> None:
    done = run("analyze", "--quiet", capture)
    assert (done.returncode, done.stdout, done.stderr) == (5, b"", b"")


def test_the_summary_and_its_colours(capture: Path) -> None:
    plain = run("analyze", capture)
    assert b"\x1b" not in plain.stdout  # no terminal
    assert b"SIG-002" in plain.stdout
    assert run("analyze", "--no-color", capture).stdout == plain.stdout
    assert run("analyze", capture, NO_COLOR="1").stdout == plain.stdout
    longer = run("analyze", "--verbose", capture)
    assert len(longer.stdout) > len(plain.stdout)


def on_a_terminal(*arguments: str | Path, **environment: str) -> bytes:
    """What a command prints when its output is a terminal."""
    import pty

    master, slave = pty.openpty()
    command = [sys.executable, "-m", "analyzer", *map(str, arguments)]
    settings = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "TERM")}
    process = subprocess.Popen(
        command, stdout=slave, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
        env={**settings, "TERM": "xterm-256color", "COLUMNS": "100", **environment},
    )  # fmt: skip
    os.close(slave)
    output = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        output += piece
    os.close(master)
    process.wait(timeout=30)
    return output


def test_colours_on_a_terminal_unless_refused(capture: Path) -> None:
    assert b"\x1b[" in on_a_terminal("analyze", capture)
    for refused in (on_a_terminal("analyze", "--no-color", capture), on_a_terminal("analyze", capture, NO_COLOR="1")):
        assert b"\x1b[3" not in refused
        assert b"SIG-002" in refused
    assert b"\x1b" not in on_a_terminal("analyze", capture, TERM="dumb")


def test_a_page_is_as_wide_as_its_terminal_or_as_columns_says(capture: Path) -> None:
    for columns, width in (("60", 60), ("", 80), ("0", 80), ("many", 80), ("140", 140)):
        lines = on_a_terminal("analyze", "--no-color", capture, COLUMNS=columns).decode().splitlines()
        assert width - 20 <= max(map(len, lines)) <= width, columns


def test_outputs_belong_to_their_owner_alone(capture: Path, tmp_path: Path) -> None:
    targets = [tmp_path / "x.json", tmp_path / "x.html"]
    targets[0].write_text("old")
    targets[0].chmod(0o644)
    before = os.umask(0)
    try:
        done = run("analyze", capture, "--json", targets[0], "--html", targets[1])
    finally:
        os.umask(before)
    assert (done.returncode, done.stdout) == (5, b"")
    assert [stat.S_IMODE(path.stat().st_mode) for path in targets] == [0o600, 0o600]
    assert json.loads(targets[0].read_text())["schema"] == "srtp-audit/report/1"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["call.pcapng", "x.html", "x.json"]


def test_outputs_are_written_when_nothing_could_be_judged(tmp_path: Path) -> None:
    (tmp_path / "bad.pcap").write_bytes(b"text")
    assert run("analyze", tmp_path / "bad.pcap", "--json", tmp_path / "x.json").returncode == 3
    assert json.loads((tmp_path / "x.json").read_text())["calls"] == []


def test_the_same_input_gives_the_same_octets(capture: Path) -> None:
    assert run("analyze", capture, "--json", "-").stdout == run("analyze", capture, "--json", "-").stdout
    assert run("analyze", capture, "--html", "-").stdout == run("analyze", capture, "--html", "-").stdout


def test_no_output_shows_a_key(tmp_path: Path) -> None:
    psk = b"pre-shared octets 7d1"
    encoded = base64.b64encode(bytes.fromhex(V1["I"])).decode()
    line = f"crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_A}"
    offer = sdp("192.0.2.1", 4000, line, f"key-mgmt:mikey {encoded}", f"acap:1 {line}", f"X-{line}")
    odd = sdp("192.0.2.1", 4000, f"crypto:2 NO_SUCH_SUITE inline:{KEY_A}", f"crypto:x inline:{KEY_A}")
    answer = sdp("192.0.2.2", 6000, f"crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_B}")
    extra = (ALICE, BOB, message("INVITE sip:bob@example.com SIP/2.0", "1 INVITE", odd, "call-2", ""))
    (tmp_path / "x.pcapng").write_bytes(pcapng([*call(offer, answer), extra]))
    (tmp_path / "keys.toml").write_text(f'[[psk]]\nkey = "{psk.hex()}"\nid = "alice@example.com"\n')
    secrets = [psk, base64.b64decode(KEY_A), base64.b64decode(KEY_B)]
    secrets += [each[:16] for each in secrets[1:]]
    for options in (("--json", "-"), ("--html", "-"), ("--verbose",), ()):
        done = run("analyze", tmp_path / "x.pcapng", "--keys", tmp_path / "keys.toml", *options)
        assert done.returncode == 5
        for secret in secrets:
            assert shows(done.stdout + done.stderr, secret) == [], options
    done = run("decrypt", tmp_path / "x.pcapng", "--keys", tmp_path / "keys.toml", "-o", tmp_path / "out")
    for path in (tmp_path / "out").iterdir():
        for secret in secrets:
            assert shows(path.read_bytes() + done.stdout + done.stderr, secret) == [], path.name


def test_a_text_from_the_network_steers_no_terminal(tmp_path: Path) -> None:
    evil = "call\x1b]0;owned\x07\x1b[2J\u202e"
    packets = [(ALICE, BOB, message("INVITE sip:bob@example.com SIP/2.0", "1 INVITE", sdp("192.0.2.1", 1), evil, ""))]
    (tmp_path / "x.pcapng").write_bytes(pcapng(packets))
    for options in ((), ("--verbose",), ("--json", "-")):
        done = run("analyze", tmp_path / "x.pcapng", *options)
        assert b"\x1b" not in done.stdout
        assert "\u202e" not in done.stdout.decode()


def test_show_knows_mikey_on_its_own_port_and_masks_its_keys(tmp_path: Path) -> None:
    octets = PskExchange("show").offer(encrypt=False)
    kemac = parse_mikey(octets).find(Kemac)
    assert kemac is not None
    path = tmp_path / "raw.pcapng"
    path.write_bytes(pcapng([("192.0.2.1:2269", "192.0.2.2:2269", octets)]))
    shown = run("show", path, "--frame", "1")
    assert shown.returncode == 0
    assert b"MIKEY KEMAC" in shown.stdout
    (key,) = parse_key_data_payloads(kemac.data.reveal()).keys
    assert key.key.reveal().hex().encode() not in shown.stdout.lower()
    assert b"0000  01 00" not in shown.stdout  # a dump would spell the key out


def test_explain_and_policy() -> None:
    done = run("explain", "srt-001")
    assert done.returncode == 0
    assert b"SRT-001" in done.stdout
    assert b"RFC" in done.stdout
    listed = run("policy", "list")
    assert b"ietf-baseline" in listed.stdout
    for line in listed.stdout.decode().splitlines():
        shown = run("policy", "show", line.partition("@")[0])
        assert shown.returncode == 0
        assert b"sha256" in shown.stdout


def test_version_and_help_cost_little() -> None:
    heavy = ["scapy", "numpy", "numba", "jinja2", "cryptography", "pyshark"]
    for arguments in (["--version"], ["--help"], ["-h"]):
        code = (
            "import sys\nfrom analyzer.cli import main\n"
            f"try:\n    main({arguments!r})\nexcept SystemExit as end:\n    assert end.code == 0, end.code\n"
            f"print('loaded', [name for name in {heavy!r} if name in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "loaded []"
    shown = run("--version").stdout.decode()
    assert shown.startswith("srtp-audit, version ")
    assert b"analyze" in run("--help").stdout


def test_a_reader_that_goes_away(capture: Path) -> None:
    command = (
        f"{sys.executable} -m analyzer analyze {capture} --json - | head -c 10 >/dev/null; echo ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert "Traceback" not in done.stderr
    assert done.stdout.strip() in ("4", "5")


def test_wrong_media_is_reported(tmp_path: Path) -> None:
    import struct

    speech = bytes((0xD5 + 7 * n) & 0xFF for n in range(160))
    media = [
        (A_RTP, B_RTP, struct.pack(">BBHII", 0x80, 0, n, 160 * n, 0x1234) + speech[n % 7 :] + speech[: n % 7])
        for n in range(100)
    ]
    (tmp_path / "x.pcapng").write_bytes(pcapng(sdes_call(media=media)))
    done = run("analyze", tmp_path / "x.pcapng", "--json", "-")
    line = json.loads(done.stdout)["calls"][0]["media"][0]
    assert (done.returncode, line["verdict"]) == (
        5,
        "mismatch" if line["reasons"][0] != "clear-media" else "unprotected",
    )
    assert line["streams"][0]["wire"] == "contradicting"
