# SPDX-License-Identifier: GPL-2.0-only
"""What MIKEY messages and the media under their keys establish, and how each thing is known."""

from typing import NamedTuple

from analyzer.model.words import Word

KEY_DATA = "key data"  # what a fact about the keys in a KEMAC is of


class KnownBy(Word):
    """How a fact is known, weakest first."""

    CLAIMED = "claimed"  # the message says so
    CONSISTENT = "consistent"  # nothing contradicts it, yet anyone could have made it
    MAC = "proved by MAC"
    SIGNATURE = "proved by signature"
    MEDIA = "proved by media"  # packets authenticate under keys that follow from it


class MikeyFact(NamedTuple):
    """One thing established: "sender", "envelope key", "TGK"; `detail` never holds a key."""

    what: str
    known_by: KnownBy
    detail: str = ""
