# SPDX-License-Identifier: GPL-2.0-only
"""The taxonomy of faults, line by line: each made with libsrtp where it can make it, and named in every output.

Every fault has a clean twin of which nothing is said: the same call without the fault.
"""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from analyzer.capture.frames import build_udp_frame
from analyzer.capture.writer import PcapngWriter
from analyzer.cli import main
from tests.cli.command_line import A_RTP, B_RTP, START_NS, call
from tests.keying.literal_prf import literal_key_and_salt
from tests.keying.mikey_vectors import V1
from tests.keying.test_calls_with_keys import A_SSRC, ANSWER, CM_32, CM_80, K_A, K_B, OFFER, Packets, mikey_call, rtp
from tests.keying.test_why_streams_stay_shut import A_RTCP, B_RTCP, REPORT, context, offering
from tests.srtp.libsrtp_peer import LibsrtpPeer, PeerKey, seal_as_old_libsrtp

COUNT = 60
OTHER = bytes(range(30))
F8_80 = "F8_128_HMAC_SHA1_80"
CM_256 = "AES_256_CM_HMAC_SHA1_80"
MKI = b"\0\0\0\1"
CLEAR = [rtp(number, A_SSRC) for number in range(COUNT)]


def sealed(suite: str = CM_80, key: bytes = K_A, mki: bytes = b"", roc: int = 0) -> Packets:
    peer = LibsrtpPeer(suite, [PeerKey(key, mki)], outbound=True)
    if roc:
        peer.protect(CLEAR[0][:2] + (999).to_bytes(2, "big") + CLEAR[0][4:])
        peer.set_roc(A_SSRC, roc)
    return [(A_RTP, B_RTP, peer.protect(packet)) for packet in CLEAR]


def altered(packets: Packets, change: Callable[[bytes], bytes]) -> Packets:
    return [(source, destination, change(octets)) for source, destination, octets in packets]


class Scene(NamedTuple):
    """A call: its packets, and of how many octets behind each frame the snaplen deprives it."""

    packets: Packets
    cut: int = 0


def sdes(media: Packets, suite: str = CM_80, more: str = "", key: bytes = K_A, cut: int = 0) -> Scene:
    if (suite, more, key) == (CM_80, "", K_A):
        return Scene(call(OFFER, ANSWER, media), cut)
    return Scene(call(*offering(suite, base64.b64encode(key).decode(), more), media), cut)


def of_minisip(*, deviant: bool) -> Scene:
    """A TGK of 32 octets, which libmikey's PRF takes for none in its last block."""
    octets = bytearray.fromhex(V1["I"])
    kemac = octets.index(bytes.fromhex("010014" + V1["encr_data"]))
    octets[kemac:] = bytes.fromhex("00002400000020" + bytes(range(32)).hex() + "00")
    octets[3] &= 0x7F
    csb_id, rand = int.from_bytes(octets[4:8], "big"), bytes(range(0x10, 0x20))  # RFC 3830 §6.1; that of the message
    key = literal_key_and_salt(bytes(range(32)), 1, csb_id, rand, as_libmikey=deviant)
    return Scene(mikey_call(octets.hex(), None, sealed(key=key)))


def controlled(*, deviant: bool) -> Scene:
    """AES-256 SRTCP as libsrtp before 1.6 and 2.1 made it, beside media that is right."""
    key = bytes(range(46))
    peer = LibsrtpPeer(CM_256, [PeerKey(key)], outbound=True)
    media = [(A_RTP, B_RTP, peer.protect(packet)) for packet in CLEAR]
    for index in range(1, 4):
        right = peer.protect(REPORT, rtcp=True)
        octets = seal_as_old_libsrtp(context(CM_256, key, srtcp_encrypted=False), REPORT, index) if deviant else right
        media.append((A_RTCP, B_RTCP, octets))
    return sdes(media, CM_256, key=key)


def f8_read_as_cm(*, deviant: bool) -> Scene:
    from analyzer.srtp.transform import protect_rtp

    if deviant:
        return sdes(sealed(), F8_80)
    right = [(A_RTP, B_RTP, protect_rtp(packet, context(F8_80), 0)) for packet in CLEAR]
    return sdes(right, F8_80)


SIGNALLED_MKI = "|2^31|1:4"
FAULTS: dict[str, tuple[str, Callable[[], Scene], Callable[[], Scene]]] = {
    "wrong key": ("wrong key or altered packets", lambda: sdes(sealed(key=OTHER)), lambda: sdes(sealed())),
    "key of the other direction": (
        "the key of the other direction", lambda: sdes(sealed(key=K_B)), lambda: sdes(sealed()),
    ),
    "other suite, shorter tag": (
        f"another suite under the same key ({CM_32})",
        lambda: sdes(sealed(CM_32)), lambda: sdes(sealed(CM_32), CM_32, key=K_A),
    ),
    "other suite, longer tag": (
        f"another suite under the same key ({CM_80})",
        lambda: sdes(sealed(), CM_32), lambda: sdes(sealed(CM_32), CM_32),
    ),
    "other suite, GCM": (
        "another suite under the same key (AEAD_AES_128_GCM)",
        lambda: sdes(sealed("AEAD_AES_128_GCM", K_A[:28])),
        lambda: sdes(sealed("AEAD_AES_128_GCM", K_A[:28]), "AEAD_AES_128_GCM", key=K_A[:28]),
    ),
    "late start": ("starts at 700, found by trial", lambda: sdes(sealed(roc=700)), lambda: sdes(sealed())),
    "MKI not signalled": (
        "4 octets before the tag: 00000001",
        lambda: sdes(sealed(mki=MKI)), lambda: sdes(sealed(mki=MKI), more=SIGNALLED_MKI),
    ),
    "MKI absent": (
        "the signalled MKI is absent",
        lambda: sdes(sealed(), more=SIGNALLED_MKI), lambda: sdes(sealed(mki=MKI), more=SIGNALLED_MKI),
    ),
    "MKI of no key": (
        "an MKI that no key at hand has (the packets say 00000002)",
        lambda: sdes(sealed(mki=b"\0\0\0\2"), more=SIGNALLED_MKI),
        lambda: sdes(sealed(mki=MKI), more=SIGNALLED_MKI),
    ),
    "tag length": (
        "another tag length (8 octets, not 10)",
        lambda: sdes(altered(sealed(), lambda octets: octets[:-2])), lambda: sdes(sealed()),
    ),
    "no tags": (
        "without authentication tags",
        lambda: sdes(altered(sealed(), lambda octets: octets[:-10])),
        lambda: sdes(sealed()),
    ),
    "tags that nobody agreed on": (
        "carry tags that verify",
        lambda: sdes(sealed(), more=" UNAUTHENTICATED_SRTP"),
        lambda: sdes(altered(sealed(), lambda octets: octets[:-10]), more=" UNAUTHENTICATED_SRTP"),
    ),
    "altered": (
        "altered packets: deciphered they read as clear payload",
        lambda: sdes(altered(sealed(), lambda octets: octets[:-1] + bytes([octets[-1] ^ 1]))), lambda: sdes(sealed()),
    ),
    "cut by the snaplen": (
        "cut by the snaplen", lambda: sdes(sealed(), cut=20), lambda: sdes(sealed()),
    ),
    "not SRTP": (
        "not SRTP: the payload is clear",
        lambda: sdes([(A_RTP, B_RTP, packet) for packet in CLEAR]), lambda: sdes(sealed()),
    ),
    "not encrypted": (
        "the tags verify, but the payload is not encrypted",
        lambda: sdes(sealed("NULL_HMAC_SHA1_80")), lambda: sdes(sealed()),
    ),
    "F8 read as CM by GStreamer": (
        "AES-f8 was agreed and AES-CM used", lambda: f8_read_as_cm(deviant=True), lambda: f8_read_as_cm(deviant=False),
    ),
    "AES-256 SRTCP of an old libsrtp": (
        "encrypted as libsrtp before 1.6 and 2.1 did",
        lambda: controlled(deviant=True), lambda: controlled(deviant=False),
    ),
    "minisip's PRF": (
        "libmikey derivation", lambda: of_minisip(deviant=True), lambda: of_minisip(deviant=False),
    ),
    "lifetime": (
        "under a key that may protect 59", lambda: sdes(sealed(), more="|59"), lambda: sdes(sealed(), more="|60"),
    ),
    "replays": (
        "5 packets repeat the index of an earlier one",
        lambda: sdes([*sealed(), *sealed()[:5]]), lambda: sdes(sealed()),
    ),
}  # fmt: skip


def write(path: Path, scene: Scene) -> None:
    with path.open("wb") as file:
        writer = PcapngWriter(file)
        for number, packet in enumerate(scene.packets):
            frame = build_udp_frame(*packet)
            kept = len(frame) - (scene.cut if packet[0] == A_RTP else 0)
            writer.write(START_NS + number * 20_000_000, frame[:kept], original_octets=len(frame))


def said(path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """What each output says of the streams."""
    outputs = {}
    for name, arguments in (
        ("terminal", ["analyze", str(path), "--no-color"]),
        ("json", ["analyze", str(path), "--json", str(folder / "report.json"), "-q"]),
        ("decrypt", ["decrypt", str(path), "-o", str(folder / "out")]),
    ):
        capsys.readouterr()
        with pytest.raises(SystemExit):
            main(arguments)
        outputs[name] = capsys.readouterr().out
    report = json.loads((folder / "report.json").read_text())
    streams = [stream for media in report["calls"][0]["media"] for stream in media["streams"]]
    account = json.loads((folder / "out" / "decrypt.json").read_text())
    outputs["json"] = _of_streams(streams)
    outputs["decrypt.json"] = _of_streams(account["calls"][0]["streams"])
    return {name: re.sub(r"\s+", " ", text) for name, text in outputs.items()}


def _of_streams(streams: list[dict[str, object]]) -> str:
    return json.dumps([[stream["reason"], stream["defects"]] for stream in streams], ensure_ascii=False)


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_named_and_its_twin_is_not(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    phrase, fault, twin = FAULTS[name]
    write(tmp_path / "fault.pcapng", fault())
    write(tmp_path / "twin.pcapng", twin())
    told = said(tmp_path / "fault.pcapng", tmp_path, capsys)
    assert {output for output, text in told.items() if phrase in text} == set(told), told
    told = said(tmp_path / "twin.pcapng", tmp_path, capsys)
    assert not [output for output, text in told.items() if phrase in text]
    assert told["json"] == told["decrypt.json"] == '[["", []]]'
    assert "Noted" not in told["terminal"]
    assert "Not opened" not in told["terminal"]
