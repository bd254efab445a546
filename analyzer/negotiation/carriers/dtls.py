# SPDX-License-Identifier: GPL-2.0-only
"""`dtls-use-srtp`: the profiles of a DTLS ClientHello, and the one that the ServerHello takes (RFC 5764 §4.1)."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from analyzer.model.call import MediaLine, Side
from analyzer.model.evidence import DatagramFlow, FrameRef
from analyzer.model.negotiation import CapabilityKind, Carrier, Preference
from dissectors.grammar.dtls import HandshakeType, Hello, ProtectionProfile, parse_hello
from dissectors.grammar.dtls_handshake import HandshakeAssembler
from dissectors.grammar.errors import GrammarError

MAX_DATAGRAMS = 64  # of one flow that are searched for a hello
SUITES = {
    ProtectionProfile.SRTP_AES128_CM_HMAC_SHA1_80: "AES_CM_128_HMAC_SHA1_80",
    ProtectionProfile.SRTP_AES128_CM_HMAC_SHA1_32: "AES_CM_128_HMAC_SHA1_32",
    ProtectionProfile.SRTP_NULL_HMAC_SHA1_80: "NULL_HMAC_SHA1_80",
    ProtectionProfile.SRTP_NULL_HMAC_SHA1_32: "NULL_HMAC_SHA1_32",
    ProtectionProfile.SRTP_AEAD_AES_128_GCM: "AEAD_AES_128_GCM",
    ProtectionProfile.SRTP_AEAD_AES_256_GCM: "AEAD_AES_256_GCM",
}


class Handshakes(NamedTuple):
    """What the hellos on a media line show; `client` is None where nothing tells whose ClientHello it is."""

    offered: tuple[Preference, ...]
    client: Side | None
    chosen: str | None


def profile_suite(number: int) -> str:
    """The suite of a protection profile: SDES spelling where there is one, else the profile's own name or number."""
    known = {int(profile): profile for profile in ProtectionProfile}
    profile = known.get(number)
    return f"0x{number:04x}" if profile is None else SUITES.get(profile, profile.name)


def read_hellos(line: MediaLine) -> Handshakes:
    """The profiles of the last ClientHello in its order, and the ServerHello's choice; () and None if unseen."""
    offered: tuple[Preference, ...] = ()
    client: Side | None = None
    chosen: str | None = None
    for flow in line.dtls:
        for kind, hello, ref in _iter_hellos(flow):
            if hello.srtp_profiles is None:
                continue
            if kind == HandshakeType.client_hello:
                offered, client = _preferences(hello.srtp_profiles, ref), line.side_at(flow.source)
            elif len(hello.srtp_profiles) == 1:
                chosen = profile_suite(hello.srtp_profiles[0])
    return Handshakes(offered, client or _client_by_setup(line), chosen)


def _client_by_setup(line: MediaLine) -> Side | None:
    """The DTLS client as the answer's `a=setup` says: active is the client (RFC 5763 §5)."""
    if line.answer is None:
        return None
    role = line.answer.media.attribute("setup") or line.answer.body.session.attribute("setup") or ""
    return {"active": Side.ANSWERER, "passive": Side.OFFERER}.get(role.strip().lower())


def _iter_hellos(flow: DatagramFlow) -> Iterator[tuple[int, Hello, FrameRef]]:
    assembler = HandshakeAssembler()
    for index in range(min(len(flow), MAX_DATAGRAMS)):
        for handshake in assembler.feed(flow.payload(index)):
            try:
                hello = parse_hello(handshake)
            except GrammarError:
                continue
            yield handshake.message_type, hello, flow.ref(int(flow.frame[index]))


def _preferences(profiles: Sequence[int], ref: FrameRef) -> tuple[Preference, ...]:
    return tuple(
        Preference(CapabilityKind.SUITE, profile_suite(number), position, Carrier.DTLS_USE_SRTP, None, ref)
        for position, number in enumerate(profiles)
    )
