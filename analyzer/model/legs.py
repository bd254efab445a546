# SPDX-License-Identifier: GPL-2.0-only
"""Legs of one call: how two calls are known to belong together, and what the element between them changed."""

from typing import NamedTuple

from analyzer.model.evidence import FrameRef
from analyzer.model.words import Word


class LegEvidence(Word):
    """What two legs share."""

    SESSION_ID = "session-id"  # RFC 7989
    CALL_ID_IN_HEADER = "call-id-in-header"  # one leg names the Call-ID of the other
    HEADER_ID = "header-id"  # the same identifier in an extension header
    CSB_ID = "mikey-csb-id"  # RFC 3830 §6.1
    SDP_ORIGIN = "sdp-origin"  # RFC 8866 §5.2
    MEDIA_ADDRESS = "media-address"  # both announce one transport address


class LegChange(Word):
    """What became of an offer between two legs."""

    PROFILE_CHANGED = "profile-changed"
    LINES_REMOVED = "lines-removed"
    LINES_ADDED = "lines-added"
    LINES_REORDERED = "lines-reordered"
    KEYS_REPLACED = "keys-replaced"
    FINGERPRINT_REPLACED = "fingerprint-replaced"
    SETUP_CHANGED = "setup-changed"  # who opens the DTLS or TCP connection (RFC 4145 §4)
    MEDIA_UNPAIRED = "media-unpaired"  # which of several media this one is on the other leg can't be told


class LegDifference(NamedTuple):
    """One change of a media line; this leg's description stands `here`, the other's `there`; no key is in `detail`.

    Each leg counts its media by itself: an index is None where that leg lacks the medium, or nobody knows which it is.
    """

    change: LegChange
    detail: str
    index_here: int | None
    index_there: int | None
    here: FrameRef
    there: FrameRef


class Passage(NamedTuple):
    """What became of an offer or answer between two legs; differences read in the direction in which it went.

    `arrives` says that it came to this leg from the other, `is_compared` that it was seen on both. `was_keyed` says
    whether it named a key agreement for any medium where it came from, None where that was not seen.
    """

    arrives: bool
    is_compared: bool
    was_keyed: bool | None
    differences: tuple[LegDifference, ...] = ()


class OtherLeg(NamedTuple):
    """A call that is another leg of this one; `confidence` from 0 to 1, `is_earlier` says that it began first.

    `answer` is None where neither leg's first offer was accepted.
    """

    call_id: str
    is_earlier: bool
    evidence: tuple[LegEvidence, ...]
    confidence: float
    offer: Passage
    answer: Passage | None = None


class KeyingHabit(NamedTuple):
    """A medium that an endpoint offers without keying `here`, and how often it had offered it with keying and without.

    Counted over the calls before; `last` is where it was offered with keying last.
    """

    media_index: int
    keyed: int
    plain: int
    here: FrameRef
    last: FrameRef
