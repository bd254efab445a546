# SPDX-License-Identifier: GPL-2.0-only
"""HEP version 3 over a byte stream, as capture agents with TCP transport send it: packets one behind the other."""

from dissectors.grammar.defects import Defect
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.hep import MAGIC, HepPacket, parse_hep

MAX_DEFECTS = 1000
_HEADER_OCTETS = 6
CLAUSE = "HEP3 §3"


def opens_hep(data: bytes) -> bool:
    """Whether a stream goes on with a HEP packet."""
    return data.startswith(MAGIC) and data[6:8] == b"\0\0"  # the vendor of generic chunks


class HepStreamFramer:
    """Cuts one direction of a stream into HEP packets; behind a hole it waits for the next one that begins."""

    def __init__(self) -> None:
        self.defects: list[Defect] = []
        self._waiting = b""
        self._offset = 0  # of the first octet that waits

    def skip(self, octets: int) -> None:
        """`octets` octets of the stream are missing here."""
        self._note("stream-gap", f"{octets} octets")
        self._offset += len(self._waiting) + octets
        self._waiting = b""

    def feed(self, data: bytes) -> list[HepPacket]:
        """The packets that these octets complete; those that can't be read are defects."""
        waiting, at, packets = self._waiting + data, 0, []
        while len(waiting) - at >= _HEADER_OCTETS:
            size = int.from_bytes(waiting[at + 4 : at + 6], "big")
            if not waiting.startswith(MAGIC, at) or size < _HEADER_OCTETS:
                at = self._resume(waiting, at)
                continue
            if size > len(waiting) - at:
                break
            try:
                packets.append(parse_hep(waiting[at : at + size]))
            except GrammarError as error:
                self._note("hep-unreadable", str(error), self._offset + at)
            at += size
        self._offset += at
        self._waiting = waiting[at:]
        return packets

    def _resume(self, waiting: bytes, at: int) -> int:
        """The next place where a packet may begin, or the last octets, which may be the first of one."""
        found = waiting.find(MAGIC, at + 1)
        stop = found if found >= 0 else max(len(waiting) - len(MAGIC) + 1, at + 1)
        self._note("no-hep-packet", f"{stop - at} octets passed over", self._offset + at)
        return stop

    def _note(self, code: str, detail: str, offset: int | None = None) -> None:
        if len(self.defects) < MAX_DEFECTS:
            self.defects.append(Defect(code, self._offset if offset is None else offset, CLAUSE, detail))
