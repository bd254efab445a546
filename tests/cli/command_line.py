# SPDX-License-Identifier: GPL-2.0-only
"""The program as a user starts it, and small captures to feed it."""

import base64
import io
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from analyzer.capture.frames import build_udp_frame
from analyzer.capture.writer import PcapngWriter

ROOT = Path(__file__).resolve().parent.parent.parent
ALICE, BOB = "192.0.2.1:5060", "192.0.2.2:5060"
A_RTP, B_RTP = "192.0.2.1:4000", "192.0.2.2:6000"
START_NS = 1_700_000_000_000_000_000
KEY_A = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
KEY_B = "NzB4d1BINStk0y3cRfA5EQkTKw8iEkwOJGPHBDxG"


def run(*arguments: str | Path, stdin: bytes | None = None, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run the program; whatever it is fed, it never shows a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "analyzer", *map(str, arguments)],
        input=b"" if stdin is None else stdin,
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, "COLUMNS": "120", **environment},
    )
    assert b"Traceback" not in done.stderr + done.stdout
    assert done.returncode not in (1, 70), done.stderr
    return done


def pcapng(packets: Iterable[tuple[str, str, bytes]], step_ns: int = 20_000_000) -> bytes:
    """A capture of UDP datagrams, 20 ms apart."""
    stream = io.BytesIO()
    writer = PcapngWriter(stream)
    for number, (source, destination, payload) in enumerate(packets):
        writer.write(START_NS + number * step_ns, build_udp_frame(source, destination, payload))
    return stream.getvalue()


def sdp(address: str, port: int, *attributes: str, proto: str = "RTP/SAVP") -> bytes:
    lines = ["v=0", f"o=- 1 1 IN IP4 {address}", "s=-", f"c=IN IP4 {address}", "t=0 0", f"m=audio {port} {proto} 0"]
    return "".join(f"{line}\r\n" for line in (*lines, *(f"a={attribute}" for attribute in attributes))).encode()


def message(start: str, cseq: str, body: bytes = b"", call_id: str = "call-1@192.0.2.1", to_tag: str = "b") -> bytes:
    lines = [
        start,
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK-1",
        "Max-Forwards: 70",
        "From: <sip:alice@example.com>;tag=a",
        "To: <sip:bob@example.com>" + (f";tag={to_tag}" if to_tag else ""),
        f"Call-ID: {call_id}",
        f"CSeq: {cseq}",
        *(["Content-Type: application/sdp"] if body else []),
        f"Content-Length: {len(body)}",
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + body


def call(offer: bytes, answer: bytes, media: Iterable[tuple[str, str, bytes]] = ()) -> list[tuple[str, str, bytes]]:
    """A whole call: INVITE, 200, ACK, media, BYE, 200."""
    return [
        (ALICE, BOB, message("INVITE sip:bob@example.com SIP/2.0", "1 INVITE", offer, to_tag="")),
        (BOB, ALICE, message("SIP/2.0 200 OK", "1 INVITE", answer)),
        (ALICE, BOB, message("ACK sip:bob@example.com SIP/2.0", "1 ACK")),
        *media,
        (ALICE, BOB, message("BYE sip:bob@example.com SIP/2.0", "2 BYE")),
        (BOB, ALICE, message("SIP/2.0 200 OK", "2 BYE")),
    ]


def sdes_call(key: str = KEY_A, media: Iterable[tuple[str, str, bytes]] = ()) -> list[tuple[str, str, bytes]]:
    line = "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"
    return call(sdp("192.0.2.1", 4000, line + key), sdp("192.0.2.2", 6000, line + KEY_B), media)


def spellings(secret: bytes) -> list[bytes]:
    """How a secret might slip into an output: raw, hex, base64 with and without padding."""
    encoded = base64.b64encode(secret)
    digits = secret.hex().encode()
    return [secret, digits, digits.upper(), encoded.rstrip(b"="), base64.urlsafe_b64encode(secret).rstrip(b"=")]


def shows(output: bytes, secret: bytes) -> list[bytes]:
    """The spellings of the secret that stand in the output."""
    return [spelling for spelling in spellings(secret) if spelling in output]


def outcomes_of(document: dict[str, Any]) -> dict[str, str]:
    return {outcome["rule"]: outcome["outcome"] for each in document["calls"] for outcome in each["outcomes"]}
