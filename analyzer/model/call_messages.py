# SPDX-License-Identifier: GPL-2.0-only
"""The messages of a call, looked at once for what several stages ask of all of them."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Self

from analyzer.model.evidence import AnySignalling, SignallingMessage


class CallMessages(tuple[AnySignalling, ...]):  # noqa: SLOT001 - a tuple can have none but empty ones
    """Messages of one Call-ID in time order, never changed.

    `header_names` are the long names of all headers of those that are SIP, `odd` those of them with a defect;
    `carriers` are the messages with a body, each once: no retransmissions.
    """

    header_names: frozenset[str]
    odd: tuple[SignallingMessage, ...]
    carriers: tuple[AnySignalling, ...]

    def __new__(cls, messages: Iterable[AnySignalling] = ()) -> Self:
        """Look at each message, which is seldom as near at hand again."""
        self = super().__new__(cls, messages)
        names: set[frozenset[str]] = set()
        odd: list[SignallingMessage] = []
        carriers: list[AnySignalling] = []
        for message in self:
            text = message.text
            if isinstance(message, SignallingMessage):
                names.add(message.sip.section.names)
                if message.sip.defects:
                    odd.append(message)
            if text.body_end > text.body_offset and message.retransmission_of is None:
                carriers.append(message)
        self.header_names, self.odd, self.carriers = _joined(frozenset(names)), tuple(odd), tuple(carriers)
        return self


@lru_cache(maxsize=1024)  # few programs, few sets of headers: calls share them
def _joined(names: frozenset[frozenset[str]]) -> frozenset[str]:
    return frozenset[str]().union(*names)
