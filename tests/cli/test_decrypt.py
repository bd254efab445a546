# SPDX-License-Identifier: GPL-2.0-only
"""`decrypt`: the clear copies, as Wireshark and a WAV reader see them, and the account of what opened."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
import wave
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analyzer import judging, loose_streams, shares
from analyzer.audio.decoders import decode_g711
from analyzer.cli import call_writer, main
from analyzer.cli.call_writer import safe_name
from analyzer.cli.clear_copy import ClearCopy, clear_signalling
from tests.captures.end_to_end import sidecar_of
from tests.captures.test_opened_media import libsrtp_keys
from tests.cli.command_line import ALICE, BOB, KEY_A, ROOT, message, pcapng, run
from tests.srtp.srtp_peers import read_datagrams

CALLS = ["udp_sdes_cm80_mand", "tcp_sdes_cm80_mand", "udp_sdes_cm32_mand"]


def decrypt(path: Path, folder: Path, *more: str | Path) -> tuple[int, dict[str, Any]]:
    done = run("decrypt", path, "-o", folder, *more)
    return done.returncode, json.loads((folder / "decrypt.json").read_text(encoding="utf-8"))


def tshark(path: Path, *arguments: str) -> str:
    return subprocess.run(
        ["tshark", "-n", "-r", str(path), *arguments], capture_output=True, text=True, check=True, timeout=60
    ).stdout


@pytest.mark.captures
@pytest.mark.tool("tshark")
@pytest.mark.parametrize("stem", CALLS)
def test_wireshark_plays_the_copy(captures: Path, tmp_path: Path, stem: str) -> None:
    source = captures / "peers" / "baresip" / f"{stem}.pcap"
    code, document = decrypt(source, tmp_path / "out")
    assert code == 0
    (call,) = document["calls"]
    copy = tmp_path / "out" / call["file"]
    rows = [
        line.split("\t")
        for line in tshark(copy, "-Y", "rtp", "-T", "fields", "-e", "rtp.p_type", "-e", "rtp.payload").splitlines()
    ]
    clear = {d.frame: d.payload for d in read_datagrams(source.with_name(f"{stem}.clear.pcap"))}
    spoken = [p for _, p in sorted(clear.items()) if len(p) == 172 and p[1] & 0x7F == 0]
    assert {row[0] for row in rows} == {"0"}
    assert Counter(row[1].replace(":", "") for row in rows) == Counter(p[12:].hex() for p in spoken)
    kinds = Counter(tshark(copy, "-T", "fields", "-e", "_ws.col.Protocol").splitlines())
    assert kinds["RTP"] == sidecar_of(f"peers/baresip/{stem}.pcap")["independent_python_check"]["rtp_ok"]
    assert not [kind for kind in kinds if "SRT" in kind]
    table = tshark(copy, "-q", "-z", "rtp,streams")
    found = {m[1]: int(m[2]) for m in re.finditer(r"(0x[0-9A-F]{8})\s+g711U\s+(\d+)", table)}
    assert found == {s["ssrc"].upper().replace("X", "x"): s["packets"] for s in call["streams"]}
    assert (
        "Decrypted copy"
        in tshark(copy, "-Y", "frame.number==1", "-V")
        + subprocess.run(["capinfos", "-k", str(copy)], capture_output=True, text=True, check=False).stdout
    )


@pytest.mark.captures
def test_counts_and_sound_of_a_real_call(captures: Path, tmp_path: Path) -> None:
    folder = captures / "peers" / "baresip"
    _, document = decrypt(folder / "udp_sdes_cm80_mand.pcap", tmp_path / "out")
    (call,) = document["calls"]
    assert "private" in document["warning"]
    check = sidecar_of("peers/baresip/udp_sdes_cm80_mand.pcap")["independent_python_check"]
    assert sum(s["decrypted"] for s in call["streams"]) == check["rtp_ok"]
    assert sum(s["rtcp"]["clear"] for s in call["streams"]) == len(check["plaintext_rtcp_frames"])
    for stream in call["streams"]:
        assert (stream["failed"], stream["not_tried"], stream["reason"]) == (0, 0, "")
        with wave.open(str(tmp_path / "out" / stream["wav"])) as sound:
            assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, 8000)
            assert abs(sound.getnframes() - stream["packets"] * 160) <= 800
    for path in (tmp_path / "out").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert [re.sub(r"^001-.*?(-offerer|-answerer|-stereo)?(\.\w+)$", r"001\1\2", name) for name in names] == [
        "001-answerer.wav", "001-offerer.wav", "001-stereo.wav", "001.pcapng", "decrypt.json",
    ]  # fmt: skip


@pytest.mark.captures
def test_no_key_stands_in_the_copies(captures: Path, tmp_path: Path) -> None:
    source = captures / "peers" / "baresip" / "udp_sdes_cm80_mand.pcap"
    decrypt(source, tmp_path / "out")
    keys = set(re.findall(rb"inline:([A-Za-z0-9+/]{40})", source.read_bytes()))
    assert len(keys) >= 2
    for path in (tmp_path / "out").iterdir():
        assert not [key for key in keys if key in path.read_bytes()]


@pytest.mark.captures
def test_given_keys_open_streams_of_no_call(captures: Path, tmp_path: Path) -> None:
    name = "peers/rtpengine/F8_128_HMAC_SHA1_80.pcap"
    lines = [f'[[srtp]]\ncrypto = "{line.strip()}"\n' for line in sidecar_of(name)["keys"].values()]
    (tmp_path / "keys.toml").write_text("".join(lines))
    code, document = decrypt(captures / name, tmp_path / "out", "--keys", tmp_path / "keys.toml")
    assert (code, document["calls"]) == (0, [])
    for stream in document["streams"]:
        assert stream["decrypted"] == stream["packets"] == 200
        assert (tmp_path / "out" / stream["file"]).is_file()
        assert (tmp_path / "out" / stream["wav"]).is_file()


@pytest.mark.captures
def test_what_stays_shut_leaves_no_copy_and_says_why(captures: Path, tmp_path: Path) -> None:
    code, document = decrypt(captures / "peers" / "linphone" / "zrtp.pcap", tmp_path / "out")
    assert code == 4
    (call,) = document["calls"]
    assert [(s["decrypted"], s["wav"]) for s in call["streams"]] == [(0, None)] * 2
    assert all("ZRTP" in s["reason"] for s in call["streams"])
    code, document = decrypt(captures / "peers" / "libsrtp" / "base_AES_CM_128_HMAC_SHA1_80.srtp.pcap", tmp_path / "no")
    assert (code, [s["file"] for s in document["streams"]]) == (4, [None] * 3)
    assert [path.name for path in (tmp_path / "no").iterdir()] == ["decrypt.json"]


@pytest.mark.captures
def test_a_clear_call_is_copied_as_it_was(captures: Path, tmp_path: Path) -> None:
    source = captures / "peers" / "baresip" / "udp_plain_pcmu.pcap"
    code, document = decrypt(source, tmp_path / "out")
    assert code == 0
    (call,) = document["calls"]
    assert [s["clear"] for s in call["streams"]] == [s["packets"] for s in call["streams"]]


def test_the_exit_code_and_the_warning(tmp_path: Path) -> None:
    sample = ROOT / "pcaps" / "baresip_sdes_call.pcapng"
    done = run("decrypt", sample, "-o", tmp_path / "deep" / "out")
    assert (done.returncode, b"private" in done.stderr) == (0, True)
    quiet = run("decrypt", sample, "-o", tmp_path / "deep" / "out", "--quiet")
    assert (quiet.stdout, quiet.stderr) == (b"", b"")
    (tmp_path / "bad.pcap").write_bytes(b"no capture")
    assert run("decrypt", tmp_path / "bad.pcap", "-o", tmp_path / "o").returncode == 3


def test_nothing_is_said_of_conversations_where_nothing_opened(tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    text = message("INVITE sip:bob@example.com SIP/2.0", "1 INVITE", call_id="\u202e\u009b1")
    path.write_bytes(pcapng([(ALICE, BOB, text)]))
    done = run("decrypt", path, "-o", tmp_path / "out")
    assert done.stderr.endswith(b"out holds the account alone: nothing was opened\n")
    account = (tmp_path / "out/decrypt.json").read_bytes()
    assert account.isascii()
    assert json.loads(account)["calls"][0]["call_id"].startswith("\u202e")


def test_files_that_are_no_captures_are_named_with_the_reason(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not a capture\n" * 20)
    done = run("decrypt", text, "--quiet", "-o", tmp_path / "out")
    assert (done.returncode, done.stdout) == (3, b"")
    assert f"srtp-audit: {text}: a text file, not a pcap or pcapng capture" in done.stderr.decode()
    (capture,) = json.loads((tmp_path / "out" / "decrypt.json").read_text(encoding="utf-8"))["captures"]
    assert (capture["readable"], "a text file" in capture["defects"][0]) == (False, True)


def test_names_of_files_are_safe() -> None:
    for call_id in ("../../etc/passwd", "a/b\\c", "\x00\x1b[2J", "....", "", "a" * 500, "ü@host", "-rf", "CON"):
        name = f"001-{safe_name(call_id)}.pcapng"
        assert re.fullmatch(r"001-[A-Za-z0-9._-]{1,48}\.pcapng", name)
        assert ".." not in name


def test_the_copied_description_is_clear_and_consistent() -> None:
    body = (
        b"v=0\r\nm=audio 4000 RTP/SAVPF 0\r\na=rtpmap:0 PCMU/8000\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"
        + KEY_A.encode() + b"\r\na=key-mgmt:mikey AAAA\r\na=fingerprint:sha-256 00\r\na=sendrecv\r\n"
    )  # fmt: skip
    head = b"INVITE sip:b SIP/2.0\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n" % len(body)
    clear = clear_signalling(head + body, len(head))
    left, rest = clear.split(b"\r\n\r\n", 1)
    assert rest == b"v=0\r\nm=audio 4000 RTP/AVPF 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n"
    assert f"Content-Length: {len(rest)}".encode() in left
    plain = head.replace(b"%d", b"") + b"v=0\r\nm=audio 1 RTP/AVP 0\r\n"
    assert clear_signalling(plain, len(head)) == plain


def key_log(captures: Path, name: str, folder: Path) -> list[str | Path]:
    log = captures / "peers" / f"{name}.keylog.txt"
    if not log.exists():
        return []
    (folder / "keys.toml").write_text(f'[[dtls]]\nkeylog = "{log}"\n')
    return ["--keys", folder / "keys.toml"]


def sound(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    with wave.open(str(path)) as file:
        return (
            np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels()).astype(np.int32)
        )


@pytest.mark.captures
@pytest.mark.parametrize(
    "name",
    [
        "baresip/udp_sdes_cm80_mand",
        "baresip/udp_sdes_gcm256_mand",
        "baresip/udp_plain_pcmu",
        "baresip/udp_dtls_srtp",
        "baresip/tls13_sdes_cm80_mand",
    ],
)
def test_what_is_heard_is_what_the_phones_recorded(captures: Path, tmp_path: Path, name: str) -> None:
    """A heard what B sent; the phones' own table gives ±2 for the codes of zero, and their files start together."""
    path = captures / "peers" / f"{name}.pcap"
    code, document = decrypt(path, tmp_path / "out", *key_log(captures, name, tmp_path))
    assert code == 0
    (call,) = document["calls"]
    stereo = sound(tmp_path / "out" / call["stereo"])
    for stream in call["streams"]:
        side, other = ("b", "a") if "offerer" in stream["wav"] else ("a", "b")
        ours = sound(tmp_path / "out" / stream["wav"])[:, 0]
        theirs = sound(path.with_name(f"{path.stem}.{side}.dec.wav"))[:, 0]
        wrong = sound(path.with_name(f"{path.stem}.{other}.dec.wav"))[:, 0]
        assert 0 <= len(ours) - len(theirs) <= 160
        count = len(theirs)
        assert np.abs(ours[:count] - theirs).max() <= 2
        count = min(count, len(wrong))
        assert np.abs(ours[:count] - wrong[:count]).max() > 1000
        column = stereo[:, 0 if side == "b" else 1]
        start = int(np.flatnonzero(column)[0]) - int(np.flatnonzero(ours)[0])
        assert 0 <= start < 800
        assert np.array_equal(column[start : start + len(ours)], ours)


@pytest.mark.captures
@pytest.mark.parametrize("stem", ["sdes_80", "sdes_256"])
def test_linphone_recorded_the_same(captures: Path, tmp_path: Path, stem: str) -> None:
    """The recorder started later and its jitter buffer moved once: nearly all of it is sample by sample the same."""
    path = captures / "peers" / "linphone" / f"{stem}.pcap"
    _, document = decrypt(path, tmp_path / "out")
    for stream in document["calls"][0]["streams"]:
        ours = sound(tmp_path / "out" / stream["wav"])[:, 0]
        side, delay = ("b", 738) if "offerer" in stream["wav"] else ("a", 258)
        theirs = sound(path.with_name(f"{stem}.{side}.rec.wav"))[delay:, 0]
        count = min(len(ours), len(theirs))
        assert (ours[:count] == theirs[:count]).mean() > 0.85


@pytest.mark.captures
def test_speech_goes_down_a_pipe(captures: Path, tmp_path: Path) -> None:
    source = captures / "peers" / "baresip" / "udp_sdes_cm80_mand.pcap"
    _, document = decrypt(source, tmp_path / "out")
    done = run("decrypt", source, "-o", "-")
    assert done.returncode == 0
    assert b"s16le, 8000 Hz, 2 channels" in done.stderr
    assert done.stdout == sound(tmp_path / "out" / document["calls"][0]["stereo"]).astype("<i2").tobytes()


@pytest.mark.captures
@pytest.mark.tool("tshark")
def test_packets_that_fail_say_so_in_a_comment(captures: Path, tmp_path: Path) -> None:
    name = "peers/libsrtp/tampered_AES_CM_128_HMAC_SHA1_80.srtp.pcap"
    (tmp_path / "keys.toml").write_text(libsrtp_keys(sidecar_of(name), bound=True))
    code, document = decrypt(captures / name, tmp_path / "out", "--keys", tmp_path / "keys.toml")
    assert code == 4
    for stream in document["streams"]:
        rows = tshark(
            tmp_path / "out" / stream["file"], "-Y", "frame.comment contains DECRYPTED", "-T", "fields",
            "-e", "frame.comment",
        ).splitlines()  # fmt: skip
        assert len(rows) == stream["shut"] == stream["failed"] > 0
        assert all(re.search(r"NOT DECRYPTED: (?:its tag does not verify|it is too short)", row) for row in rows)


def fork_for_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though pytest's workers have threads."""
    monkeypatch.setattr(shares, "can_fork", lambda: True)
    monkeypatch.setattr(judging, "COST_OF_FORKING", 0)
    monkeypatch.setattr(loose_streams, "PACKETS_WORTH_FORKING", 0)
    monkeypatch.setattr(call_writer, "MIN_PACKETS_TO_FORK", 0)


def written(folder: Path, *arguments: str | Path) -> dict[str, bytes]:
    """All that `decrypt` leaves in a folder."""
    with pytest.raises(SystemExit) as left:
        main(["decrypt", "-o", str(folder), "-q", *map(str, arguments)])
    assert left.value.code in {0, 4}
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.captures
def test_several_processes_write_the_same_files(
    captures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fork_for_anything(monkeypatch)
    source = captures / "public" / "wireshark-wiki" / "SampleCaptures" / "sip-rtp-g726.pcap"
    found = [written(tmp_path / jobs, "--jobs", jobs, source) for jobs in ("1", "2", "3")]
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 17


@pytest.mark.captures
def test_several_processes_write_the_same_files_of_streams_without_a_call(
    captures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fork_for_anything(monkeypatch)
    name = "peers/libsrtp/tampered_AES_CM_128_HMAC_SHA1_80.srtp.pcap"
    (tmp_path / "keys.toml").write_text(libsrtp_keys(sidecar_of(name), bound=True))
    keys = ("--keys", tmp_path / "keys.toml")
    found = [written(tmp_path / jobs, "--jobs", jobs, *keys, captures / name) for jobs in ("1", "2", "3")]
    assert found[0] == found[1] == found[2]
    assert len([file for file in found[0] if file.endswith(".pcapng")]) == 3


@pytest.mark.captures
@pytest.mark.parametrize("file", ["sip-rtp-g726.pcap", "sip-rtp-g711.pcap"])
def test_a_writer_that_is_killed_leaves_nothing_behind(
    captures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    source = captures / "public" / "wireshark-wiki" / "SampleCaptures" / file
    whole = written(tmp_path / "alone", "--jobs", "1", source)
    fork_for_anything(monkeypatch)
    parent, add = os.getpid(), ClearCopy.add

    def add_or_die(copy: ClearCopy, item: Any) -> None:
        if os.getpid() != parent and copy.packets > 20:
            os.kill(os.getpid(), signal.SIGKILL)
        add(copy, item)

    monkeypatch.setattr(ClearCopy, "add", add_or_die)
    assert written(tmp_path / "killed", "--jobs", "3", source) == whole


HEARD = {
    "aiortc/dtls_cm80_pcmu": ("dtls_cm80_pcmu.{}.decoded.s16le", "ab"),
    "ffmpeg/srtp_80": ("srtp_80.clear.ulaw", "-"),
    "gst_rtsp/savp_udp": ("savp_udp.client.law", "-"),
    "gst_rtsp/avp_udp": ("avp_udp.client.law", "-"),
}


@pytest.mark.captures
@pytest.mark.parametrize("name", sorted(HEARD))
def test_what_is_heard_is_what_other_receivers_decoded(captures: Path, tmp_path: Path, name: str) -> None:
    path = captures / "peers" / f"{name}.pcap"
    more = key_log(captures, name, tmp_path)
    if "inline" in sidecar_of(f"peers/{name}.pcap"):
        facts = sidecar_of(f"peers/{name}.pcap")
        line = f"a=crypto:1 {facts['suite']} inline:{facts['inline']}"
        (tmp_path / "keys.toml").write_text(f'[[srtp]]\ncrypto = "{line}"\n')
        more = ["--keys", tmp_path / "keys.toml"]
    decrypt(path, tmp_path / "out", *more)
    sounds = [sound(wav)[:, 0].tolist() for wav in sorted((tmp_path / "out").glob("*[!o].wav"))]
    pattern, sides = HEARD[name]
    received = [(path.parent / pattern.format(side)).read_bytes() for side in sides]
    assert len(sounds) == len(received)
    for octets in received:
        theirs = np.frombuffer(octets, "<i2") if pattern.endswith("s16le") else decode_g711(octets, "PCMU")
        assert any(theirs.tolist() == ours[: len(theirs)] for ours in sounds)


@pytest.mark.captures
def test_who_stops_listening_ends_it_quietly(captures: Path) -> None:
    source = captures / "peers" / "baresip" / "udp_sdes_cm80_mand.pcap"
    command = [sys.executable, "-m", "analyzer", "decrypt", str(source), "-o", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as playing:
        assert playing.stdout is not None
        assert playing.stderr is not None
        playing.stdout.read(10)
        playing.stdout.close()
        told = playing.stderr.read()
    assert (playing.returncode, told.count(b"\n"), b"raw samples" in told) == (4, 1, True)
