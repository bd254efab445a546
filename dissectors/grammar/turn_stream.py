# SPDX-License-Identifier: GPL-2.0-only
"""What a client and its TURN server send each other over a byte stream (RFC 8656 §2.1, §12.5)."""

from dissectors.grammar.defects import Defect
from dissectors.grammar.stun import CHANNEL_HEADER_OCTETS, HEADER_OCTETS, MAGIC_COOKIE, read_relayed

MAX_DEFECTS = 1000
_COOKIE = MAGIC_COOKIE.to_bytes(4, "big")
_FIRST_CHANNEL, _LAST_CHANNEL = 0x40, 0x4F


def opens_turn(data: bytes) -> bool:
    """Whether a stream goes on with a STUN message of a TURN client or server: nothing else begins so."""
    return len(data) >= HEADER_OCTETS and data[0] < 4 and data[3] % 4 == 0 and data[4:8] == _COOKIE


def _octets(header: bytes) -> int | None:
    """How long the message is that begins so; 0 while nobody can tell, None where this is neither of the two."""
    if len(header) < CHANNEL_HEADER_OCTETS:
        return 0
    length = int.from_bytes(header[2:4], "big")
    if _FIRST_CHANNEL <= header[0] <= _LAST_CHANNEL:
        return CHANNEL_HEADER_OCTETS + -(-length // 4) * 4  # padded, other than in datagrams
    if header[0] < 4 and length % 4 == 0 and _COOKIE.startswith(header[4:8]):
        return HEADER_OCTETS + length
    return None


class TurnStreamFramer:
    """Cuts one direction of a stream into messages and gives the datagrams that they relay.

    After a hole, or octets that are no message, it waits for a piece of the stream that begins with a STUN message.
    """

    def __init__(self) -> None:
        self.defects: list[Defect] = []
        self._waiting = b""
        self._offset = 0
        self._is_lost = False

    def skip(self, octets: int) -> None:
        """`octets` octets of the stream are missing here."""
        self._note("stream-gap", f"{octets} octets")
        self._offset += len(self._waiting) + octets
        self._waiting, self._is_lost = b"", True

    def feed(self, data: bytes) -> list[bytes]:
        """The datagrams relayed by the messages that these octets complete."""
        if self._is_lost:
            if not opens_turn(data):
                self._offset += len(data)
                return []
            self._is_lost = False
        waiting, at, relayed = self._waiting + data, 0, []
        while (octets := _octets(waiting[at : at + HEADER_OCTETS])) is not None:
            if not octets or octets > len(waiting) - at:
                break
            inside = read_relayed(waiting[at : at + octets])
            if inside:
                relayed.append(inside)
            at += octets
        self._offset += at
        self._waiting = waiting[at:]
        if octets is None:
            self._note("no-turn-message", "what follows is passed over up to the next STUN message")
            self._offset += len(self._waiting)
            self._waiting, self._is_lost = b"", True
        return relayed

    def _note(self, code: str, detail: str) -> None:
        if len(self.defects) < MAX_DEFECTS:
            self.defects.append(Defect(code, self._offset, "RFC 8656 §12.5", detail))
