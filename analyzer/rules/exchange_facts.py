# SPDX-License-Identifier: GPL-2.0-only
"""A MIKEY exchange outside calls as the rules see it."""

from typing import NamedTuple, Protocol

from analyzer.model.keying import MikeyEvidence, MikeyFreshness


class MikeyFacts(Protocol):
    """What the rules on MIKEY messages ask for, of a media line or of an exchange outside calls."""

    @property
    def mikey(self) -> tuple[MikeyEvidence, ...]:
        """The MIKEY messages of both sides, readable or not."""
        ...

    @property
    def freshness(self) -> MikeyFreshness:
        """How they stand to the others of the capture set."""
        ...


class ExchangeFacts(NamedTuple):
    """An initiator's message and what answered it; `taken` says whether the responder took it (None: not seen)."""

    mikey: tuple[MikeyEvidence, ...]
    freshness: MikeyFreshness
    taken: bool | None
