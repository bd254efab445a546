# SPDX-License-Identifier: GPL-2.0-only
"""Plain words for each verdict, reason, wire state, outcome and carrier; a code without a sentence shows itself."""

from analyzer.model.call import CallState, LinkKind, Resolution, Side
from analyzer.model.evidence import Protection, TlsFlow, Wire
from analyzer.model.legs import LegChange
from analyzer.model.negotiation import Carrier, ListOrigin, Method, SelectionRule, Sight
from analyzer.model.outcome import Confidence, OutcomeValue, Verdict
from analyzer.model.reasons import REASONS
from dissectors.grammar.defects import Defect
from reports.spelling import plural

VERDICTS = {
    Verdict.UNPROTECTED: "The media was, or would have been, sent in clear: whoever saw the packets could listen.",
    Verdict.MISMATCH: "What was chosen was not on offer, or the packets contradict what was chosen.",
    Verdict.DOWNGRADE: "The choice is not the one that both sides' own lists call for.",
    Verdict.INCONCLUSIVE: "Evidence is missing that could change the verdict. This is not a pass.",
    Verdict.NO_MEDIA: "No media was agreed and none flowed.",
    Verdict.CONFORM: "The choice is the one that the lists call for, and nothing on the wire contradicts it.",
}
VERDICT_SYMBOLS = {
    Verdict.UNPROTECTED: "✕",
    Verdict.MISMATCH: "≠",
    Verdict.DOWNGRADE: "↓",
    Verdict.INCONCLUSIVE: "?",
    Verdict.NO_MEDIA: "–",
    Verdict.CONFORM: "✓",
}
VERDICT_ASCII = {
    Verdict.UNPROTECTED: "X",
    Verdict.MISMATCH: "#",
    Verdict.DOWNGRADE: "v",
    Verdict.INCONCLUSIVE: "?",
    Verdict.NO_MEDIA: "-",
    Verdict.CONFORM: "+",
}
LINKS = {
    LinkKind.RETRY_OF: "Tries again after the refusal of call",
    LinkKind.REDIRECT_OF: "Goes where a redirection pointed in call",
    LinkKind.TRANSFER_OF: "Asked for by a transfer (REFER) in call",
    LinkKind.REPLACES: "Takes the place of call",
    LinkKind.JOINS: "Joins call",
}
LEG_CHANGES = {
    LegChange.PROFILE_CHANGED: "Profile changed",
    LegChange.LINES_REMOVED: "Lines removed",
    LegChange.LINES_ADDED: "Lines added",
    LegChange.LINES_REORDERED: "Lines in another order",
    LegChange.KEYS_REPLACED: "Keys replaced",
    LegChange.FINGERPRINT_REPLACED: "Fingerprint replaced",
    LegChange.SETUP_CHANGED: "DTLS or TCP role changed",
    LegChange.MEDIA_UNPAIRED: "Not known which medium of the other leg this is",
}
SESSION_LIFE = {
    True: "which it was when the capture ended: nobody refreshed it",
    False: "after the capture ended",
    None: "before the capture ended; a refresh may be missing from it",
}
CAPTURE_DEFECTS = {
    "packet-cut-by-snaplen": "cut short by the snaplen: what stood behind is not in the capture",
    "damaged-packet": "left out: their headers make no sense",
}
OTHER_TRAFFIC = {
    "EtherType 0x0806": "ARP",
    "EtherType 0x2000": "CDP",
    "EtherType 0x8035": "RARP",
    "EtherType 0x888e": "802.1X",
    "EtherType 0x88cc": "LLDP",
    "EtherType 0x9000": "loopback tests",
    "IP protocol 1": "ICMP",
    "IP protocol 2": "IGMP",
    "IP protocol 58": "ICMPv6",
    "IP protocol 89": "OSPF",
    "IP protocol 103": "PIM",
    "IP protocol 112": "VRRP",
}
SIPS_PORT = 5061  # IANA: sips


def explain_tls(flow: TlsFlow) -> str:
    """Why a TLS connection stayed shut, or how much of it was opened."""
    if flow.opened:
        inside = plural(flow.opened, "record")
        return f"{inside} opened" + (f", {flow.reason}" if flow.reason else "")
    if not flow.reason:
        return "nothing but a handshake was sent"
    by_port = flow.server.endswith(f":{SIPS_PORT}")
    return f"{flow.reason}; " + ("its port is that of SIP over TLS" if by_port else "signalling may be inside")


WIRES = {
    Wire.PROVED: "Packets authenticate with a key that is bound to this exchange.",
    Wire.CONSISTENT: "No usable key; the payload is not clear and its tag length fits the suite.",
    Wire.CONTRADICTING: "The packets are clear, have another tag length, or do not authenticate with the bound key.",
    Wire.UNSEEN: "No packets, or none that tell encrypted from clear.",
}
WIRE_SYMBOLS = {Wire.PROVED: "✓", Wire.CONSISTENT: "≈", Wire.CONTRADICTING: "✕", Wire.UNSEEN: "?"}
PROTECTIONS = {
    Protection.SRTP: "Encrypted (SRTP)",
    Protection.RTP: "Clear (RTP)",
    Protection.UNKNOWN: "Protection unknown",
}
OUTCOMES = {
    OutcomeValue.PASS: "passed",
    OutcomeValue.FAIL: "failed",
    OutcomeValue.UNKNOWN: "unknown",
    OutcomeValue.NOT_APPLICABLE: "not applicable",
    OutcomeValue.ERROR: "error",
}
OUTCOME_SYMBOLS = {
    OutcomeValue.PASS: "✓",
    OutcomeValue.FAIL: "✕",
    OutcomeValue.UNKNOWN: "?",
    OutcomeValue.NOT_APPLICABLE: "–",
    OutcomeValue.ERROR: "!",
}
CONFIDENCES = {
    Confidence.C1: "statistical",
    Confidence.C2: "two observations joined",
    Confidence.C3: "exact octets of a message",
    Confidence.C4: "cryptographic proof",
}
CARRIERS = {
    Carrier.KEY_MGMT_ORDER: "order of the key-mgmt lines",
    Carrier.MIKEY_BODY: "MIKEY bodies beside the session description",
    Carrier.SP_ORDER: "order of the MIKEY security policies",
    Carrier.SP: "MIKEY security policy",
    Carrier.PRIORITY_EXTENSION: "MIKEY priority extension",
    Carrier.MIKEY_ERROR: "MIKEY error message",
    Carrier.SDPCAPNEG: "SDP capability negotiation",
    Carrier.SDES_ORDER: "order of the crypto lines",
    Carrier.PROFILE_ORDER: "order of the media lines",
    Carrier.FINGERPRINT: "fingerprint attribute",
    Carrier.ZRTP_HASH: "zrtp-hash attribute",
    Carrier.ZRTP_HELLO: "ZRTP Hello",
    Carrier.DTLS_USE_SRTP: "DTLS use_srtp",
    Carrier.FREE_TEXT: "free text in key-mgmt",
    Carrier.INVENTORY: "the auditor's inventory",
    Carrier.OBSERVED: "seen elsewhere",
}
SELECTION_RULES = {
    SelectionRule.MIN_SUM: "smallest sum of both priorities",
    SelectionRule.RESPONDER_FIRST: "the responder's best",
    SelectionRule.INITIATOR_FIRST: "the initiator's best",
    SelectionRule.MIN_MAX: "smallest worse priority",
    SelectionRule.ANY_COMMON: "any common one",
    SelectionRule.SINGLE: "the only one",
    SelectionRule.BY_CARRIER: "the rule under which each list's carrier lives",
}
METHODS = {
    Method.STATIC: "Static: each side has its favourite alone",
    Method.AUTOMATIC: "Automatic: any common one",
    Method.PRIORITY: "Priority: the selection rule",
}
SIGHTS = {Sight.UNSEEN: "unseen", Sight.NOTICED: "noticed", Sight.UNKNOWN: "not known: no key verifies it"}
ORIGINS = {
    ListOrigin.WIRE: "in this exchange",
    ListOrigin.REFUSAL: "when it refused an earlier offer of this call",
    ListOrigin.INVENTORY: "the auditor's inventory",
    ListOrigin.OWN_OFFER: "an offer of its own",
    ListOrigin.OPTIONS: "its answer to OPTIONS",
    ListOrigin.OTHER_REFUSAL: "when it refused an offer of another call",
    ListOrigin.OTHER_ANSWER: "what it accepted elsewhere",
}
SIDES = {Side.OFFERER: "Offered", Side.ANSWERER: "Answered"}
STATES = {
    CallState.TRYING: "no final response seen",
    CallState.ANSWERED: "answered, end not seen",
    CallState.ENDED: "answered and ended",
    CallState.REJECTED: "rejected",
    CallState.CANCELLED: "cancelled",
    CallState.MID_CALL: "joined mid-call",
}
RESOLUTIONS = {
    Resolution.ANSWERED: "offer answered",
    Resolution.REJECTED: "offer rejected",
    Resolution.CANCELLED: "offer cancelled",
    Resolution.UNANSWERED: "no answer seen",
    Resolution.OFFER_UNSEEN: "offer not seen",
}
MISSING: dict[str, str] = {
    "answer": "the answer to the offer",
    "answer-preferences": "the answerer's own preference list",
    "authentic-keying": "a keying message that verifies",
    "capture-time": "the time of the capture",
    "certificate": "a certificate: that of a handshake, or of who signed an identity",
    "chosen-suite": "the crypto suite that was chosen",
    "common-mechanism": "a security mechanism that both sides name",
    "iat": "the time at which a token of identity was issued (iat)",
    "key-mgmt": "key management that can be read",
    "leg-unpaired": "the other leg of the call",
    "mechanism-used": "which security mechanism protects the messages",
    "media": "media packets that tell encrypted from clear",
    "media-not-rtp": "a media line that is RTP",
    "mikey-key": "the key that protects the MIKEY messages",
    "mikey-signer": "a certificate, or that of its issuer, that vouches for whoever signed a MIKEY message",
    "offer": "the offer",
    "offer-preferences": "the offerer's own preference list",
    "other-leg": "the same call on the other side of the path, or a list that a MAC protects",
    "passport": "a token of identity (PASSporT) that can be read",
    "preference-lists": "a preference list of one side",
    "readable-list": "a priority list that can be read",
    "readable-mikey": "a MIKEY message that can be read",
    "response": "the response to the request",
    "rule-error": "a verdict of this rule: checking it failed, which is a bug in this program",
    "security-client": "the client's list of security mechanisms (Security-Client)",
    "security-server": "the server's list of security mechanisms (Security-Server)",
    "signalled-mki": "what the signalling said of an MKI",
    "signalling-unseen": "the signalling of this media",
    "time-zone": "the time zone of a local time stamp",
    "transport-unknown": "the transport that the signalling took",
    "suite": "how long a key of this suite is",
    "tag-length": "the length of the authentication tag",
    "strength": "the policy's strength of a capability",
    "usable-key": "a key that is bound to this media",
    "wire": "packets that prove the protection",
}
LIMITS = (
    (
        "RFC 4567 authenticates the list of key management protocols, not the order among several MIKEY lines: a "
        "missing line shows (where the sender repeats the identifier for each line), an exchanged order does not. "
        "Only captures on both sides of the path, or an inventory, could show it."
    ),
    (
        "The responder's list is often not on the wire. Where it is not, the audit takes every list that the evidence "
        "allows; if these disagree, the result is unknown."
    ),
    (
        "The capture shows what crossed its point of capture. An alteration is placed between two points, never "
        "ascribed to a person; benign causes such as a back-to-back user agent stand with each finding."
    ),
    (
        "No carrier can show that every keying line was taken out of an offer, or the profile changed to plain RTP: "
        "only endpoints whose policy refuses calls without security are safe from that (RFC 4567 §8)."
    ),
    "A packet that is not in the capture proves nothing: what depends on it is unknown.",
)
NOT_CHECKABLE = (
    "strength of pre-shared keys",
    "how keys are stored",
    "quality of random numbers beyond visible reuse",
    "whether a receiver accepts replayed packets",
    "certification of the cryptographic module",
    "decisions of trust in certificates",
    "what users were shown",
)


def explain_reason(code: str) -> str:
    """The sentence for a reason code; the code in words where there is none."""
    reason = REASONS.get(code)
    return reason.explanation if reason is not None else code.replace("-", " ").capitalize() + "."


def explain_capture_defect(defect: Defect) -> str:
    """What is amiss in a capture file, and at which octet where it is at one."""
    said = CAPTURE_DEFECTS.get(defect.code)
    detail = "1 packet" + defect.detail[9:] if defect.detail[:9] == "1 packets" else defect.detail
    text = f"{detail} {said}" if said else f"{defect.code} {detail}".rstrip()
    return f"{text} (at octet {defect.offset})" if defect.offset else text


def name_traffic(what: str) -> str:
    """What carries no call, by its protocol's name; anything else is said as it stands."""
    return OTHER_TRAFFIC.get(what, what)


def explain_missing(code: str) -> str:
    """What a code for missing evidence means; anything else is said as it stands."""
    return MISSING.get(code, code)
