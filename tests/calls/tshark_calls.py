# SPDX-License-Identifier: GPL-2.0-only
"""What tshark counts in a capture: SIP messages by Call-ID, states as Wireshark's call list has them, streams."""

import collections
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

SEPARATOR = "\x1f"
FIELDS = ("sip.Call-ID", "sip.Method", "sip.Status-Code", "sip.CSeq.method")
_STREAM = re.compile(
    r"\s*[0-9.]+\s+[0-9.]+\s+(\S+)\s+([0-9]+)\s+(\S+)\s+([0-9]+)\s+(0x[0-9A-F]{8})\s.*?\s([0-9]+)\s+-?[0-9]+ \(.*"
)


class Counted(NamedTuple):
    """Messages by Call-ID; the state of each Call-ID with an INVITE; packets by source, destination and SSRC."""

    messages: collections.Counter[str]
    states: dict[str, str]
    streams: dict[tuple[str, str, int], int]


def count(path: Path) -> Counted:
    """Read a capture with tshark, which guesses RTP where no SDP announces it."""
    command = ["tshark", "-n", "-r", str(path), "-o", "rtp.heuristic_rtp:TRUE", "-Y", "sip", "-T", "fields"]
    command += ["-E", f"aggregator={SEPARATOR}", "-z", "rtp,streams"]
    for field in FIELDS:
        command += ["-e", field]
    output = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False
    ).stdout  # 2: a capture cut short
    listing, _, table = output.partition("========================= RTP Streams")
    messages: collections.Counter[str] = collections.Counter()
    states: dict[str, str] = {}
    for line in listing.splitlines():
        columns = [cell.split(SEPARATOR) for cell in line.split("\t")]
        if len(columns) == len(FIELDS) and columns[0] != [""]:
            _read_frame(columns, messages, states)
    found = (_STREAM.fullmatch(line) for line in table.splitlines())
    streams: dict[tuple[str, str, int], int] = {}
    for each in found:
        if each is not None:
            key = endpoint(each[1], each[2]), endpoint(each[3], each[4]), int(each[5], 16)
            streams[key] = streams.get(key, 0) + int(each[6])
    return Counted(messages, states, streams)


def endpoint(host: str, port: str) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _read_frame(columns: list[list[str]], messages: collections.Counter[str], states: dict[str, str]) -> None:
    """The messages of one frame; methods and statuses are listed apart, so a frame with both tells less."""
    call_ids, methods, statuses, cseqs = columns
    messages.update(call_ids)
    for number, call_id in enumerate(call_ids):
        if methods != [""] and statuses == [""]:
            _request(call_id, methods[number], states)
        elif methods == [""] and statuses != [""] and len(cseqs) == len(call_ids):
            _response(call_id, int(statuses[number]), cseqs[number], states)


def _request(call_id: str, method: str, states: dict[str, str]) -> None:
    if method == "INVITE":
        states.setdefault(call_id, "setup")
    elif method == "BYE" and states.get(call_id) == "in call":
        states[call_id] = "completed"
    elif method == "CANCEL" and states.get(call_id) == "setup":
        states[call_id] = "cancelled"


def _response(call_id: str, status: int, method: str, states: dict[str, str]) -> None:
    if method != "INVITE" or states.get(call_id) not in ("setup", "cancelled", "rejected"):
        return
    if 200 <= status < 300:
        states[call_id] = "in call"
    elif status >= 300 and states[call_id] != "cancelled":
        states[call_id] = "cancelled" if status == 487 else "rejected"
