# SPDX-License-Identifier: GPL-2.0-only
"""What the readers of single payloads share: collected defects, and the one reason to give up on a payload."""

from dissectors.grammar.cursor import Cursor
from dissectors.grammar.defects import Defect
from dissectors.grammar.errors import Malformed
from dissectors.grammar.mikey.registries import Registry, name_of


class UnknownLength(Malformed):
    """The payload's extent hangs on a value nobody assigned, so neither it nor anything behind it can be cut out."""


class Reading:
    """Defects of one message as they are met, and the data type that some payloads must know."""

    __slots__ = ("data_type", "defects")

    def __init__(self, data_type: int = -1) -> None:
        self.data_type = data_type
        self.defects: list[Defect] = []

    def note(self, code: str, offset: int, clause: str, detail: str = "") -> None:
        """Keep one oddity."""
        self.defects.append(Defect(code, offset, clause, detail))

    def note_unknown(self, code: str, number: int, offset: int, clause: str) -> None:
        """Keep that `number` is not assigned."""
        self.defects.append(Defect(code, offset, clause, f"unknown {number}"))


def known(registry: type[Registry]) -> frozenset[int]:
    """The assigned numbers of a registry as a set that is fast to ask."""
    return frozenset(int(member) for member in registry)


def unknown_length(registry: type[Registry], number: int, offset: int, clause: str, what: str) -> UnknownLength:
    """The error for a length that follows from an unassigned `number`."""
    return UnknownLength(f"{what}: length of {name_of(registry, number)} is not known", offset=offset, clause=clause)


def read_by_algorithm(
    cursor: Cursor, lengths: dict[int, int], number: int, next_payload: int, reading: Reading, what: str, clause: str
) -> bytes:
    """A value whose length follows from `number`; an unassigned one takes the rest where nothing follows."""
    octets = lengths.get(number)
    if octets is not None:
        return cursor.take(octets, what)
    if next_payload:
        message = f"{what}: length of unknown {number} is not known"
        raise UnknownLength(message, offset=cursor.offset, clause=clause)
    reading.note("algorithm-unknown", cursor.offset, clause, f"{what}: unknown {number}")
    return cursor.rest()
