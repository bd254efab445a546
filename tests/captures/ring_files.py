# SPDX-License-Identifier: GPL-2.0-only
"""Captures cut into the files of a ring buffer, and what a report of them says, told as of the whole capture."""

import gzip
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

SECTION, INTERFACE = 0x0A0D0D0A, 1
PACKETS = (3, 6)  # simple and enhanced packet blocks
NAMED = {"first_frame": "capture", "frame": "capture", "last_frame": "last_capture"}
NAMED["retransmission_of"] = "retransmission_capture"
LISTED = ("frames", "failed_frames", "clear_frames")


class Pieces(NamedTuple):
    """A capture as it lies in its file: what each file has to begin with, and its packets' records."""

    head: bytes
    records: tuple[bytes, ...]


def take_apart(path: Path) -> Pieces | None:
    """The pieces of an undamaged capture whose headers all stand before its packets; None for another one."""
    octets = path.read_bytes()
    if octets[:2] == b"\x1f\x8b":
        octets = gzip.decompress(octets)
    if octets[:4] == b"\n\r\r\n":
        return _take_blocks(octets)
    order = {b"\xa1\xb2\xc3\xd4": ">", b"\xa1\xb2\x3c\x4d": ">", b"\xd4\xc3\xb2\xa1": "<", b"\x4d\x3c\xb2\xa1": "<"}
    known = order.get(octets[:4])
    return None if known is None else _take_records(octets, known)


def _take_records(octets: bytes, order: str) -> Pieces | None:
    at, records = 24, []
    while at + 16 <= len(octets):
        stop = at + 16 + struct.unpack_from(order + "I", octets, at + 8)[0]
        records.append(octets[at:stop])
        at = stop
    return Pieces(octets[:24], tuple(records)) if at == len(octets) else None


def _take_blocks(octets: bytes) -> Pieces | None:
    order = "<" if octets[8:12] == b"\x4d\x3c\x2b\x1a" else ">"
    at, head, records = 0, b"", []
    while at + 12 <= len(octets):
        kind, size = struct.unpack_from(order + "II", octets, at)
        block = octets[at : at + size]
        if kind in PACKETS:
            records.append(block)
        elif records and kind in (SECTION, INTERFACE):
            return None
        elif not records:
            head += block
        at += size
    return Pieces(head, tuple(records)) if at == len(octets) else None


def write_ring(pieces: Pieces, cuts: Sequence[int], folder: Path) -> tuple[list[Path], list[int]]:
    """The files, named as dumpcap names them, and how many frames stand before each."""
    starts = [0, *cuts]
    paths = []
    for number, (start, stop) in enumerate(zip(starts, [*cuts, len(pieces.records)], strict=True), 1):
        path = folder / f"ring_{number:05}_2024010112{number:04}.pcap"
        path.write_bytes(pieces.head + b"".join(pieces.records[start:stop]))
        paths.append(path)
    return paths, starts


def told_as_whole(document: dict[str, Any], before: Sequence[int]) -> Any:
    """A report of the files as if it were that of the whole: frames counted on, what speaks of files left out."""
    own = {name: value for name, value in document.items() if name not in ("captures", "notes")}
    return _told(own, before)


def _told(value: Any, before: Sequence[int]) -> Any:
    if isinstance(value, list):
        return list(_joined([_told(each, before) for each in value]))
    if not isinstance(value, dict):
        return value
    told = {name: _told(each, before) for name, each in value.items()}
    for name, capture in NAMED.items():
        if told.get(name) and value.get(capture) is not None:
            told[name] += before[value[capture]]
    for name in LISTED:
        if name in told and value.get("capture") is not None:
            told[name] = [frame + before[value["capture"]] for frame in told[name]]
    for other in told.pop("elsewhere", ()):
        for name in LISTED:
            if name in other:
                told[name] = told[name] + other[name]
    return {name: each for name, each in told.items() if name not in ("capture", *NAMED.values())}


def _joined(told: list[Any]) -> Iterator[Any]:
    """Evidence of one call in several files as one."""
    last: Any = None
    for each in told:
        if isinstance(each, dict) and each.keys() == {"call_id", "frames"}:
            if last is not None and last["call_id"] == each["call_id"]:
                last["frames"] += each["frames"]
                continue
            last = each
        yield each
