# SPDX-License-Identifier: GPL-2.0-only
"""Captures of any size to measure with: the same octets on every run."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FIRST_PORT = 10_000
MEDIA_OCTETS = 170
RTP_OCTETS = 12 + MEDIA_OCTETS
MESSAGES_PER_CALL = 7
START_SECONDS = 1_700_000_000
PIECE_PACKETS = 500_000
RECORD = np.dtype(
    [("seconds", "<u4"), ("micros", "<u4"), ("captured", "<u4"), ("wire", "<u4"), ("ethernet", "u1", 12),
     ("ethertype", ">u2"), ("ip", "u1", 2), ("total", ">u2"), ("rest", "u1", 8), ("source", ">u4"),
     ("destination", ">u4"), ("source_port", ">u2"), ("destination_port", ">u2"), ("length", ">u2"), ("sum", ">u2"),
     ("first", "u1"), ("second", "u1"), ("seq", ">u2"), ("stamp", ">u4"), ("ssrc", ">u4"), ("body", "u1", MEDIA_OCTETS)]
)  # fmt: skip
Records = np.ndarray[tuple[int], Any]
PCAP_HEADER = bytes.fromhex("d4c3b2a1020004000000000000000000") + (1 << 18).to_bytes(4, "little") + b"\1\0\0\0"
PLAIN_SDP = "m=audio {port} RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
PLAIN_ANSWER = "m=audio {port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n"
SDES_SDP = (
    "m=audio {port} RTP/SAVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}\r\na=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:{other}\r\n"
)
SDES_ANSWER = (
    "m=audio {port} RTP/SAVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}\r\n"
)
DTLS_SDP = (
    "m=audio {port} UDP/TLS/RTP/SAVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=setup:{setup}\r\na=fingerprint:sha-256 "
    + ":".join(f"{octet:02X}" for octet in range(32))
    + "\r\n"
)
SDP = (
    "v=0\r\no={user} {number} 1 IN IP4 {address}\r\ns=call\r\nc=IN IP4 {address}\r\nt=0 0\r\n{media}"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"
)


def write_media_capture(path: Path, packets: int, streams: int) -> None:
    """What looks like SRTP at 50 packets a second and stream, with jitter and 0.2 % loss."""
    chance = np.random.default_rng(711)
    with path.open("wb") as file:
        file.write(PCAP_HEADER)
        for start in range(0, packets, PIECE_PACKETS):
            records = media_records(np.arange(start, min(start + PIECE_PACKETS, packets)), streams, chance)
            records["body"] = chance.integers(0, 256, (len(records), MEDIA_OCTETS), dtype=np.uint8)
            records[chance.random(len(records)) >= 0.002].tofile(file)


def write_srtp_capture(path: Path, packets: int, streams: int, protect: Callable[[bytes], bytes], tag: int) -> None:
    """The same under a key: `protect` is given each RTP packet and adds `tag` octets."""
    chance = np.random.default_rng(3711)
    records = media_records(np.arange(packets), streams, chance)
    rtp = records.view(np.uint8).reshape(packets, RECORD.itemsize)[:, -RTP_OCTETS:]
    for row in rtp:
        row[:] = np.frombuffer(protect(row[:-tag].tobytes()), np.uint8)
    _write_records(path, records[chance.random(packets) >= 0.002])


def read_srtp_capture(path: Path) -> tuple[bytes, np.ndarray[tuple[int], np.dtype[np.int64]], int]:
    """The octets of such a capture, where each packet's RTP begins, and how many octets it has."""
    octets = path.read_bytes()
    count = (len(octets) - len(PCAP_HEADER)) // RECORD.itemsize
    return octets, len(PCAP_HEADER) + (np.arange(count) + 1) * RECORD.itemsize - RTP_OCTETS, RTP_OCTETS


def media_records(count: np.ndarray[tuple[int], Any], streams: int, chance: np.random.Generator) -> Records:
    """Packets by their numbers from the beginning: all but the payloads."""
    stream, index = count % streams, count // streams
    times = index * 20_000 + stream * 20_000 // streams + chance.integers(0, 500, len(count))
    records = np.zeros(len(count), RECORD)
    octets = RECORD.itemsize - 16
    records["seconds"], records["micros"] = START_SECONDS + times // 1_000_000, times % 1_000_000
    records["captured"] = records["wire"] = octets
    records["ethertype"], records["total"], records["length"] = 0x0800, octets - 14, octets - 34
    records["ip"] = (0x45, 0xB8)
    records["rest"] = (0, 0, 0, 0, 64, 17, 0, 0)
    records["source"], records["destination"] = 0x0A000001, 0x0A010000 + stream
    records["source_port"] = records["destination_port"] = FIRST_PORT + 2 * stream
    records["first"], records["seq"], records["stamp"] = 0x80, (index + 100 * stream) & 0xFFFF, index * 160
    records["ssrc"] = stream * 7919 + 12345
    return records


def _write_records(path: Path, records: Records) -> None:
    with path.open("wb") as file:
        file.write(PCAP_HEADER)
        records.tofile(file)


def write_call_capture(path: Path, calls: int, *, sdes: bool) -> None:
    """Whole calls of seven messages over UDP, a hundred of them at any time."""
    steps = range(MESSAGES_PER_CALL)
    timed = sorted((number * 10_000 + step * 150_000, number, step) for number in range(calls) for step in steps)
    going_on: dict[int, list[tuple[bool, str]]] = {}  # calls with what is left of their messages, the last one first
    with path.open("wb") as file:
        file.write(PCAP_HEADER)
        for micros, number, step in timed:
            if step == 0:
                going_on[number] = call_messages(number, sdes_call if sdes else plain_call)[::-1]
            from_caller, message = going_on[number].pop()
            file.write(udp_record(micros, number, from_caller, message.encode()))
            if not going_on[number]:
                del going_on[number]


def plain_call(number: int) -> tuple[str, str]:
    """Offer and answer of a call without protection."""
    return _session("alice", number, "10.0.0.1", PLAIN_SDP), _session("bob", number, "10.0.0.2", PLAIN_ANSWER)


def sdes_call(number: int) -> tuple[str, str]:
    """Offer and answer of a call with SDES."""
    return _session("alice", number, "10.0.0.1", SDES_SDP), _session("bob", number, "10.0.0.2", SDES_ANSWER)


def dtls_call(number: int, ports: int) -> tuple[str, str]:
    """Offer and answer of a call with DTLS-SRTP; calls `ports` apart have the same ports."""
    offer, answer = (DTLS_SDP.replace("{setup}", setup) for setup in ("actpass", "active"))
    place = number % ports
    return _session("alice", place, "10.0.0.1", offer), _session("bob", place, "10.0.0.2", answer)


def call_messages(number: int, describe: Callable[[int], tuple[str, str]]) -> list[tuple[bool, str]]:
    """INVITE, 100, 180, 200, ACK, BYE, 200: who sends it, and its text."""
    offer, answer = describe(number)
    callee = f"<sip:bob{number % 500}@example.net>"
    tagged = f"{callee};tag=b{number:08x}"
    contact = "Contact: <sip:bob@10.0.0.2:5060>\r\n"
    caller_contact = "Contact: <sip:alice@10.0.0.1:5060>\r\n"
    return [
        (True, _request("INVITE", number, 1, callee, caller_contact, offer)),
        (False, _response("100 Trying", number, 1, "INVITE", callee, "", "")),
        (False, _response("180 Ringing", number, 1, "INVITE", tagged, contact, "")),
        (False, _response("200 OK", number, 1, "INVITE", tagged, contact, answer)),
        (True, _request("ACK", number, 1, tagged, "", "")),
        (True, _request("BYE", number, 2, tagged, "", "")),
        (False, _response("200 OK", number, 2, "BYE", tagged, "", "")),
    ]


def _session(user: str, number: int, address: str, media: str) -> str:
    key = f"{'A' if user == 'alice' else 'B'}{number:039d}"
    lines = media.format(port=20_000 + 2 * (number % 20_000), key=key, other=key[::-1])
    return SDP.format(user=user, number=number, address=address, media=lines)


def _dialog(number: int, sequence: int, method: str, to: str) -> str:
    return (
        f"Via: SIP/2.0/UDP 10.0.0.1:5060;rport;branch=z9hG4bK{number:08x}{sequence}{method.lower()}\r\n"
        f'From: "Alice" <sip:alice{number % 700}@example.com>;tag=a{number:08x}\r\n'
        f"To: {to}\r\nCall-ID: {number:08x}-4cc1-11ee-be56@10.0.0.1\r\nCSeq: {sequence} {method}\r\n"
    )


def _request(method: str, number: int, sequence: int, to: str, extra: str, body: str) -> str:
    start = f"{method} sip:bob{number % 500}@example.net SIP/2.0\r\n"
    extra += "Max-Forwards: 70\r\nUser-Agent: bench 1.0\r\n"
    return start + _dialog(number, sequence, "INVITE" if method == "ACK" else method, to).replace(
        f"CSeq: {sequence} INVITE", f"CSeq: {sequence} {method}"
    ) + _tail(extra, body)  # fmt: skip


def _response(status: str, number: int, sequence: int, method: str, to: str, extra: str, body: str) -> str:
    return (
        f"SIP/2.0 {status}\r\n" + _dialog(number, sequence, method, to) + _tail(extra + "Server: bench 1.0\r\n", body)
    )


def _tail(extra: str, body: str) -> str:
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return f"{extra}{kind}Content-Length: {len(body)}\r\n\r\n{body}"


def udp_record(micros: int, number: int, from_caller: bool, payload: bytes) -> bytes:
    """One SIP message between the two hosts."""
    source, destination = (b"\x0a\0\0\1", b"\x0a\0\0\2") if from_caller else (b"\x0a\0\0\2", b"\x0a\0\0\1")
    udp = struct.pack(">HHHH", 5060, 5060, 8 + len(payload), 0) + payload
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), number & 0xFFFF, 0, 64, 17, 0) + source + destination + udp
    frame = bytes(12) + b"\x08\x00" + ip
    seconds, rest = divmod(micros, 1_000_000)
    return struct.pack("<IIII", START_SECONDS + seconds, rest, len(frame), len(frame)) + frame
