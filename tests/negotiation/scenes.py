# SPDX-License-Identifier: GPL-2.0-only
"""Media lines and keying made from session descriptions and MIKEY messages, as the earlier stages hand them on."""

from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.model.call import (
    Call,
    CallState,
    Exchange,
    MediaLine,
    MediaSide,
    Party,
    Resolution,
    SdpBody,
    Side,
)
from analyzer.model.call_messages import CallMessages
from analyzer.model.evidence import FrameRef, SignallingMessage
from analyzer.model.keying import Keying, MacState, MikeyEvidence
from analyzer.model.negotiation import Negotiation, SelectionRule
from analyzer.model.policy import Policy
from analyzer.negotiation.knowledge import Knowledge
from analyzer.negotiation.negotiate import negotiate
from dissectors.grammar.capability_negotiation import parse_acap
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.key_mgmt import make_key_mgmt, parse_key_mgmt
from dissectors.grammar.mikey import GeneralExtension, Header, MikeyMessage, build_mikey, link_payloads, parse_mikey
from dissectors.grammar.mikey.policy import build_policy_for_suite
from dissectors.grammar.mikey.priority_extension import (
    EntryKind,
    Owner,
    PriorityEntry,
    PriorityList,
    Rule,
    build_priority_list,
)
from dissectors.grammar.sdes import canonical_suite, parse_crypto
from dissectors.grammar.sdp import make_sdp
from dissectors.grammar.sip import make_sip

CM_80, CM_32, F8 = "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "F8_128_HMAC_SHA1_80"
KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
POLICY = Policy(
    "test",
    1,
    "Test",
    "",
    SelectionRule.BY_CARRIER,
    (),
    suite_strength=((CM_80, 2), (F8, 2), (CM_32, 1)),
    key_agreement_strength=(("MIKEY-DH", 3), ("MIKEY-PKE", 2), ("MIKEY-PSK", 1)),
)


def crypto(tag: int, suite: str) -> str:
    return f"crypto:{tag} {suite} inline:{KEY}"


def session(*attributes: str, proto: str = "RTP/SAVP", port: int = 4000, level: tuple[str, ...] = ()) -> list[str]:
    head = ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0", *(f"a={one}" for one in level)]
    return [*head, f"m=audio {port} {proto} 0", *(f"a={one}" for one in attributes)]


def body(lines: Sequence[str], party: Party, frame: int) -> SdpBody:
    headers = [("User-Agent", f"Phone of {party}/1.0")]
    sip = make_sip("INVITE sip:bob@example.com SIP/2.0", headers)
    source = "192.0.2.1:5060" if party is Party.CALLER else "192.0.2.2:5060"
    message = SignallingMessage(0, frame, frame, source, "192.0.2.9:5060", "UDP", sip)
    return SdpBody(message, make_sdp(lines), party)


def evidence(side: MediaSide, role: Side, mac: bool | None) -> tuple[MikeyEvidence, ...]:
    found = []
    for level, attributes in (("media", side.media.attributes), ("session", side.body.session.attributes)):
        for one in attributes:
            value = one.value or ""
            if one.name == "acap" and (capability := parse_acap(value)).name == "key-mgmt":
                value = capability.value or ""
            elif one.name != "key-mgmt":
                continue
            line = parse_key_mgmt(value)
            message = _parse(line.data)
            state = MacState(mac, "as the test says")
            ref = side.body.message.ref
            found.append(
                MikeyEvidence(
                    ref,
                    level,
                    one.line_number,
                    role,
                    line.protocol,
                    line.data,
                    message,
                    state,
                    bound_key=mac is not None,
                )
            )
        if found:
            break
    return tuple(found)


def _parse(octets: bytes | None) -> MikeyMessage | None:
    try:
        return None if octets is None else parse_mikey(octets)
    except GrammarError:
        return None


@dataclass(frozen=True)
class Flow:
    """Datagrams of one direction."""

    capture: int
    source: str
    destination: str
    frame: tuple[int, ...]
    timestamp_ns: tuple[int, ...]
    datagrams: tuple[bytes, ...]

    def ref(self, frame: int) -> FrameRef:
        return FrameRef(self.capture, frame)

    def __len__(self) -> int:
        return len(self.datagrams)

    def payload(self, index: int) -> bytes:
        return self.datagrams[index]


@dataclass(frozen=True)
class Scene:
    """A call of one media line by two descriptions; None for one that was not seen. `mac` is every message's state."""

    offer: Sequence[str] | None
    answer: Sequence[str] | None
    mac: bool | None = None
    resolution: Resolution = Resolution.ANSWERED
    index: int = 0
    start_ns: int = 0
    swapped: bool = False
    frame: int = 1

    @property
    def line(self) -> MediaLine:
        first, second = (Party.CALLEE, Party.CALLER) if self.swapped else (Party.CALLER, Party.CALLEE)
        offer = None if self.offer is None else body(self.offer, first, self.frame)
        answer = None if self.answer is None else body(self.answer, second, self.frame + 1)
        sides = [
            None if one is None else MediaSide(one, one.session.media[self.index], address, None)
            for one, address in ((offer, "192.0.2.1:4000"), (answer, "192.0.2.2:4000"))
        ]
        exchange = Exchange(0, offer, answer, self.resolution, None, self.start_ns, None, None)
        return MediaLine(self.index, exchange, "audio", *sides, (), (), ())

    @property
    def call(self) -> Call:
        line = self.line
        ends = ("sip:alice@example.com", "sip:bob@example.com")
        return Call("c", "sip", *ends, CallState.ENDED, 0, 1, CallMessages(), (line.exchange,), (line,))

    @property
    def keying(self) -> Keying:
        line = self.line
        lists = [() if one is None else _crypto(one) for one in (line.offer, line.answer)]
        messages: tuple[MikeyEvidence, ...] = ()
        for side, role in ((line.offer, Side.OFFERER), (line.answer, Side.ANSWERER)):
            if side is not None:
                messages += evidence(side, role, self.mac)
        return Keying(None, None, "", offered_crypto=lists[0], accepted_crypto=lists[1], mikey=messages)

    def negotiate(self, policy: Policy = POLICY, knowledge: Knowledge | None = None) -> Negotiation:
        return negotiate(self.line, self.keying, policy, knowledge or Knowledge(), self.call)


def _crypto(side: MediaSide) -> tuple:
    values = list(side.media.attribute_values("crypto"))
    for value in (*side.media.attribute_values("acap"), *side.body.session.attribute_values("acap")):
        capability = parse_acap(value)
        if capability.name == "crypto":
            values.append(capability.value)
    return tuple(parse_crypto(value) for value in values)


def message(
    kind: int,
    suites: Sequence[str] = (),
    *,
    listed: tuple = (),
    ids: str | None = None,
    v: bool = True,
    sessions: tuple = (),
    map_type: int = 0,
    csb_id: int = 7,
) -> str:
    """A key-mgmt attribute of one MIKEY message; `listed` are (owner, entries), `ids` the SDP-ID list."""
    payloads = [build_policy_for_suite(suite, number) for number, suite in enumerate(suites)]
    if listed:
        data = build_priority_list(PriorityList(1, listed[0], Rule.MIN_SUM, tuple(listed[1])))
        payloads.append(GeneralExtension(241, data))
    if ids is not None:
        payloads.append(GeneralExtension(1, ids.encode()))
    header = Header(1, kind, 0, v, 0, csb_id, len(sessions), map_type if sessions else 1, sessions)
    octets = build_mikey(link_payloads(header, tuple(payloads)))
    return f"key-mgmt:{make_key_mgmt('mikey', octets).text}"


def table_4(owner: Owner) -> tuple[int, list[PriorityEntry]]:
    """One side's list of the paper's Table 4 as a priority extension."""
    modes, suites = (((0, 2, 4), (CM_80, CM_32)), ((2, 4, 0), (CM_32, F8)))[owner]
    entries = [PriorityEntry(EntryKind.KEY_AGREEMENT, number, bytes((mode,))) for number, mode in enumerate(modes)]
    entries += [
        PriorityEntry(EntryKind.SUITE_BY_NAME, n, canonical_suite(one).encode()) for n, one in enumerate(suites)
    ]
    return owner, entries
