# SPDX-License-Identifier: GPL-2.0-only
"""For each rule, scenes that must give each outcome; the difference between two neighbours is one fact."""

from dataclasses import replace

from rule_builders import (
    ANSWERED_80,
    CRYPTO_80,
    KEY_A,
    KEY_B,
    NO,
    NO_CHOICE,
    OPEN,
    YES,
    Scene,
    clear,
    crypto,
    hop_message,
    mikey_evidence,
    mikey_message,
    mikey_scene,
    negotiation,
    proved,
    sdes_scene,
    sdp_lines,
    stream,
    unseen,
)

from analyzer.model.call import CallState, Resolution, Side
from analyzer.model.evidence import FrameRef, Protection, Wire
from analyzer.model.keying import (
    CertificateEvidence,
    Keying,
    MacState,
    MasterKey,
    MikeyFreshness,
    MikeyReuse,
    MikeyUpdate,
    PassportEvidence,
    Shared,
)
from analyzer.model.legs import KeyingHabit, LegChange, LegDifference, LegEvidence, OtherLeg, Passage
from analyzer.model.negotiation import (
    CapabilityKind,
    Carrier,
    Choice,
    Exposure,
    Inversion,
    ListStatement,
    Method,
    Preference,
    Prospect,
    Sight,
)
from analyzer.model.outcome import OutcomeValue
from dissectors.grammar.defects import Defect
from dissectors.grammar.mikey import (
    Dh,
    ErrorPayload,
    GeneralExtension,
    Header,
    MikeyMessage,
    Opaque,
    Payload,
    Rand,
    Timestamp,
    Verification,
    link_payloads,
)
from dissectors.grammar.mikey.priority_extension import (
    EntryKind,
    Owner,
    PriorityEntry,
    PriorityList,
    Rule,
    build_priority_list,
    list_digest,
)
from dissectors.grammar.secret import Secret

PASS, FAIL, UNKNOWN, NA = OutcomeValue.PASS, OutcomeValue.FAIL, OutcomeValue.UNKNOWN, OutcomeValue.NOT_APPLICABLE

PLAIN = Scene(streams=(unseen(),))
SDES = sdes_scene()
MIKEY = mikey_scene()
OFFERED = Keying(None, None, "no answer", offered_crypto=crypto(CRYPTO_80))
REJECTED = sdes_scene(answer=None, streams=(), resolution=Resolution.REJECTED, state=CallState.REJECTED, keying=OFFERED)
UNANSWERED = sdes_scene(answer=None, streams=(), resolution=Resolution.UNANSWERED, keying=OFFERED)
SAVP = sdp_lines("RTP/SAVP")
CUT_OFF = Opaque(11, b"\0\0")
ONE_OFFERED = (Preference(CapabilityKind.SUITE, CRYPTO_80.split()[1], 0, Carrier.SDES_ORDER, None, FrameRef(0, 1)),)
NOTHING_TOLD = negotiation(
    chosen=Choice(None, None), mutual=NO_CHOICE, undominated=NO_CHOICE, winner=NO_CHOICE, offer_preferences=ONE_OFFERED
)


MKI_UNSIGNALLED = "an MKI that was not signalled (4 octets before the tag: 00000007)"
GIVEN_KEY = MasterKey("AES_CM_128_HMAC_SHA1_80", Secret(bytes(16)), Secret(bytes(14)), "key-ring", bound=True)


def keyed(scene: Scene, **changes: object) -> Scene:
    return replace(scene, keying=replace(scene.keying, **changes))


def answering(*values: str) -> Scene:
    """An SDES call with these crypto lines in the answer."""
    lines = sdp_lines("RTP/SAVP", tuple(f"crypto:{value}" for value in values))
    return keyed(replace(SDES, answer=lines), accepted_crypto=crypto(*values))


def offering_lines(*values: str, **changes: object) -> Scene:
    """An SDES call with these crypto lines in the offer."""
    lines = sdp_lines("RTP/SAVP", tuple(f"crypto:{value}" for value in values))
    return keyed(replace(SDES, offer=lines, **changes), offered_crypto=crypto(*values))


def offering(*messages: object) -> Scene:
    """A MIKEY call with these messages in the offer and none in the answer."""
    return keyed(MIKEY, mikey=tuple(mikey_evidence(message) for message in messages))


def exchanging(offered: MikeyMessage, answered: MikeyMessage, *others: MikeyMessage) -> Scene:
    """A MIKEY call with `offered` and `others` in the offer and one message in the answer."""
    messages = [mikey_evidence(message) for message in (offered, *others)]
    return keyed(MIKEY, mikey=(*messages, mikey_evidence(answered, frame=3, side=Side.ANSWERER)))


def sharing(shared: Shared, *, settled: bool = True) -> Scene:
    """A MIKEY call whose message shares something with one in frame 9 of another call."""
    reuse = MikeyReuse(shared, FrameRef(0, 1), FrameRef(0, 9), "another@example.com", settled)
    return replace(MIKEY, freshness=MikeyFreshness((reuse,), (), 1))


def reuse_cases(shared: Shared, *payloads: Payload) -> dict[OutcomeValue, tuple[Scene, ...]]:
    """The scenes of a rule that speaks of one thing a message may share, which stands in those payloads."""
    having = mikey_message(extra=payloads)
    lacking = mikey_message(encryption=0) if shared is Shared.KEYSTREAM else mikey_message()
    return {
        FAIL: (sharing(shared),),
        PASS: (offering(having),),
        UNKNOWN: (offering(None), offering(having, None)),
        NA: (PLAIN, SDES, offering(lacking)),
    }


def at(seconds: int, kind: int = 0) -> Timestamp:
    """T at so many seconds since 1970; the scenes' offers are captured in second 1."""
    return Timestamp(kind, (seconds + 2_208_988_800).to_bytes(4, "big") + bytes(4))


def clocked(timestamp: Timestamp) -> Scene:
    """A MIKEY call whose initiator sent that T."""
    return offering(mikey_message(extra=(timestamp,)))


def updating(*faults: str) -> Scene:
    """A MIKEY call whose message updates one in frame 9."""
    return replace(MIKEY, freshness=MikeyFreshness((), (MikeyUpdate(FrameRef(0, 1), FrameRef(0, 9), faults),), 1))


T_AT_CAPTURE = at(1)


def stating(
    claimed: str, seen: str, *, verified: bool | None = None, source: Carrier | None = None, level: str = "media"
) -> ListStatement:
    return ListStatement(tuple(claimed.split()), tuple(seen.split()), level, verified, source, FrameRef(0, 1))


def listing(*statements: ListStatement, **changes: object) -> Scene:
    return replace(MIKEY, negotiation=negotiation(statements=statements), **changes)


def judged(name: str) -> dict[OutcomeValue, tuple[Scene, ...]]:
    by_value = {PASS: YES, FAIL: NO, UNKNOWN: OPEN, NA: NO_CHOICE}
    cases = {value: (replace(SDES, negotiation=negotiation(**{name: one})),) for value, one in by_value.items()}
    return cases | {
        UNKNOWN: (*cases[UNKNOWN], replace(UNANSWERED, negotiation=NOTHING_TOLD)),
        NA: (*cases[NA], replace(REJECTED, negotiation=NOTHING_TOLD)),
    }


DTLS_LINES = sdp_lines("UDP/TLS/RTP/SAVPF", ("fingerprint:sha-256 00:11",))
BOTH_AVP_CRYPTO = replace(
    SDES, offer=sdp_lines("RTP/AVP", (f"crypto:{CRYPTO_80}",)), answer=sdp_lines("RTP/AVP", (f"crypto:{ANSWERED_80}",))
)

CM_80, CM_32 = "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"
EXTENSION, LINES, POLICIES = Carrier.PRIORITY_EXTENSION, Carrier.SDES_ORDER, Carrier.SP_ORDER
SUITE, METHODS = CapabilityKind.SUITE, CapabilityKind.KEY_AGREEMENT


def order(
    carrier: Carrier, *numbers: int | None, authenticated: bool | None = True, names: tuple[str, ...] = (CM_80, CM_32)
) -> tuple[Preference, ...]:
    """A list of suites with these numbers."""
    return tuple(
        Preference(SUITE, name, number, carrier, authenticated, FrameRef(0, 1))
        for name, number in zip(names, numbers, strict=True)
    )


def exposed(sight: Sight, carrier: Carrier = LINES, *, hop: bool = False) -> Exposure:
    return Exposure(Side.OFFERER, SUITE, carrier, sight, sight, sight, hop, "As the test says.", "RFC 0 §0")


def lists(*preferences: Preference, scene: Scene = SDES, **changes: object) -> Scene:
    """A call whose offer has these preferences."""
    return replace(scene, negotiation=negotiation(offer_preferences=preferences, **changes))


def extended(message: MikeyMessage, octets: bytes) -> MikeyMessage:
    """The message with a priority extension of these octets."""
    return link_payloads(message.header, (GeneralExtension(241, octets), *message.payloads))


def written(priority: int, *, digest_of: bytes | None = None) -> bytes:
    """A readable list: one suite, and what it echoes."""
    entries = [PriorityEntry(EntryKind.SUITE_BY_NAME, priority, CM_80.encode())]
    if digest_of is not None:
        entries.append(PriorityEntry(EntryKind.PEER_LIST_DIGEST, 0, list_digest(digest_of)))
    owner = Owner.INITIATOR if digest_of is None else Owner.RESPONDER
    return build_priority_list(PriorityList(1, owner, Rule.MIN_SUM, tuple(entries)))


def echoing(offered: bytes, of: bytes) -> Scene:
    """A MIKEY call with a list in the offer, whose answer echoes `of`."""
    first = mikey_evidence(extended(mikey_message(), offered), verified=True)
    answer = extended(mikey_message(kind=1, data=b""), written(0, digest_of=of))
    second = mikey_evidence(answer, frame=3, side=Side.ANSWERER, verified=True)
    scene = lists(*order(POLICIES, 0, 1, authenticated=False), scene=MIKEY)
    return keyed(scene, mikey=(first, second))


def answered_by(message: MikeyMessage | None) -> Scene:
    """A MIKEY call with that message in the answer."""
    return keyed(
        MIKEY,
        mikey=(mikey_evidence(mikey_message(), verified=True), mikey_evidence(message, frame=3, side=Side.ANSWERER)),
    )


def refused_by(verified: bool | None, *, vouched: bool = True, frame: int = 3) -> Scene:
    """A MIKEY call whose offer verifies and was refused, in that frame, with a MIKEY error message that has a V."""
    error = link_payloads(Header(1, 6, 0, False, 0, 7, 0, 1), (ErrorPayload(10, 0), Verification(1, bytes(20))))
    found = replace(mikey_evidence(error, frame=frame, side=Side.ANSWERER), mac=MacState(verified, "told", vouched))
    return keyed(MIKEY, mikey=(mikey_evidence(mikey_message(), verified=True),), refusals=(found,))


def of_other_bundle() -> MikeyMessage:
    message = mikey_message(kind=1, data=b"")
    return link_payloads(replace(message.header, csb_id=8), message.payloads)


def meeting(agreed: bool | None, **changes: object) -> Scene:
    """A call in which something is common, or not, or nobody knows."""
    return replace(SDES, negotiation=negotiation(prospects=(Prospect(Method.AUTOMATIC, SUITE, agreed, ()),)), **changes)


REFUSED = {"answer": None, "streams": (), "resolution": Resolution.REJECTED}
SILENT = {"answer": None, "streams": (), "resolution": Resolution.UNANSWERED}


def after_leg(
    scene: Scene, change: LegChange, detail: str, *, is_earlier: bool = True, is_keyed: bool | None = True
) -> Scene:
    """The scene as the leg behind another one, from which its offer differs in one thing."""
    difference = LegDifference(change, detail, 0, 0, FrameRef(0, 1), FrameRef(0, 9))
    passage = Passage(is_earlier, is_keyed is not None, is_keyed, (difference,))
    leg = OtherLeg("other@example.com", is_earlier, (LegEvidence.SESSION_ID,), 0.95, passage)
    return replace(scene, other_legs=(leg,))


def before_leg(scene: Scene, change: LegChange | None, detail: str = "", *, is_keyed: bool | None = True) -> Scene:
    """The scene as the leg before another one, of whose answer one thing was changed, or which was not seen."""
    differences = (LegDifference(change, detail, 0, 0, FrameRef(0, 3), FrameRef(0, 9)),) if change else ()
    offer, answer = Passage(False, True, is_keyed), Passage(True, change is not None, is_keyed, differences)
    leg = OtherLeg("other@example.com", False, (LegEvidence.SESSION_ID,), 0.95, offer, answer)
    return replace(scene, other_legs=(leg,))


FINGERPRINT = ("sha-256", "4A:AD:B9")
OTHER_FINGERPRINT = ("sha-256", "00:AD:B9")
DTLS = replace(
    Scene(streams=(stream(),), dtls=True),
    offer=sdp_lines("UDP/TLS/RTP/SAVPF", ("fingerprint:sha-256 4A:AD:B9", "setup:actpass")),
    answer=sdp_lines("UDP/TLS/RTP/SAVPF", ("fingerprint:sha-256 4A:AD:B9", "setup:active")),
    keying=Keying("DTLS-SRTP", None, "no key"),
)


def signed(scene: Scene = DTLS, *, frame: int = 1, **changes: object) -> Scene:
    """The scene with an identity in its offer (frame 1) or answer (frame 3) that vouches for FINGERPRINT."""
    fingerprints = frozenset({FINGERPRINT} if scene is not PLAIN else ())
    side = Side.OFFERER if frame == 1 else Side.ANSWERER
    facts = {"extension": "msec", "is_readable": True, "media_keys": frozenset({FINGERPRINT}), "issued_s": frame}
    facts |= {"fingerprints": fingerprints, "verified": True, "how": "the signature verifies", **changes}
    passport = PassportEvidence(ref=FrameRef(0, frame), side=side, seen_ns=frame * 10**9, **facts)
    return keyed(scene, passports=(*scene.keying.passports, passport))


def shown(*matches: bool | None) -> Scene:
    """The scene of a handshake whose certificates were compared with what each side announced."""
    sides = zip(Side, matches, strict=False)
    found = (
        CertificateEvidence(side, FrameRef(0, frame), one, "it is said how")
        for frame, (side, one) in enumerate(sides, 1)
    )
    return keyed(DTLS, certificates=tuple(found))


def signed_twice(**changes: object) -> Scene:
    """Two identities in one message: the first of a kind that says nothing of media."""
    return signed(signed(extension="shaken", media_keys=None), **changes)


SERVER_LIST = "digest;q=0.2, tls;q=0.1"


def agreeing(
    verify: str | None,
    *,
    server: str | None = SERVER_LIST,
    client: str | None = "tls, digest",
    status: int | None = 200,
    credentials: bool = True,
    transport: str = "UDP",
    required: bool = True,
) -> Scene:
    """A plain call before which a security agreement was asked for."""
    known = () if client is None else (f"Security-Client: {client}",)
    given = () if verify is None else (f"Security-Verify: {verify}",)
    given += ("Require: 100rel, sec-agree",) if required else ()
    given += ("Authorization: Digest username=alice",) if credentials else ()
    messages = [hop_message(21, "INVITE", 7, *known)]
    if server is not None:
        messages.append(hop_message(22, "494 INVITE", 7, f"Security-Server: {server}"))
    messages += [hop_message(23, "ACK", 7), hop_message(24, "INVITE", 8, *known, *given, transport=transport)]
    if status is not None:
        messages += [hop_message(25, "100 INVITE", 8), hop_message(26, f"{status} INVITE", 8)]
    return replace(PLAIN, before=tuple(messages))


def after_calls(scene: Scene, keyed_before: int, plain_before: int = 0) -> Scene:
    """The scene as an offer without keying, behind calls of its endpoint with keying and without."""
    return replace(scene, lost_keying=(KeyingHabit(0, keyed_before, plain_before, FrameRef(0, 1), FrameRef(0, 9)),))


CASES: dict[str, dict[OutcomeValue, tuple[Scene, ...]]] = {
    "SIG-002": {
        FAIL: (SDES, replace(SDES, transport="TCP"), replace(REJECTED), UNANSWERED),
        PASS: (replace(SDES, transport="TLS"), replace(SDES, transport="WSS")),
        UNKNOWN: (Scene(offer=None), replace(SDES, transport="HEP")),
        NA: (PLAIN, MIKEY, replace(MIKEY, transport="TLS")),
    },
    "SIG-010": {
        FAIL: (agreeing("digest;q=0.2"), agreeing(None), agreeing("tls;q=0.1, digest;q=0.2"), agreeing("digest, tls")),
        PASS: (
            agreeing(SERVER_LIST),
            agreeing('Digest; q=0.2; d-ver="0123", TLS;q=0.1'),
            agreeing("digest;q=0.2", status=494),
            agreeing("digest;q=0.2", status=503),
        ),
        UNKNOWN: (agreeing(SERVER_LIST, server=None), agreeing("digest;q=0.2", status=None)),
        NA: (PLAIN, SDES, agreeing(None, server=None), agreeing(None, required=False)),
    },
    "SIG-011": {
        FAIL: (
            agreeing("tls;q=0.2, digest;q=0.1", server="tls;q=0.2, digest;q=0.1"),
            agreeing("tls, digest", server="tls, digest"),
        ),
        PASS: (
            agreeing(SERVER_LIST),
            agreeing("tls;q=0.2, digest;q=0.1", server="tls;q=0.2, digest;q=0.1", transport="TLS"),
            agreeing("tls;q=0.2, digest;q=0.1", server="tls;q=0.2, digest;q=0.1", client="digest"),
        ),
        UNKNOWN: (
            agreeing(SERVER_LIST, client=None),
            agreeing(SERVER_LIST, client="ipsec-3gpp"),
            agreeing(SERVER_LIST, credentials=False),
            agreeing("ipsec-3gpp;q=0.2, tls;q=0.1", server="ipsec-3gpp;q=0.2, tls;q=0.1", client="ipsec-3gpp, tls"),
            agreeing("tls;q=0.2, digest;q=0.1", server="tls;q=0.2, digest;q=0.1", transport="HEP"),
        ),
        NA: (PLAIN, SDES, agreeing(SERVER_LIST, server=None)),
    },
    "IDN-001": {
        FAIL: (
            signed(media_keys=frozenset({OTHER_FINGERPRINT})),
            signed(media_keys=frozenset({FINGERPRINT, OTHER_FINGERPRINT})),
            signed(media_keys=None),
            signed(PLAIN),
            signed(signed(), frame=3, media_keys=frozenset()),
            signed_twice(media_keys=frozenset({OTHER_FINGERPRINT})),
        ),
        PASS: (signed(), signed_twice(), signed(signed(), frame=3)),
        UNKNOWN: (
            signed(verified=None, how="no certificate in the ring"),
            signed(is_readable=False, media_keys=None),
            signed(signed(), frame=3, verified=None),
            replace(DTLS, offer=None),
        ),
        NA: (PLAIN, SDES, DTLS, signed(PLAIN, media_keys=None)),
    },
    "IDN-002": {
        FAIL: (signed(issued_s=-60), signed(issued_s=62), signed(signed(), frame=3, issued_s=-58)),
        PASS: (signed(), signed(issued_s=-59), signed(issued_s=61)),
        UNKNOWN: (signed(issued_s=None), replace(DTLS, offer=None)),
        NA: (PLAIN, SDES, DTLS),
    },
    "IDN-003": {
        FAIL: (DTLS, signed(extension="shaken"), signed(frame=3)),
        PASS: (signed(), signed_twice()),
        UNKNOWN: (replace(DTLS, offer=None),),
        NA: (PLAIN, SDES),
    },
    "DTL-001": {
        FAIL: (shown(False), shown(True, False), shown(None, False)),
        PASS: (shown(True), shown(True, True)),
        UNKNOWN: (shown(None), shown(True, None)),
        NA: (PLAIN, SDES, DTLS, replace(DTLS, offer=None)),
    },
    "DTL-006": {
        FAIL: (DTLS, signed(), signed(signed(media_keys=None), frame=3)),
        PASS: (signed(signed(), frame=3), replace(DTLS, transport="TLS"), signed(replace(DTLS, answer=None))),
        UNKNOWN: (replace(DTLS, transport="HEP"), replace(DTLS, offer=None)),
        NA: (PLAIN, SDES),
    },
    "DTL-007": {
        FAIL: (
            after_leg(DTLS, LegChange.FINGERPRINT_REPLACED, "fingerprint sha-256"),
            after_leg(DTLS, LegChange.SETUP_CHANGED, "a=setup:actpass → active"),
            before_leg(DTLS, LegChange.FINGERPRINT_REPLACED, "fingerprint sha-256"),
        ),
        PASS: (
            after_leg(DTLS, LegChange.LINES_REORDERED, "fingerprint sha-256"),
            before_leg(DTLS, LegChange.LINES_REORDERED, "fingerprint sha-256"),
        ),
        UNKNOWN: (
            after_leg(replace(DTLS, offer=None), LegChange.LINES_REORDERED, "fingerprint sha-256"),
            before_leg(DTLS, None),
            before_leg(replace(DTLS, **SILENT), None),
        ),
        NA: (
            PLAIN,
            DTLS,
            after_leg(SDES, LegChange.KEYS_REPLACED, "crypto"),
            after_leg(DTLS, LegChange.FINGERPRINT_REPLACED, "fingerprint sha-256", is_earlier=False),
        ),
    },
    "PRO-001": {
        FAIL: (
            PLAIN,
            Scene(streams=()),
            Scene(offer=sdp_lines("RTP/AVP", (f"crypto:{CRYPTO_80}",)), streams=(stream(),)),
            replace(SDES, streams=(proved(), clear())),
            replace(BOTH_AVP_CRYPTO, streams=(clear(),)),
            Scene(streams=(clear(),), zrtp=True),
            replace(REJECTED, streams=(clear(),)),
            Scene(offer=None, streams=(clear(),)),
            Scene(offer=sdp_lines("RTP/AVPF"), answer=sdp_lines("TCP/RTP/AVPF"), streams=(stream(),)),
        ),
        PASS: (
            SDES,
            replace(SDES, streams=(stream(),)),
            replace(SDES, streams=(proved(), unseen())),  # a stray source beside one that tells of its direction
            BOTH_AVP_CRYPTO,
            Scene(streams=(stream(),), zrtp=True),
            Scene(streams=(stream(),), dtls=True),
            Scene(offer=sdp_lines("RTP/AVP", ("zrtp-hash:1.10 00",)), streams=(stream(),)),
            Scene(offer=DTLS_LINES, answer=DTLS_LINES, streams=(stream(),)),
            Scene(streams=(proved(),)),
        ),
        UNKNOWN: (
            replace(SDES, streams=()),
            replace(SDES, streams=(stream(wire=Wire.CONTRADICTING),)),
            replace(SDES, offer=(*SDES.offer, "a=sendrecv"), answer=(*SDES.answer, "a=sendrecv")),
            Scene(offer=sdp_lines("udptl"), answer=sdp_lines("udptl")),
            UNANSWERED,
            Scene(answer=None, resolution=Resolution.UNANSWERED),
            Scene(
                answer=None, resolution=Resolution.UNANSWERED, streams=(clear(clear=0, clear_early=9, clear_frames=()),)
            ),
            Scene(offer=None, streams=(stream(),)),
            Scene(offer=None),
        ),
        NA: (
            REJECTED,
            Scene(answer=None, resolution=Resolution.CANCELLED),
            Scene(answer=sdp_lines(port=0)),
            Scene(offer=sdp_lines(attributes=("inactive",)), answer=sdp_lines(attributes=("inactive",))),
        ),
    },
    "PRO-003": {
        FAIL: (replace(SDES, answer=sdp_lines("RTP/AVP")), replace(SDES, answer=sdp_lines("RTP/AVPF"))),
        PASS: (SDES, replace(SDES, answer=sdp_lines("RTP/SAVPF"))),
        UNKNOWN: (UNANSWERED, replace(SDES, offer=None)),
        NA: (PLAIN, REJECTED, replace(SDES, answer=sdp_lines("RTP/AVP", port=0))),
    },
    "PRO-004": {
        FAIL: (replace(SDES, answer=SAVP), replace(offering(mikey_message(v=True)), answer=SAVP)),
        PASS: (SDES, MIKEY, Scene(offer=DTLS_LINES, answer=DTLS_LINES)),
        UNKNOWN: (
            UNANSWERED,
            replace(offering(None), answer=SAVP),
            replace(SDES, offer=None, answer=SAVP),
        ),
        NA: (
            PLAIN,
            REJECTED,
            replace(offering(mikey_message(v=False)), answer=SAVP),
            replace(SDES, answer=SAVP, zrtp=True),
            replace(SDES, answer=sdp_lines("RTP/SAVP", port=0)),
        ),
    },
    "SDE-003": {
        FAIL: (
            answering(f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_B[:-4]}"),
            answering(f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_B}AAAA"),
            answering("1 AES_CM_128_HMAC_SHA1_80 inline:"),
            answering(f"1 AEAD_AES_128_GCM inline:{KEY_B}"),
            keyed(SDES, offered_crypto=crypto(f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_A[:-4]}")),
            replace(answering(f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_B[:-4]}"), offer=None),
        ),
        PASS: (
            SDES,
            keyed(SDES, offered_crypto=crypto(CRYPTO_80, f"2 AES_CM_128_HMAC_SHA1_32 inline:{KEY_A[:-4]}")),
        ),
        UNKNOWN: (UNANSWERED, replace(SDES, offer=None), answering(f"1 AES_CM_512 inline:{KEY_B}")),
        NA: (PLAIN, MIKEY, REJECTED),
    },
    "SDE-004": {
        FAIL: (
            offering_lines(CRYPTO_80, f"2 AES_CM_128_HMAC_SHA1_32 inline:{KEY_A}"),
            replace(offering_lines(CRYPTO_80, f"2 AES_CM_128_HMAC_SHA1_32 inline:{KEY_A}"), answer=None),
            replace(SDES, offer=(*SDES.offer, "m=video 4002 RTP/SAVP 96", f"a=crypto:{CRYPTO_80}")),
        ),
        PASS: (SDES, offering_lines(CRYPTO_80, CRYPTO_80)),
        UNKNOWN: (UNANSWERED, replace(SDES, offer=None)),
        NA: (
            PLAIN,
            MIKEY,
            keyed(offering_lines("1 AES_CM_128_HMAC_SHA1_80 inline:", answer=SAVP), accepted_crypto=()),
        ),
    },
    "SDE-005": {
        FAIL: (answering(CRYPTO_80), answering(f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY_A}|2^20")),
        PASS: (SDES,),
        UNKNOWN: (UNANSWERED, replace(SDES, offer=None)),
        NA: (PLAIN, MIKEY, REJECTED, answering("1 AES_CM_128_HMAC_SHA1_80 inline:")),
    },
    "SDE-006": {
        FAIL: (
            answering(f"3 AES_CM_128_HMAC_SHA1_80 inline:{KEY_B}"),
            answering(f"1 AES_CM_128_HMAC_SHA1_32 inline:{KEY_B}"),
            answering(ANSWERED_80, f"9 AES_CM_128_HMAC_SHA1_80 inline:{KEY_B}"),
        ),
        PASS: (
            SDES,
            answering(f"2 AES_CM_128_HMAC_SHA1_32 inline:{KEY_B}"),
            answering(f"1 aes_cm_128_hmac_sha1_80 inline:{KEY_B}"),
        ),
        UNKNOWN: (UNANSWERED, replace(SDES, offer=None)),
        NA: (PLAIN, MIKEY, REJECTED),
    },
    "SDE-010": {
        FAIL: (
            answering(f"{ANSWERED_80} UNENCRYPTED_SRTP"),
            answering(f"{ANSWERED_80} UNENCRYPTED_SRTCP"),
            answering(f"1 NULL_HMAC_SHA1_80 inline:{KEY_B}"),
            replace(answering(f"{ANSWERED_80} UNENCRYPTED_SRTP"), offer=None),
        ),
        PASS: (SDES, answering(f"{ANSWERED_80} UNAUTHENTICATED_SRTP"), replace(SDES, offer=None)),
        UNKNOWN: (UNANSWERED,),
        NA: (PLAIN, MIKEY, REJECTED),
    },
    "SDE-011": {
        FAIL: (
            answering(f"{ANSWERED_80} UNAUTHENTICATED_SRTP"),
            replace(answering(f"{ANSWERED_80} UNAUTHENTICATED_SRTP"), offer=None),
        ),
        PASS: (SDES, answering(f"{ANSWERED_80} UNENCRYPTED_SRTP"), replace(SDES, offer=None)),
        UNKNOWN: (UNANSWERED,),
        NA: (PLAIN, MIKEY, REJECTED),
    },
    "KMG-002": {
        FAIL: (
            offering(mikey_message(extension_types=())),
            offering(mikey_message(extension_types=(241,))),
            offering(mikey_message(), mikey_message(extension_types=())),
            offering(None, mikey_message(extension_types=())),
        ),
        PASS: (MIKEY, offering(mikey_message(extension_types=(0, 1)))),
        UNKNOWN: (
            offering(None),
            offering(mikey_message(), None),
            offering(mikey_message(extension_types=(), extra=(CUT_OFF,))),
        ),
        NA: (PLAIN, SDES),
    },
    "KMG-003": {
        FAIL: (
            listing(stating("mikey mikey", "mikey")),
            listing(stating("mikey mikey", "mikey", verified=True)),
            listing(stating("a b", "b a")),
            listing(stating("mikey", "mikey"), stating("mikey mikey", "mikey", level="session")),
            listing(stating("PSK PKE", "PSK", source=Carrier.PRIORITY_EXTENSION)),
        ),
        PASS: (
            listing(stating("mikey", "mikey")),
            listing(stating("mikey mikey", "mikey"), answer=None, streams=(), resolution=Resolution.REJECTED),
            listing(stating("mikey", "mikey"), stating("PSK PKE", "PSK", source=Carrier.PRIORITY_EXTENSION)),
        ),
        UNKNOWN: (
            listing(stating("mikey mikey", "mikey"), answer=None, streams=(), resolution=Resolution.UNANSWERED),
            offering(None),
        ),
        NA: (PLAIN, SDES, offering(mikey_message(extension_types=()))),
    },
    "KMG-009": {
        FAIL: (
            after_leg(PLAIN, LegChange.LINES_REMOVED, "key-mgmt mikey"),
            after_leg(PLAIN, LegChange.LINES_REMOVED, f"crypto {CRYPTO_80.split()[1]}"),
            after_calls(PLAIN, 3),
            before_leg(replace(SDES, answer=sdp_lines()), LegChange.LINES_REMOVED, "crypto X"),
        ),
        PASS: (
            before_leg(SDES, LegChange.LINES_REMOVED, "key-mgmt mikey"),
            before_leg(replace(SDES, answer=sdp_lines(port=0)), LegChange.LINES_REMOVED, "crypto X"),
            after_leg(SDES, LegChange.LINES_REMOVED, "key-mgmt mikey"),
            after_leg(MIKEY, LegChange.KEYS_REPLACED, "key-mgmt mikey"),
            after_leg(PLAIN, LegChange.LINES_REMOVED, "m=video RTP/SAVP"),
            after_leg(Scene(offer=sdp_lines("RTP/AVP", ("zrtp-hash:1.10 00",))), LegChange.LINES_REMOVED, "crypto X"),
        ),
        UNKNOWN: (
            after_leg(replace(SDES, offer=None), LegChange.LINES_REMOVED, "key-mgmt mikey"),
            after_leg(PLAIN, LegChange.PROFILE_CHANGED, "", is_keyed=None),
            before_leg(SDES, None, is_keyed=None),
            before_leg(replace(SDES, **SILENT), None),
            after_calls(PLAIN, 2),
            after_calls(PLAIN, 9, 1),
        ),
        NA: (
            PLAIN,
            SDES,
            MIKEY,
            after_calls(PLAIN, 2, 2),
            after_leg(PLAIN, LegChange.LINES_REMOVED, "key-mgmt mikey", is_earlier=False),
            after_leg(PLAIN, LegChange.LINES_REMOVED, "m=video RTP/AVP", is_keyed=False),
            after_leg(SDES, LegChange.LINES_ADDED, "crypto X", is_keyed=False),
            before_leg(PLAIN, LegChange.LINES_REMOVED, "crypto X"),
        ),
    },
    "MKY-001": {
        FAIL: (offering(mikey_message(encryption=0)), offering(mikey_message(), mikey_message(encryption=0))),
        PASS: (MIKEY, replace(offering(mikey_message(encryption=0)), transport="TLS")),
        UNKNOWN: (
            offering(None),
            offering(mikey_message(data=b"", extra=(CUT_OFF,))),
            replace(offering(mikey_message(encryption=0)), transport="HEP"),
        ),
        NA: (PLAIN, SDES, offering(mikey_message(encryption=0, data=b""))),
    },
    "MKY-004": {
        FAIL: (sharing(Shared.MESSAGE),),
        PASS: (
            MIKEY,
            offering(mikey_message()),
            replace(sharing(Shared.MESSAGE), answer=None, streams=(), resolution=Resolution.REJECTED),
            keyed(sharing(Shared.MESSAGE), method="SDES"),
        ),
        UNKNOWN: (
            sharing(Shared.MESSAGE, settled=False),
            replace(sharing(Shared.MESSAGE), answer=None, streams=(), resolution=Resolution.UNANSWERED),
            offering(None),
        ),
        NA: (PLAIN, SDES, offering(mikey_message(kind=6))),
    },
    "MKY-005": reuse_cases(Shared.TIMESTAMP, T_AT_CAPTURE),
    "MKY-006": reuse_cases(Shared.KEYSTREAM),
    "MKY-007": reuse_cases(Shared.RAND, Rand(bytes(16))),
    "MKY-008": reuse_cases(Shared.DH_VALUE, Dh(1, bytes(96))),
    "MKY-009": {
        FAIL: (clocked(at(1 + 3600)), clocked(at(1 - 3600)), clocked(at(1 + 20 * 3600, 1))),
        PASS: (
            clocked(T_AT_CAPTURE),
            clocked(at(1200)),
            clocked(at(1200, 1)),
            clocked(Timestamp(3, at(1).value[:4])),
        ),
        UNKNOWN: (
            offering(None),
            offering(mikey_message(extra=(T_AT_CAPTURE,)), None),
            clocked(at(1 + 9 * 3600, 1)),
        ),
        NA: (PLAIN, SDES, offering(mikey_message()), clocked(Timestamp(2, bytes(4)))),
    },
    "MKY-010": {
        FAIL: (
            sharing(Shared.CSB_ID),
            exchanging(mikey_message(), mikey_message(kind=1, csb_id=8)),
            exchanging(
                mikey_message(extra=(T_AT_CAPTURE,)), mikey_message(kind=1, extra=(at(2),)), mikey_message(kind=2)
            ),
        ),
        PASS: (
            MIKEY,
            exchanging(mikey_message(extra=(at(2),)), mikey_message(kind=1, extra=(at(2),))),
            exchanging(mikey_message(kind=14, extra=(at(2),)), mikey_message(kind=15, extra=(at(3),))),
            exchanging(mikey_message(), mikey_message(kind=6, csb_id=0)),
            exchanging(mikey_message(), mikey_message(kind=3, csb_id=8)),
        ),
        UNKNOWN: (
            offering(None),
            replace(offering(mikey_message()), answer=None, streams=(), resolution=Resolution.UNANSWERED),
        ),
        NA: (PLAIN, SDES),
    },
    "MKY-011": {
        FAIL: (updating("it carries a RAND"),),
        PASS: (updating(),),
        UNKNOWN: (offering(None),),
        NA: (PLAIN, SDES, MIKEY),
    },
    "MKY-025": {
        FAIL: (
            keyed(MIKEY, verified=False, authentic=False),
            keyed(MIKEY, authentic=False, response_verified=False),
            refused_by(False),
        ),
        PASS: (MIKEY, refused_by(True), refused_by(False, frame=99)),
        UNKNOWN: (
            keyed(MIKEY, verified=None, authentic=None),
            refused_by(None),
            refused_by(True, vouched=False),
        ),
        NA: (PLAIN, SDES),
    },
    "PRI-001": judged("mutual"),
    "PRI-002": judged("undominated"),
    "PRI-003": judged("winner"),
    "PRI-004": {
        FAIL: (
            lists(*order(EXTENSION, 0, 2)),
            lists(*order(EXTENSION, 1, 1)),
            lists(*order(Carrier.FREE_TEXT, 1, 2)),
            lists(*order(EXTENSION, 0, names=(CM_80,)), *order(POLICIES, 1, names=(CM_32,))),
            lists(defects=(Defect("priority-negative", 0, "", "X: -1"),)),
            lists(defects=(Defect("priority-repeated", 0, "", "X has more than one priority"),)),
        ),
        PASS: (lists(*order(EXTENSION, 0, 1)), lists(*order(EXTENSION, 1, 0)), lists(*order(Carrier.SDPCAPNEG, 1, 5))),
        UNKNOWN: (offering(extended(mikey_message(), b"\x09")),),
        NA: (PLAIN, SDES, lists(*order(LINES, 0, 1)), offering(extended(mikey_message(), written(0)))),
    },
    "PRI-005": {
        FAIL: (
            lists(*order(LINES, 0, 1), exposures=(exposed(Sight.UNSEEN),)),
            lists(
                *order(POLICIES, 0, 1),
                *order(LINES, 0, 1),
                exposures=(exposed(Sight.NOTICED, POLICIES), exposed(Sight.UNSEEN)),
            ),
        ),
        PASS: (
            lists(*order(EXTENSION, 0, 1), exposures=(exposed(Sight.NOTICED, EXTENSION),)),
            lists(*order(LINES, 0, 1), exposures=(exposed(Sight.UNSEEN, hop=True),)),
            lists(
                *order(EXTENSION, 0, 1),
                *order(LINES, 0, 1),
                exposures=(exposed(Sight.NOTICED, EXTENSION), exposed(Sight.UNSEEN)),
            ),
        ),
        UNKNOWN: (lists(*order(EXTENSION, 0, 1), exposures=(exposed(Sight.UNKNOWN, EXTENSION),)),),
        NA: (PLAIN, SDES, lists(*order(LINES, 0, names=(CM_80,)), exposures=(exposed(Sight.UNSEEN),))),
    },
    "PRI-006": {
        FAIL: (
            lists(*order(EXTENSION, 0, 1), *order(POLICIES, 1, 0)),
            lists(*order(EXTENSION, 0, 1), defects=(Defect("priority-lists-differ", 0),)),
            echoing(written(0), written(1)),
        ),
        PASS: (
            lists(*order(EXTENSION, 0, 1)),
            lists(*order(EXTENSION, 0, 1), *order(LINES, 0, 1, authenticated=False)),
            echoing(written(0), written(0)),
        ),
        UNKNOWN: (lists(*order(LINES, 0, 1, authenticated=False)), lists(*order(EXTENSION, 0, 1, authenticated=None))),
        NA: (PLAIN, SDES, lists(*order(LINES, 0, authenticated=False, names=(CM_80,)))),
    },
    "PRI-007": {
        FAIL: (answered_by(mikey_message(kind=3, data=b"")), answered_by(of_other_bundle())),
        PASS: (MIKEY,),
        UNKNOWN: (
            replace(offering(mikey_message()), answer=None, streams=(), resolution=Resolution.UNANSWERED),
            answered_by(None),
        ),
        NA: (
            PLAIN,
            SDES,
            replace(MIKEY, negotiation=negotiation(chosen=Choice(None, None))),
            answered_by(mikey_message(kind=0)),  # as GStreamer keys each direction
        ),
    },
    "PRI-008": {
        FAIL: (
            lists(*order(LINES, 1, 0), inversions=(Inversion(Side.OFFERER, SUITE, CM_32, CM_80),)),
            lists(*order(LINES, 1, 0), inversions=(Inversion(Side.ANSWERER, SUITE, CM_32, CM_80),), unranked=("X",)),
        ),
        PASS: (lists(*order(LINES, 0, 1)),),
        UNKNOWN: (lists(*order(LINES, 0, 1), unranked=("X",)),),
        NA: (PLAIN, SDES, lists(*order(LINES, None, None))),
    },
    "PRI-009": {
        FAIL: (meeting(False), meeting(False, streams=(proved(),), answer=None)),
        PASS: (meeting(True), meeting(False, **REFUSED), meeting(None, **REFUSED)),
        UNKNOWN: (meeting(None), meeting(False, **SILENT), meeting(None, **SILENT)),
        NA: (PLAIN, SDES),
    },
    "SRT-001": {
        FAIL: (
            replace(SDES, streams=(proved(), clear())),
            replace(SDES, answer=SAVP, streams=(clear(),)),
            Scene(offer=None, streams=(clear(),)),
        ),
        PASS: (SDES, replace(SDES, streams=(stream(),)), replace(SDES, streams=(proved(clear_early=7),))),
        UNKNOWN: (
            replace(SDES, streams=()),
            replace(SDES, streams=(proved(), unseen())),
            replace(SDES, streams=(stream(protection=Protection.UNKNOWN),)),
            UNANSWERED,
            Scene(offer=None),
            replace(SDES, offer=None),
        ),
        NA: (
            PLAIN,
            Scene(streams=(clear(),)),
            REJECTED,
            BOTH_AVP_CRYPTO,
            replace(SDES, answer=sdp_lines("RTP/SAVP", port=0), streams=()),
        ),
    },
    "SRT-002": {
        FAIL: (
            replace(SDES, streams=(stream(tag_octets=4, expected_tag_octets=10),)),
            replace(SDES, streams=(proved(), stream(tag_octets=0, expected_tag_octets=10))),
        ),
        PASS: (
            SDES,
            replace(SDES, streams=(stream(tag_octets=10, expected_tag_octets=10),)),
            replace(SDES, streams=(proved(tag_octets=None),)),
        ),
        UNKNOWN: (
            replace(SDES, streams=()),
            replace(SDES, streams=(stream(),)),
            replace(SDES, streams=(proved(), stream(expected_tag_octets=10))),
            replace(BOTH_AVP_CRYPTO, streams=(clear(clear=0, clear_early=98, tag_octets=0, expected_tag_octets=10),)),
            UNANSWERED,
        ),
        NA: (PLAIN, REJECTED, replace(SDES, streams=(clear(tag_octets=0, expected_tag_octets=10),))),
    },
    "SRT-003": {
        FAIL: (
            replace(SDES, streams=(stream(failed=100, bound_key=True, failed_frames=(10, 12)),)),
            replace(SDES, streams=(proved(), proved(failed=1))),
        ),
        PASS: (SDES, replace(SDES, streams=(proved(not_tried=5, bound_key=False),))),
        UNKNOWN: (
            replace(SDES, streams=()),
            replace(SDES, streams=(stream(),)),
            replace(SDES, streams=(proved(), stream())),
            replace(SDES, streams=(stream(failed=100),)),
            replace(SDES, streams=(stream(decrypted=100),)),
            keyed(replace(MIKEY, streams=(stream(failed=100, bound_key=True),)), authentic=False),
            Scene(streams=(stream(),), dtls=True),
        ),
        NA: (PLAIN, REJECTED),
    },
    "SRT-009": {
        FAIL: (
            replace(SDES, streams=(proved(), proved(mki_fault=MKI_UNSIGNALLED))),
            replace(SDES, streams=(proved(failed=5, mki_fault=MKI_UNSIGNALLED),)),
        ),
        PASS: (SDES, replace(SDES, streams=(proved(key=GIVEN_KEY),))),
        UNKNOWN: (
            replace(SDES, streams=()),
            replace(SDES, streams=(stream(),)),
            replace(SDES, streams=(proved(), proved(failed=1))),
            replace(SDES, streams=(proved(keys_unseen=3),)),
            replace(SDES, streams=(proved(key=GIVEN_KEY, mki_fault=MKI_UNSIGNALLED),)),
            UNANSWERED,
        ),
        NA: (PLAIN, REJECTED, replace(SDES, streams=(clear(),))),
    },
}
