# SPDX-License-Identifier: GPL-2.0-only
"""What a MIKEY message that was cut short or altered leaves open, of itself and of what answers it.

Nobody can check a MAC that is not there, whatever keys he has. And where V or a signature of the answer covers parts
of the offer too (RFC 3830 §5.2, RFC 4738 §3.6, RFC 6043 §5.5), it fails because those were altered; the answer need
not have been.
"""

from dataclasses import replace

from analyzer.keying.mikey_psk import PskOpening
from analyzer.keying.mikey_steps import ModeOpening
from analyzer.model.keying import MacState, MikeyEvidence
from dissectors.grammar.mikey import MikeyMessage, Opaque
from dissectors.grammar.mikey.registries import DataType, payload_name

TRUNCATED = "payload-truncated"
COVERED: dict[int, str] = {
    DataType.PSK_VER_MSG: "its V covers identities and T of the offer",
    DataType.PK_VER_MSG: "its V covers identities and T of the offer",
    DataType.RSA_R_R_MSG: "its signature covers identities and T of the offer",
    DataType.TRANSFER_RESP: "its V covers the whole offer",
    DataType.REQUEST_RESP: "its V covers the whole request",
    DataType.RESOLVE_RESP: "its V covers the whole request",
}
WHOLE = frozenset({DataType.TRANSFER_RESP, DataType.REQUEST_RESP, DataType.RESOLVE_RESP})


def cut_payload(message: MikeyMessage | None) -> str | None:
    """The name of the payload in which a message ends too early, None where it does not."""
    last = message.payloads[-1] if message is not None and message.payloads else None
    if message is None or not isinstance(last, Opaque) or not any(one.code == TRUNCATED for one in message.defects):
        return None
    return payload_name(last.payload_type)


def say_cut(evidence: MikeyEvidence) -> MikeyEvidence:
    """The message, saying where it is cut short if that is why nothing verifies it."""
    name = cut_payload(evidence.message) if evidence.mac.verified is None else None
    return evidence if name is None else replace(evidence, mac=MacState(None, f"it is cut short in its {name} payload"))


def excuse(offer: MikeyEvidence, opening: PskOpening | ModeOpening | None, answer: MikeyEvidence) -> MikeyEvidence:
    """The answer, not accused of what is wrong with the offer; `opening` is what keys made of that.

    A key that may be the wrong one (RFC 3830 §5.3 does not tell it from an altered message) excuses nothing.
    """
    kind = -1 if answer.message is None else answer.message.header.data_type
    if answer.mac.verified or kind not in COVERED:
        return answer
    cut = cut_payload(offer.message) is not None
    altered = offer.mac.verified is False and not (isinstance(opening, PskOpening) and not opening.key_data)
    if not (cut or altered) or (answer.mac.verified is None and kind not in WHOLE):
        return answer
    how = f"{COVERED[kind]}, which {'is cut short' if cut else 'does not verify itself'}"
    return replace(answer, mac=MacState(None, how), bound_key=False)
