# SPDX-License-Identifier: GPL-2.0-only
"""The first line of a SIP message: a request line or a status line (RFC 3261 §7.1, §7.2)."""

import functools
import re
from typing import NamedTuple

from dissectors.grammar.defects import Defect
from dissectors.grammar.errors import Malformed
from dissectors.grammar.sip_headers import decode_text

WORD = r"[A-Za-z0-9\-.!%*_+`'~]+"
REMEMBERED = 4096  # lines and values that stand alike in the messages of a call are understood once
_REQUEST_LINE = re.compile(rf"({WORD}) ([^\s<>]+) SIP/2\.0".encode())
_STATUS_LINE = re.compile(rb"SIP/2\.0 ([1-6][0-9][0-9]) ([^\r\n]*)")
_VERSION = re.compile(rb"SIP/([0-9]{1,10}\.[0-9]{1,10})", re.IGNORECASE)
_METHOD = re.compile(WORD.encode())
_DIGITS = re.compile(r"[0-9]{1,18}")
_FIRST_OCTETS = frozenset(bytes((octet,)) for octet in range(256) if _METHOD.fullmatch(bytes((octet,)))) | {
    b"\r",
    b"\n",
}


class StartLine(NamedTuple):
    """What the first line says; `end` is the offset of its line end."""

    method: str | None
    request_uri: str | None
    status: int | None
    reason: str | None
    end: int


def looks_like_sip(data: bytes) -> bool:
    """Whether the first line is a SIP start line; by content alone, and quick on anything else."""
    if data[:8] == b"SIP/2.0 ":
        return True
    if data[:1] not in _FIRST_OCTETS:
        return False
    data = data.lstrip(b"\r\n")
    end = data.find(b"\n")
    line = (data if end < 0 else data[:end]).rstrip()
    if _REQUEST_LINE.fullmatch(line):
        return True
    words = line.split(None, 1)
    if len(words) < 2:
        return False
    if _VERSION.fullmatch(words[0]):
        return words[1][:3].isdigit()
    last = words[1].rsplit(None, 1)
    return len(last) == 2 and bool(_VERSION.fullmatch(last[1]) and _METHOD.fullmatch(words[0]))


def parse_start_line(data: bytes, start: int, defects: list[Defect]) -> StartLine:
    """The start line at `start`; what is odd about it becomes a defect. Raises `Malformed` where it is none."""
    end = data.find(b"\n", start)
    if end < 0:
        end = len(data)
    line = data[start : end - 1] if data[end - 1 : end] == b"\r" and end > start else data[start:end]
    ordinary = ordinary_start_line(line)
    if ordinary is not None:
        return StartLine(*ordinary, end)
    return _parse_odd_start_line(line, start, end, defects)


@functools.lru_cache(maxsize=REMEMBERED)
def ordinary_start_line(line: bytes) -> tuple[str | None, str | None, int | None, str | None] | None:
    """Method and Request-URI, or status and reason, of a line as the grammar has it (RFC 3261 §7.1, §7.2)."""
    if (response := _STATUS_LINE.fullmatch(line)) is not None:
        return None, None, int(response[1]), decode_text(response[2])
    if (request := _REQUEST_LINE.fullmatch(line)) is not None:
        return request[1].decode("ascii"), decode_text(request[2]), None, None
    return None


def _parse_odd_start_line(line: bytes, start: int, end: int, defects: list[Defect]) -> StartLine:
    """A start line that strays from the grammar but leaves no doubt what it is (RFC 4475 has many)."""
    head, _, rest = line.strip().partition(b" ")
    rest = rest.strip()
    before, _, last = rest.rpartition(b" ")
    status, _, reason = rest.partition(b" ")
    clause = "RFC 3261 §7.1"
    if (version := _VERSION.fullmatch(head)) is not None and _DIGITS.fullmatch(decode_text(status)):
        clause = "RFC 3261 §7.2"
        parsed = StartLine(None, None, int(status), decode_text(reason.strip()), end)
        if not 100 <= int(status) <= 699:
            defects.append(Defect("status-out-of-range", start, clause, status.decode("ascii")))
    elif (version := _VERSION.fullmatch(last)) is not None and _METHOD.fullmatch(head) and before.strip():
        parsed = StartLine(head.decode("ascii"), decode_text(before.strip()), None, None, end)
    else:
        raise Malformed("the first line is not a SIP start line", offset=start, clause="RFC 3261 §7")
    if version[1] != b"2.0":
        defects.append(Defect("sip-version", start, clause, version[1].decode("ascii")))
    defects.append(Defect("start-line-form", start, clause, decode_text(line[:64])))
    return parsed
