# SPDX-License-Identifier: GPL-2.0-only
"""Where the body of a message ends by its Content-Length, in SIP and RTSP (RFC 3261 §18.3, RFC 2326 §4.4)."""

import re
from typing import NamedTuple

from dissectors.grammar.defects import Defect

_DIGITS = re.compile(r"[0-9]{1,18}")


class LengthClauses(NamedTuple):
    """The clauses that a protocol breaks with a length of another form, too large, and too small."""

    form: str
    too_large: str
    too_small: str


def find_body_end(length: str, body_offset: int, end: int, clauses: LengthClauses, defects: list[Defect]) -> int:
    """The offset behind the body of a message that ends at `end`; a length that can't be right is a defect."""
    length = length.strip(" \t")
    if not _DIGITS.fullmatch(length):
        defects.append(Defect("content-length-form", body_offset, clauses.form, length[:64]))
        return end
    wanted = body_offset + int(length)
    if wanted > end:
        missing = f"{wanted - end} missing"
        defects.append(Defect("body-shorter-than-content-length", end, clauses.too_large, missing))
    elif wanted < end:
        defects.append(Defect("octets-after-body", wanted, clauses.too_small, str(end - wanted)))
    return min(wanted, end)


def count_missing(length: str | None, octets: int) -> int:
    """How many octets a body of so many lacks of its Content-Length; 0 for a length that can't be read."""
    length = (length or "").strip(" \t")
    return max(int(length) - octets, 0) if _DIGITS.fullmatch(length) else 0
