# SPDX-License-Identifier: GPL-2.0-only
"""Handshake messages of one DTLS flow put together from their fragments, in bounded memory (RFC 6347 §4.2.3)."""

from collections.abc import Iterator

from dissectors.grammar.dtls import ContentType, Handshake, parse_dtls_records, parse_handshakes
from dissectors.grammar.errors import GrammarError

MAX_MESSAGE_OCTETS = 1 << 16
MAX_PENDING_MESSAGES = 8
MAX_FRAGMENTS = 64


class _Partial:
    """One message of which some octets are there; `gaps` are the ranges still missing, in order."""

    __slots__ = ("body", "fragments", "gaps", "length", "message_type")

    def __init__(self, first: Handshake) -> None:
        self.message_type = first.message_type
        self.length = first.length
        self.body = bytearray(first.length)
        self.gaps = [(0, first.length)]
        self.fragments = 0

    def add(self, fragment: Handshake) -> None:
        """Put one fragment in its place; the newest octets stand, so that an old message can't mix with a new one."""
        self.fragments += 1
        start, stop = fragment.fragment_offset, fragment.fragment_offset + len(fragment.body)
        self.body[start:stop] = fragment.body
        pieces = [piece for low, high in self.gaps for piece in ((low, min(high, start)), (max(low, stop), high))]
        self.gaps = [(low, high) for low, high in pieces if low < high]


class HandshakeAssembler:
    """Takes the datagrams of one direction in order and gives each clear handshake message once it is whole.

    Only epoch 0 is clear. A message longer than `MAX_MESSAGE_OCTETS` or in more than `MAX_FRAGMENTS` fragments is
    dropped, and so is the oldest of more than `MAX_PENDING_MESSAGES` unfinished ones.
    """

    def __init__(self) -> None:
        self._pending: dict[int, _Partial] = {}

    def feed(self, datagram: bytes) -> Iterator[Handshake]:
        """The messages that this datagram completes; what is not DTLS completes none."""
        try:
            records = parse_dtls_records(datagram)
        except GrammarError:
            return
        for record in records:
            if record.content_type == ContentType.handshake and not record.epoch and not record.defects:
                yield from self.feed_fragment(record.fragment)

    def feed_fragment(self, fragment: bytes) -> Iterator[Handshake]:
        """The messages that the content of one handshake record completes, clear or opened."""
        try:
            messages = parse_handshakes(fragment)
        except GrammarError:
            return
        for message in messages:
            whole = message if message.whole else self._join(message)
            if whole is not None:
                yield whole

    def _join(self, fragment: Handshake) -> Handshake | None:
        if fragment.length > MAX_MESSAGE_OCTETS:
            return None
        number = fragment.message_sequence
        partial = self._pending.get(number)
        if partial is None or (partial.message_type, partial.length) != (fragment.message_type, fragment.length):
            self._pending.pop(number, None)
            if len(self._pending) >= MAX_PENDING_MESSAGES:
                self._pending.pop(next(iter(self._pending)))
            partial = self._pending[number] = _Partial(fragment)
        partial.add(fragment)
        if partial.gaps and partial.fragments < MAX_FRAGMENTS:
            return None
        del self._pending[number]
        if partial.gaps:
            return None
        return Handshake(fragment.message_type, fragment.length, number, 0, bytes(partial.body))
