# SPDX-License-Identifier: GPL-2.0-only
"""`profile-order`: alternative media lines of one medium that differ in profile, at most one of them accepted."""

from collections.abc import Sequence

from analyzer.model.call import MediaLine
from analyzer.model.negotiation import CapabilityKind, Carrier, Preference
from dissectors.grammar.sdp import MediaDescription

METHODS = (("crypto", "SDES"), ("fingerprint", "DTLS-SRTP"), ("zrtp-hash", "ZRTP"))


def read_alternatives(line: MediaLine, own: Sequence[str]) -> tuple[Preference, ...]:
    """The key agreements of the alternatives by the position of their lines, () where the line has none.

    Lines are alternatives when they offer one medium under different profiles and no two of them were accepted.
    `own` are the key agreements of this line itself, as its other carriers name them.
    """
    offer = line.exchange.offer
    if offer is None or line.offer is None or len(offer.session.media) == 1:
        return ()
    group = [media for media in offer.session.media if media.type == line.type]
    if len(group) < 2 or len({media.proto for media in group}) < 2 or _accepted(line, group) > 1:
        return ()
    ref = offer.message.ref
    preferences = [
        Preference(CapabilityKind.KEY_AGREEMENT, name, position, Carrier.PROFILE_ORDER, False, ref)
        for position, media in enumerate(group)
        for name in (own if media.index == line.index else _methods(media))
    ]
    return tuple(preferences) if len({preference.name for preference in preferences}) > 1 else ()


def _methods(media: MediaDescription) -> tuple[str, ...]:
    return tuple(method for name, method in METHODS if media.attribute(name) is not None)


def _accepted(line: MediaLine, group: Sequence[MediaDescription]) -> int:
    answer = line.exchange.answer
    if answer is None:
        return 0
    indices = {media.index for media in group}
    return sum(media.port != 0 for media in answer.session.media if media.index in indices)
