# SPDX-License-Identifier: GPL-2.0-only
"""Session descriptions of messages, each distinct one parsed once."""

from collections import Counter

from analyzer.model.call import Party, SdpBody
from analyzer.model.evidence import SignallingMessage
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.sdp import MediaDescription, SessionDescription, parse_sdp

_KEYING_ATTRIBUTES = ("crypto", "key-mgmt", "fingerprint", "zrtp-hash", "acap", "pcfg")
MAX_REMEMBERED = 4096  # distinct descriptions; past it all are forgotten and parsed anew


class SessionReader:
    """Reads the session description a message carries; equal octets give the same value."""

    def __init__(self) -> None:
        self._sessions: dict[bytes, SessionDescription | None] = {}

    def read(self, message: SignallingMessage | None, party: Party) -> SdpBody | None:
        """The description in `message`, spoken by `party`; None without a message, or where none can be read."""
        if message is None or message.sip.body_end <= message.sip.body_offset:
            return None
        body = message.sip.sdp()
        if body is None:
            return None
        session = self.parse(body.content)
        return None if session is None else SdpBody(message, session, party)

    def parse(self, content: bytes) -> SessionDescription | None:
        """One description; None where none can be read."""
        if content in self._sessions:
            return self._sessions[content]
        if len(self._sessions) >= MAX_REMEMBERED:
            self._sessions.clear()
        try:
            session = parse_sdp(content)
        except GrammarError:
            session = None
        self._sessions[content] = session
        return session


def security_of(session: SessionDescription) -> tuple[object, ...]:
    """What must be the same for two offers to be alike: media, profiles and how many keying lines of each kind."""
    levels: tuple[SessionDescription | MediaDescription, ...] = (session, *session.media)
    keying = tuple(
        Counter(attribute.name for attribute in level.attributes if attribute.name in _KEYING_ATTRIBUTES)
        for level in levels
    )
    return tuple((media.type, media.proto, media.port == 0) for media in session.media), keying


def unversioned(session: SessionDescription) -> tuple[bytes, ...]:
    """The lines without `o=`: a session refresh may count its version up and change nothing (RFC 3264 §8)."""
    return tuple(line for line in session.lines if line[:2] != b"o=")
