# SPDX-License-Identifier: GPL-2.0-only
"""Session descriptions of messages, each distinct one parsed once."""

import base64
from collections import Counter

from analyzer.model.call import Party, SdpBody
from analyzer.model.evidence import SignallingMessage
from dissectors.grammar.content_length import count_missing
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.sdp import MediaDescription, SessionDescription, parse_sdp

_KEYING_ATTRIBUTES = ("crypto", "key-mgmt", "fingerprint", "zrtp-hash", "acap", "pcfg")
SDP_TYPE = "application/sdp"
STALE_LENGTH_OCTETS = 40  # as much as a NAT's rewriting of addresses and ports may shorten a description
_CUT_HEADERS, _SHORT_BODY = "header-section-without-end", "body-shorter-than-content-length"
MAX_REMEMBERED = 4096  # distinct descriptions; past it all are forgotten and parsed anew


class SessionReader:
    """Reads the session description a message carries; equal octets give the same value."""

    def __init__(self) -> None:
        self._sessions: dict[bytes, SessionDescription | None] = {}

    def read(self, message: SignallingMessage | None, party: Party) -> SdpBody | None:
        """The description in `message`, spoken by `party`; None without a message, or where none can be read whole."""
        if message is None or message.sip.body_end <= message.sip.body_offset or is_cut(message):
            return None
        body = message.sip.sdp()
        if body is None:
            return None
        session = self.parse(body.content)
        if session is None:
            return None
        found = SdpBody(message, session, party)
        return found if message.sip.content_type_value == SDP_TYPE else self._with_mikey(found, message)

    def _with_mikey(self, body: SdpBody, message: SignallingMessage) -> SdpBody:
        """The description with the MIKEY messages that stand beside it written as the `a=key-mgmt` lines they would be.

        The later stages then read them as they read the description's own (RFC 3830 §10.1, RFC 4567 §3.1).
        """
        messages = message.sip.mikey_parts()
        if not messages:
            return body
        lines = b"".join(b"a=key-mgmt:mikey " + base64.b64encode(octets) + b"\r\n" for octets in messages)
        head, media, rest = body.session.raw.partition(b"\nm=")
        end = b"" if head.endswith(b"\n") or media else b"\r\n"
        written = self.parse(head + (b"\n" + lines[:-1] if media else end + lines) + media + rest)
        return body if written is None else body._replace(session=written, bodies=len(messages))

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


def is_cut(message: SignallingMessage) -> bool:
    """Whether the capture lacks the end of a message, and so what it would have described, or more of it.

    A sender whose Content-Length is wrong, or an element that rewrote addresses and left it as it was, still ends with
    a whole line.
    """
    sip = message.sip
    codes = {defect.code for defect in sip.defects}
    if _SHORT_BODY in codes:
        missing = count_missing(sip.header("content-length"), sip.body_end - sip.body_offset)
        return missing > STALE_LENGTH_OCTETS or not sip.raw.endswith((b"\n", b"\r"), 0, sip.body_end)
    return _CUT_HEADERS in codes


def security_of(session: SessionDescription) -> tuple[object, ...]:
    """What must be the same for two offers to be alike: media, profiles and how many keying lines of each kind."""
    levels: tuple[SessionDescription | MediaDescription, ...] = (session, *session.media)
    keying = tuple(
        Counter(attribute.name for attribute in level.attributes if attribute.name in _KEYING_ATTRIBUTES)
        for level in levels
    )
    return shape_of(session), keying


def shape_of(session: SessionDescription) -> tuple[tuple[str, str, bool], ...]:
    """The media lines: type, profile, and whether the port is 0."""
    return tuple((media.type, media.proto, media.port == 0) for media in session.media)


def unversioned(session: SessionDescription) -> tuple[bytes, ...]:
    """The lines without `o=`, the attributes of a level by name: what says nothing new leaves them alike.

    A session refresh may count its version up and change nothing (RFC 3264 §8). Order tells among attributes of one
    name alone; between names it is the program's that wrote them.
    """
    kept: list[bytes] = []
    attributes: list[bytes] = []
    for line in session.lines:
        if line[:2] == b"a=":
            attributes.append(line)
        elif line[:2] != b"o=":
            if line[:2] == b"m=":
                kept += sorted(attributes, key=_attribute_name)
                attributes.clear()
            kept.append(line)
    return (*kept, *sorted(attributes, key=_attribute_name))


def _attribute_name(line: bytes) -> bytes:
    return line.partition(b":")[0].rstrip()
