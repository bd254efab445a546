# SPDX-License-Identifier: GPL-2.0-only
"""Whether the tag of a packet verifies under a rollover counter and a key (RFC 3711 §4.2; RFC 7714 §8)."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from analyzer.srtp.columns import PacketColumns, RtpColumns, rows
from analyzer.srtp.context import KeySchedule
from analyzer.srtp.header_protection import split_cryptex


class Verifier(Protocol):
    """Answers for the packets of one set of columns."""

    def verify(self, number: int, roc: int, key_number: int, /) -> bool:
        """Whether packet `number` authenticates."""
        ...

    def matching_rocs(self, number: int, key_number: int, limit: int, /) -> Iterator[int]:
        """The rollover counters below `limit` under which the packet authenticates."""
        ...

    def key_number(self, number: int, /) -> int | None:
        """Which master key the packet's MKI names."""
        ...


def verifier_for(columns: PacketColumns, headers: RtpColumns, schedule: KeySchedule) -> Verifier:
    """The verifier that the suite and the session parameters ask for."""
    if schedule.context.suite.aead:
        return _AeadVerifier(columns, headers, schedule)
    if not schedule.context.srtp_tag_octets:
        return _NoVerifier(columns, headers, schedule)
    return _HmacVerifier(columns, headers, schedule)


class _Base:
    def __init__(self, columns: PacketColumns, headers: RtpColumns, schedule: KeySchedule) -> None:
        self.view = columns.buffer
        self.schedule = schedule
        self.sequence = headers.sequence_number.tolist()
        self.start = columns.offsets.tolist()
        self.end = (columns.offsets + columns.lengths).tolist()
        self.mki_octets = schedule.context.mki_octets
        self.tag_octets = 0 if schedule.context.suite.aead else schedule.context.srtp_tag_octets

    def key_number(self, number: int) -> int | None:
        end = self.end[number] - self.tag_octets
        return self.schedule.key_number(bytes(self.view[end - self.mki_octets : end]))


class _HmacVerifier(_Base):
    def __init__(self, columns: PacketColumns, headers: RtpColumns, schedule: KeySchedule) -> None:
        super().__init__(columns, headers, schedule)
        whole = columns.lengths >= self.mki_octets + self.tag_octets
        ends = columns.offsets + columns.lengths
        self.cut = (ends - self.mki_octets - self.tag_octets).tolist()
        starts = np.where(whole, ends - self.tag_octets, 0)
        received = rows(columns.buffer, starts, self.tag_octets).tobytes() if whole.any() else b""
        size = self.tag_octets
        self.tags = [received[place : place + size] for place in range(0, len(received), size)]
        once = schedule.context.kdr == 0
        self.macs = [schedule.session(n, 0).mac for n in range(len(schedule.context.keys))] if once else []

    def verify(self, number: int, roc: int, key_number: int) -> bool:
        if self.macs:
            mac = self.macs[key_number].copy()
        else:
            mac = self.schedule.session(key_number, roc << 16 | self.sequence[number]).mac.copy()
        mac.update(self.view[self.start[number] : self.cut[number]])
        mac.update(roc.to_bytes(4, "big"))
        return mac.finalize()[: self.tag_octets] == self.tags[number]

    def matching_rocs(self, number: int, key_number: int, limit: int) -> Iterator[int]:
        if not self.macs:
            yield from (roc for roc in range(limit) if self.verify(number, roc, key_number))
            return
        whole = self.macs[key_number].copy()
        whole.update(self.view[self.start[number] : self.cut[number]])
        tag = self.tags[number]
        for roc in range(limit):
            mac = whole.copy()
            mac.update(roc.to_bytes(4, "big"))
            if mac.finalize()[: self.tag_octets] == tag:
                yield roc


class _AeadVerifier(_Base):
    def __init__(self, columns: PacketColumns, headers: RtpColumns, schedule: KeySchedule) -> None:
        super().__init__(columns, headers, schedule)
        self.ssrc = headers.ssrc.tolist()
        self.payload = (columns.offsets + headers.header_octets).tolist()
        self.cryptex = headers.cryptex.tolist() if headers.cryptex.any() else None

    def verify(self, number: int, roc: int, key_number: int) -> bool:
        index = roc << 16 | self.sequence[number]
        session = self.schedule.session(key_number, index)
        end = self.end[number] - self.mki_octets
        if self.cryptex is not None and self.cryptex[number]:
            header, _, data = split_cryptex(bytes(self.view[self.start[number] : end]))
        else:
            data = bytes(self.view[self.payload[number] : end])
            header = bytes(self.view[self.start[number] : self.payload[number]])
        return session.open_aead(session.aead_nonce(self.ssrc[number], index), data, header) is not None

    def matching_rocs(self, number: int, key_number: int, limit: int) -> Iterator[int]:
        return (roc for roc in range(limit) if self.verify(number, roc, key_number))


class _NoVerifier(_Base):
    """UNAUTHENTICATED_SRTP: nothing can be refuted, so every estimate stands (RFC 4568 §6.3.3)."""

    def verify(self, _number: int, _roc: int, _key_number: int, /) -> bool:
        return True

    def matching_rocs(self, _number: int, _key_number: int, _limit: int, /) -> Iterator[int]:
        return iter(())
