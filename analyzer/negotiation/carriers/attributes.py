# SPDX-License-Identifier: GPL-2.0-only
"""The SDP attributes of one media line that carry key agreements, gathered in one pass over both levels."""

from analyzer.model.call import MediaSide
from analyzer.model.evidence import FrameRef
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.sdp import Attribute

DTLS_SRTP, TLS = "DTLS-SRTP", "TLS"
RELEVANT = frozenset({"crypto", "key-mgmt", "fingerprint", "zrtp-hash", "acap", "pcfg", "acfg", "setup"})
KEYING = RELEVANT - {"setup"}


@dataclass(frozen=True, slots=True)
class KeyingAttributes:
    """The attributes of one side's media section and of its session level that have to do with keying.

    The last `bodies` key-mgmt lines of the session stand for bodies of their own. `fingerprint_method` is the
    key agreement whose certificate a fingerprint is of.
    """

    ref: FrameRef
    media: tuple[Attribute, ...]
    session: tuple[Attribute, ...]
    fingerprint_method: str
    bodies: int = 0

    @property
    def empty(self) -> bool:
        """Whether neither level names a key agreement."""
        return not self.media and not self.session

    def own(self, name: str) -> tuple[str, ...]:
        """Values of that attribute at media level."""
        return tuple(attribute.value or "" for attribute in self.media if attribute.name == name)

    def inherited(self, name: str) -> tuple[str, ...]:
        """Values at media level, or those of the session level where the media level has none."""
        return self.own(name) or tuple(attribute.value or "" for attribute in self.session if attribute.name == name)

    def either(self, name: str) -> tuple[str, ...]:
        """Values at both levels, the session's first."""
        return tuple(attribute.value or "" for attribute in (*self.session, *self.media) if attribute.name == name)

    def level(self, name: str) -> tuple[Attribute, ...]:
        """The attributes of the level called "media" or "session"."""
        return self.media if name == "media" else self.session


def read_attributes(side: MediaSide) -> KeyingAttributes:
    """The keying attributes of one side of a media line; `setup` is kept only beside others."""
    media, session = side.media.attributes_named(RELEVANT), side.body.session.attributes_named(RELEVANT)
    method = TLS if side.media.is_in_tls else DTLS_SRTP
    return KeyingAttributes(side.body.message.ref, media, session, method, side.body.bodies)
