# SPDX-License-Identifier: GPL-2.0-only
"""The SIP and SDP of a call between two phones: one dialog, its messages in order (RFC 3261, RFC 3264)."""

from dataclasses import dataclass, replace

from dissectors.layers.sdp import SDP, SDP_Attribute, SDP_Media
from dissectors.layers.sip import SIP

SAVP = "RTP/SAVP"
AVP = "RTP/AVP"


@dataclass(frozen=True)
class Phone:
    """One party: where it lives, what it sends from, and the pitch of its voice."""

    name: str
    address: str
    sip_port: int
    rtp_port: int
    ssrc: int
    pitch: int
    mac: str

    def at(self, address: str) -> "Phone":
        """The same phone at another address."""
        return replace(self, address=address)

    @property
    def uri(self) -> str:
        """Its address-of-record."""
        return f"sip:{self.name}@example.com"

    @property
    def host(self) -> str:
        """Its address as SIP writes it."""
        return f"[{self.address}]" if ":" in self.address else self.address


@dataclass(frozen=True)
class Alternative:
    """A media line of the same audio under another profile, before the one that is taken; refused by port 0."""

    profile: str
    attributes: tuple[SDP_Attribute | str, ...] = ()
    refused: bool = False


@dataclass(frozen=True)
class Description:
    """What one side says of its audio: the profile and the keying attributes of the media line.

    `before` are alternatives to it; with `inactive` it describes capabilities and no media (RFC 3264 §9).
    """

    attributes: tuple[SDP_Attribute | str, ...] = ()
    profile: str = SAVP
    before: tuple[Alternative, ...] = ()
    inactive: bool = False

    def sdp(self, phone: Phone, version: int = 1) -> SDP:
        """The whole session description; its version grows with each offer (RFC 3264 §8)."""
        family = "IP6" if ":" in phone.address else "IP4"
        session = [
            "v=0",
            f"o={phone.name} {phone.ssrc} {version} IN {family} {phone.address}",
            "s=-",
            f"c=IN {family} {phone.address}",
            "t=0 0",
        ]
        others = [
            self._audio(0 if one.refused else phone.rtp_port + 2 + 2 * place, one.profile, one.attributes)
            for place, one in enumerate(self.before)
        ]
        audio = self._audio(0 if self.inactive else phone.rtp_port, self.profile, self.attributes)
        return SDP(lines=session, media=[*others, audio])

    def _audio(self, port: int, profile: str, attributes: tuple[SDP_Attribute | str, ...]) -> SDP_Media:
        lines = [f"m=audio {port} {profile} 0", "a=rtpmap:0 PCMU/8000", *attributes]
        return SDP_Media(lines=[*lines, "a=ptime:20", "a=sendrecv"])


class Dialog:
    """The messages of one call; each method gives the next one."""

    def __init__(self, name: str, caller: Phone, callee: Phone, headers: tuple[str, ...] = ()) -> None:
        self.call_id = f"{name}@example.com"
        self.caller, self.callee = caller, callee
        self._branch = f"z9hG4bK-{name}"
        self._extra = headers
        self.attempt = 1

    @property
    def _try(self) -> str:
        """What tells the branch of this attempt from the others'."""
        return "1" if self.attempt == 1 else f"1-{self.attempt}"

    def ask(self) -> bytes:
        """OPTIONS: what the callee can do, in a transaction and under a Call-ID of its own (RFC 3261 §11)."""
        return self._request("OPTIONS", 1, "0", to_tag=False, target=self.callee.uri)

    def tell(self, capabilities: Description) -> bytes:
        """200 OK with the callee's capabilities (RFC 3264 §9)."""
        return self._response(200, "OK", "OPTIONS", 1, "0", capabilities.sdp(self.callee))

    def invite(self, offer: Description) -> bytes:
        """The call begins."""
        return self._request(
            "INVITE", self.attempt, self._try, offer.sdp(self.caller), to_tag=False, target=self.callee.uri
        )

    def ring(self) -> bytes:
        """180 Ringing."""
        return self._response(180, "Ringing", "INVITE", self.attempt, self._try)

    def accept(self, answer: Description) -> bytes:
        """200 OK with the answer."""
        return self._response(200, "OK", "INVITE", self.attempt, self._try, answer.sdp(self.callee))

    def acknowledge(self) -> bytes:
        """ACK for the 200."""
        return self._request("ACK", self.attempt, "2")

    def refuse(self, status: int, reason: str, body: Description | None = None) -> bytes:
        """A final response that ends the attempt."""
        sdp = None if body is None else body.sdp(self.callee)
        return self._response(status, reason, "INVITE", self.attempt, self._try, sdp)

    def acknowledge_refusal(self) -> bytes:
        """ACK for a response that refused: of the INVITE's own transaction (RFC 3261 §17.1.1.3)."""
        return self._request("ACK", self.attempt, self._try, target=self.callee.uri)

    def offer_again(self, offer: Description) -> bytes:
        """Re-INVITE with a new offer."""
        return self._request("INVITE", self.attempt + 1, "5", offer.sdp(self.caller, 2))

    def accept_again(self, answer: Description) -> bytes:
        """200 OK with the answer to it."""
        return self._response(200, "OK", "INVITE", self.attempt + 1, "5", answer.sdp(self.callee, 2))

    def acknowledge_again(self) -> bytes:
        """ACK for the second 200."""
        return self._request("ACK", self.attempt + 1, "6")

    def hang_up(self, cseq: int = 2) -> bytes:
        """BYE."""
        return self._request("BYE", cseq, "3")

    def confirm_end(self, cseq: int = 2) -> bytes:
        """200 OK for the BYE."""
        return self._response(200, "OK", "BYE", cseq, "3")

    def _contact(self, phone: Phone) -> str:
        return f"sip:{phone.name}@{phone.host}:{phone.sip_port}"

    def _request(
        self, method: str, cseq: int, branch: str, body: SDP | None = None, *, to_tag: bool = True, target: str = ""
    ) -> bytes:
        extra = [f"Contact: <{self._contact(self.caller)}>", *self._extra] if method == "INVITE" else []
        headers = [*self._headers(method, cseq, branch, to_tag=to_tag), "Max-Forwards: 70", *extra]
        sip = SIP(method=method, request_uri=target or self._contact(self.callee), headers=headers)
        return bytes(sip if body is None else sip / body)

    def _response(
        self, status: int, reason: str, method: str, cseq: int, branch: str, body: SDP | None = None
    ) -> bytes:
        extra = [f"Contact: <{self._contact(self.callee)}>"] if method == "INVITE" and status < 300 else []
        sip = SIP(status=status, reason=reason, headers=[*self._headers(method, cseq, branch), *extra])
        return bytes(sip if body is None else sip / body)

    def _headers(self, method: str, cseq: int, branch: str, *, to_tag: bool = True) -> list[str]:
        via = f"SIP/2.0/UDP {self.caller.host}:{self.caller.sip_port};branch={self._branch}-{branch}"
        return [
            f"Via: {via}",
            f"From: <{self.caller.uri}>;tag={self.caller.ssrc:x}",
            f"To: <{self.callee.uri}>" + (f";tag={self.callee.ssrc:x}" if to_tag else ""),
            f"Call-ID: {'options-' if method == 'OPTIONS' else ''}{self.call_id}",
            f"CSeq: {cseq} {method}",
        ]
