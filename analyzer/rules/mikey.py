# SPDX-License-Identifier: GPL-2.0-only
"""What the MIKEY rules have in common: the messages of one side."""

from analyzer.model.call import Side
from analyzer.model.keying import Keying, MikeyEvidence

MIKEY = "mikey"


def mikey_messages(keying: Keying) -> tuple[MikeyEvidence, ...]:
    """The MIKEY messages of both sides, readable or not, without those of other protocols."""
    return tuple(one for one in keying.mikey if one.protocol.lower() == MIKEY)


def offered_messages(keying: Keying) -> tuple[MikeyEvidence, ...]:
    """The MIKEY messages of the offer."""
    return tuple(one for one in mikey_messages(keying) if one.side is Side.OFFERER)
