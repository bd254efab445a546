# SPDX-License-Identifier: GPL-2.0-only
"""Name Resolution Blocks: what the writer of a capture had looked up (pcapng §4.5)."""

from enum import IntEnum
from ipaddress import ip_address

from analyzer.capture import scan
from analyzer.model.capture_comment import CaptureName

MAX_NAME_OCTETS = 255  # of a name in the DNS (RFC 1035 §2.3.4)


class NameRecord(IntEnum):
    """Kinds of records whose addresses calls have; others are passed over."""

    END = 0
    IPV4 = 1
    IPV6 = 2


_ADDRESS_OCTETS: dict[int, int] = {NameRecord.IPV4: 4, NameRecord.IPV6: 16}


def parse_name_records(block: bytes, big: int) -> tuple[list[CaptureName], int | None]:
    """The names of a whole block, one for each address and name, and where its options begin.

    A record that reaches past the block ends the list; where the options begin is None then.
    """
    names: list[CaptureName] = []
    at, end = 8, len(block) - 4
    while end - at >= 4:
        kind, octets = scan.file16(block, at, big), scan.file16(block, at + 2, big)
        if kind == NameRecord.END:
            return names, at + 4
        if octets > end - at - 4:
            return names, None
        names += _read_record(kind, block[at + 4 : at + 4 + octets])
        at += 4 + (octets + 3 & ~3)
    return names, end


def _read_record(kind: int, value: bytes) -> list[CaptureName]:
    octets = _ADDRESS_OCTETS.get(kind)
    if octets is None or len(value) < octets:
        return []
    address = str(ip_address(value[:octets]))
    names = [name[:MAX_NAME_OCTETS].decode("utf-8", "backslashreplace") for name in value[octets:].split(b"\0") if name]
    return [CaptureName(address, name) for name in names]
