# SPDX-License-Identifier: GPL-2.0-only
"""What is odd about stretches of a byte stream, neighbours taken together, in bounded memory."""

from dissectors.grammar.defects import Defect

MAX_DEFECTS = 1000  # of one direction


def note_octets(defects: list[Defect], code: str, offset: int, octets: int, clause: str) -> None:
    """Add a defect of `octets` octets at an offset of the stream; one that continues the last makes it longer."""
    if defects:
        last = defects[-1]
        if last.code == code and last.offset + int(last.detail) == offset:
            defects[-1] = last._replace(detail=str(int(last.detail) + octets))
            return
    if len(defects) < MAX_DEFECTS:
        defects.append(Defect(code, offset, clause, str(octets)))
