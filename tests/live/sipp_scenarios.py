# SPDX-License-Identifier: GPL-2.0-only
"""sipp scenarios out of a few words a step, for both ends, and what must be read of each call.

`>INVITE offer` sends a request with a description, `<200` waits for a response or request, `<180?` for one that need
not come, `180`, `200 answer` answer the last request, `wait 50` pauses for milliseconds.
"""

from typing import NamedTuple
from xml.sax.saxutils import quoteattr

SAVP = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
REASONS = {180: "Ringing", 183: "Session Progress", 200: "OK", 302: "Moved", 486: "Busy Here", 487: "Terminated"}


class Scenario(NamedTuple):
    """Both ends' steps, and the reading of each call."""

    caller: tuple[str, ...]
    callee: tuple[str, ...]
    expected: str


ANSWER = ("<INVITE", "180", "200 savp", "<ACK")
CALL = (">INVITE savp", "<100?", "<180?", "<200", ">ACK")
HANG_UP, HUNG_UP = (">BYE", "<200"), ("<BYE", "200")
SCENARIOS = {
    "call": Scenario((*CALL, "wait 50", *HANG_UP), (*ANSWER, *HUNG_UP), "ended answered=inconclusive"),
    "busy": Scenario((">INVITE savp", "<486", ">ACK"), ("<INVITE", "486", "<ACK"), "rejected rejected=no-media"),
    "retry": Scenario(
        (">INVITE savp", "<488", ">ACK", ">INVITE avp", "<200", ">ACK", *HANG_UP),
        ("<INVITE", "488", "<ACK", "<INVITE", "200 avp", "<ACK", *HUNG_UP),
        "ended rejected=no-media answered=unprotected",
    ),
    "cancel": Scenario(
        (">INVITE savp", "<180", ">CANCEL", "<200", "<487", ">ACK"),
        ("<INVITE", "180", "<CANCEL", "200", "487 INVITE", "<ACK"),
        "cancelled cancelled=no-media",
    ),
    "hold": Scenario(
        (*CALL, ">INVITE inactive", "<200", ">ACK", ">INVITE savp", "<200", ">ACK", *HANG_UP),
        (*ANSWER, "<INVITE", "200 inactive", "<ACK", "<INVITE", "200 savp", "<ACK", *HUNG_UP),
        "ended answered=inconclusive answered=no-media answered=inconclusive",
    ),
    "early": Scenario(
        (">INVITE savp", "<183", ">PRACK", "<200", "<200", ">ACK", *HANG_UP),
        ("<INVITE", "183 savp", "<PRACK", "200", "200 INVITE", "<ACK", *HUNG_UP),
        "ended answered=inconclusive",
    ),
    "delayed": Scenario(
        (">INVITE", "<200", ">ACK savp", *HANG_UP),
        ("<INVITE", "200 savp", "<ACK", *HUNG_UP),
        "ended answered=inconclusive",
    ),
    "refresh": Scenario(
        (*CALL, ">UPDATE", "<200", ">UPDATE savp", "<200", *HANG_UP),
        (*ANSWER, "<UPDATE", "200", "<UPDATE", "200 savp", *HUNG_UP),
        "ended answered=inconclusive",
    ),
}


def render(name: str, steps: tuple[str, ...]) -> str:
    """The XML of one end."""
    body = "".join(_Steps().render(steps))
    return f'<?xml version="1.0" encoding="UTF-8" ?>\n<scenario name={quoteattr(name)}>\n{body}</scenario>\n'


class _Steps:
    def __init__(self) -> None:
        self.number = 0  # CSeq of the last request
        self.invite = 0
        self.in_dialog = False

    def render(self, steps: tuple[str, ...]) -> list[str]:
        return [self._step(step) for step in steps]

    def _step(self, step: str) -> str:
        word, _, rest = step.partition(" ")
        if word == "wait":
            return f'<pause milliseconds="{rest}"/>\n'
        if word[0] == "<":
            return self._wait(word[1:])
        return _send(self._request(word[1:], rest) if word[0] == ">" else self._response(int(word), rest))

    def _wait(self, what: str) -> str:
        optional = ' optional="true"' if what.endswith("?") else ""
        what = what.rstrip("?")
        kind = "response" if what.isdigit() else "request"
        self.in_dialog = self.in_dialog or what == "200" or what == "ACK"
        return f'<recv {kind}="{what}" rrs="true"{optional}/>\n'

    def _request(self, method: str, description: str) -> list[str]:
        if method not in ("ACK", "CANCEL"):
            self.number += 1
        if method == "INVITE":
            self.invite = self.number
        number = self.invite if method in ("ACK", "CANCEL") else self.number
        to_tag = "" if method == "CANCEL" or (method == "INVITE" and not self.in_dialog) else "[peer_tag_param]"
        lines = [
            f"{method} sip:callee@[remote_ip]:[remote_port] SIP/2.0",
            "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
            "From: <sip:caller@example.com>;tag=[pid]c[call_number]",
            f"To: <sip:callee@example.com>{to_tag}",
            "Call-ID: [call_id]",
            f"CSeq: {number} {method}",
            "Contact: <sip:caller@[local_ip]:[local_port]>",
            "Max-Forwards: 70",
        ]
        if method == "PRACK":
            lines.append(f"RAck: 1 {self.invite} INVITE")
        return lines + _body(description)

    def _response(self, status: int, rest: str) -> list[str]:
        is_invite = rest == "INVITE"
        cseq = "CSeq: 1 INVITE" if is_invite else "[last_CSeq:]"
        tag = "" if self.in_dialog else ";tag=[pid]u[call_number]"
        to = f"To: <sip:callee@example.com>{tag}" if is_invite else f"[last_To:]{tag}"
        lines = [f"SIP/2.0 {status} {REASONS.get(status, 'Refused')}", "[last_Via:]", "[last_From:]", to]
        lines += ["[last_Call-ID:]", cseq, "Contact: <sip:callee@[local_ip]:[local_port]>"]
        if status == 183:
            lines += ["Require: 100rel", "RSeq: 1"]
        return lines + _body("" if is_invite else rest)


def _body(description: str) -> list[str]:
    if not description:
        return ["Content-Length: 0"]
    profile = "RTP/AVP" if description == "avp" else "RTP/SAVP"
    lines = ["Content-Type: application/sdp", "Content-Length: [len]", "", "v=0"]
    lines += ["o=- 1 1 IN IP4 [local_ip]", "s=-", "c=IN IP4 [local_ip]", "t=0 0", f"m=audio [media_port] {profile} 0"]
    return lines + ([SAVP] if profile == "RTP/SAVP" else []) + (["a=inactive"] if description == "inactive" else [])


def _send(lines: list[str]) -> str:
    return "<send>\n<![CDATA[\n\n" + "\n".join(lines) + "\n\n]]>\n</send>\n"
