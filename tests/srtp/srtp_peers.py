# SPDX-License-Identifier: GPL-2.0-only
"""Real captures by other people's SRTP stacks: UDP datagrams and keys out of pcaps and their sidecars."""

import base64
import gzip
import json
import struct
from pathlib import Path
from typing import Any, NamedTuple

from analyzer.srtp.context import SrtpContext, StreamKey
from analyzer.srtp.suites import suite_by_name
from dissectors.grammar.secret import Secret


class Datagram(NamedTuple):
    frame: int
    source: str
    destination: str
    payload: bytes
    time: float = 0.0


def _endpoint(address: bytes, port: int) -> str:
    return f"{'.'.join(map(str, address))}:{port}"


def read_datagrams(path: Path) -> list[Datagram]:
    """The IPv4 UDP datagrams of a classic pcap over Ethernet, raw IP, loopback or Linux cooked mode."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    link = struct.unpack(order + "I", data[20:24])[0]
    skip = {1: 14, 101: 0, 228: 0, 0: 4, 113: 16, 276: 20}[link]
    found, place, frame = [], 24, 0
    while place + 16 <= len(data):
        seconds, fraction, captured, _ = struct.unpack(order + "IIII", data[place : place + 16])
        packet = data[place + 16 + skip : place + 16 + captured]
        place, frame = place + 16 + captured, frame + 1
        if len(packet) < 28 or packet[0] >> 4 != 4 or packet[9] != 17:
            continue
        start = 4 * (packet[0] & 15)
        source, destination, length = struct.unpack(">HHH", packet[start : start + 6])
        ends = _endpoint(packet[12:16], source), _endpoint(packet[16:20], destination)
        found.append(Datagram(frame, *ends, packet[start + 8 : start + length], seconds + fraction / 1e6))
    return found


def sidecar(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def context_of(suite_name: str, key_and_salt: bytes, **parameters: Any) -> SrtpContext:
    suite = suite_by_name(suite_name)
    assert suite is not None
    key, salt = key_and_salt[: suite.key_octets], key_and_salt[suite.key_octets : suite.inline_octets]
    return SrtpContext(suite, (StreamKey(Secret(key), Secret(salt)),), **parameters)


def inline_context(suite_name: str, inline: str, **parameters: Any) -> SrtpContext:
    return context_of(suite_name, base64.b64decode(inline + "=" * (-len(inline) % 4)), **parameters)


def libsrtp_contexts(facts: dict[str, Any]) -> dict[str, SrtpContext]:
    """The context of each sender, by its address."""
    contexts = {}
    for side, address in (("A", "127.0.0.1"), ("B", "127.0.0.2")):
        suite = suite_by_name(facts[side]["sdes_suite"])
        assert suite is not None
        keys = tuple(
            StreamKey(
                Secret(bytes.fromhex(key["key_hex"])),
                Secret(bytes.fromhex(key["salt_hex"])),
                bytes.fromhex(key["mki_hex"]),
            )
            for key in facts[side]["master_keys"]
        )
        for change in facts["rekey"]:
            if change["direction"].startswith(side):
                both = bytes.fromhex(change["new_key_salt_hex"])
                keys += (StreamKey(Secret(both[:16]), Secret(both[16:])),)
        contexts[address] = SrtpContext(suite, keys)
    return contexts
