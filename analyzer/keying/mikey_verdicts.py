# SPDX-License-Identifier: GPL-2.0-only
"""What offered messages and responses of a media line prove together: which was taken, by whom, whether verified."""

from collections.abc import Iterator, Sequence

from analyzer.keying.mikey_damage import cut_payload
from analyzer.keying.mikey_messages import OpenedMikey
from analyzer.model.keying import MasterKey, MikeyEvidence
from analyzer.model.mikey_modes import MIKEY_MODES
from dissectors.grammar.defects import Defect
from dissectors.grammar.mikey import Kemac, MikeyMessage, Sign, Verification
from dissectors.grammar.mikey.registries import DataType, EncryptionAlgorithm

# Their responder always answers (RFC 3830 §3.3, RFC 4650 §3, RFC 4738 §3, RFC 6267 §4.2.2).
ALWAYS_ANSWERED = frozenset(
    {DataType.DH_INIT, DataType.DHHMAC_INIT, DataType.RSA_R_I_MSG, DataType.I_MESSAGE_1, DataType.I_MESSAGE_2}
)
ANSWERED_IF_ASKED = frozenset({DataType.PRE_SHARED, DataType.PUBLIC_KEY, DataType.TRANSFER_INIT})
# One message in which both sides prove themselves, so that nobody answers (RFC 6509 §2.1).
NEVER_ANSWERED = frozenset({DataType.SAKKE_MSG})
# Messages without a MAC whose exchange V of the answer proves (RFC 6267 §5.4).
PROVED_BY_ANSWER = frozenset({DataType.I_MESSAGE_1, DataType.I_MESSAGE_2})
# Their envelope key follows from nothing of the offer and verifies the response (RFC 3830 §3.2, RFC 4738 §3).
KEYED_BY_ENVELOPE = frozenset({DataType.PUBLIC_KEY, DataType.RSA_R_I_MSG})
INITIATING = ALWAYS_ANSWERED | ANSWERED_IF_ASKED | NEVER_ANSWERED


def opened_in_reverse(offered: Sequence[MikeyEvidence], answered: Sequence[MikeyEvidence]) -> tuple[MikeyEvidence, ...]:
    """Messages of the answer that initiate an exchange of the answerer's own, as GStreamer's RTSP client sends.

    Where the offer asks for a response, an initiator's message in its place is a wrong response, not another exchange.
    """
    if any(map(response_required, offered)):
        return ()
    known = {evidence.octets for evidence in offered}
    return tuple(
        evidence
        for evidence in answered
        if evidence.message is not None
        and evidence.message.header.data_type in INITIATING
        and not response_required(evidence)
        and evidence.octets not in known
    )


def verdict_on_both(
    chosen: OpenedMikey | None, back: Sequence[OpenedMikey]
) -> tuple[bool | None, str, tuple[Defect, ...]]:
    """`verified`, `how` and defects of two one-way exchanges: each side proves itself by its own message."""
    messages = [*([chosen.evidence] if chosen is not None else []), *(message.evidence for message in back)]
    defects = tuple(dict.fromkeys(defect for message in messages for defect in message.defects))
    worst = next((one for one in messages if one.mac.verified is False), None)
    worst = worst or next((one for one in messages if one.mac.verified is None), None)
    if chosen is None and (worst is None or worst.mac.verified is None):
        return None, "the offered message was not seen", defects
    return (True, messages[0].mac.how, defects) if worst is None else (worst.mac.verified, worst.mac.how, defects)


def response_required(evidence: MikeyEvidence) -> bool:
    """Whether the message's responder has to answer: by its mode, or because V asks for it."""
    message = evidence.message
    if message is None:
        return False
    kind = message.header.data_type
    return kind in ALWAYS_ANSWERED or (kind in ANSWERED_IF_ASKED and message.header.v)


def chosen_message(opened: Sequence[OpenedMikey], responses: Sequence[MikeyEvidence]) -> OpenedMikey | None:
    """The offered message that the answer took up: same CSB ID and mode, else the only one of its mode.

    None where the answer is of a mode that no readable message of the offer has: then it took none of these.
    """
    for response in responses:
        if response.message is None:
            continue
        method = MIKEY_MODES.get(response.message.header.data_type)
        same_mode = [
            candidate
            for candidate in opened
            if candidate.evidence.message is not None
            and MIKEY_MODES.get(candidate.evidence.message.header.data_type) == method
        ]
        csb_id = response.message.header.csb_id
        for candidate in same_mode:
            if candidate.evidence.message is not None and candidate.evidence.message.header.csb_id == csb_id:
                return candidate
        if len(same_mode) == 1:
            return same_mode[0]
        if method is not None and not same_mode:
            return None
    readable = [candidate for candidate in opened if candidate.evidence.message is not None]
    return readable[0] if len(readable) == 1 else None


def method_name(
    chosen: OpenedMikey | None, opened: Sequence[OpenedMikey], responses: Sequence[MikeyEvidence]
) -> str | None:
    """The key agreement of the exchange, None where no message of it names one, or the `opened` ones several."""
    messages = [response.message for response in responses]
    if chosen is not None:
        messages.append(chosen.evidence.message)
    for message in messages:
        if message is not None and message.header.data_type in MIKEY_MODES:
            return MIKEY_MODES[message.header.data_type]
    offered = {None if one is None else MIKEY_MODES.get(one.header.data_type) for one in _messages(opened)}
    return offered.pop() if len(offered) == 1 and not messages else None


def _messages(opened: Sequence[OpenedMikey]) -> Iterator[MikeyMessage | None]:
    return (each.evidence.message for each in opened)


def are_unproved(messages: Sequence[OpenedMikey], responses: Sequence[MikeyEvidence], verified: bool | None) -> bool:
    """Whether one of the messages that keys follow from may be altered, as its signature, MAC or V can't be checked.

    `verified` is what the exchange as a whole shows: where that is False, it is known. A message that never said that
    it is authentic stands as it was sent.
    """
    answered = any(response.mac.verified for response in responses)
    return verified is not False and not all(_is_vouched_for(each, verified, answered) for each in messages)


def _is_vouched_for(opened: OpenedMikey, verified: bool | None, answered: bool) -> bool:
    message = opened.evidence.message
    if message is None or opened.evidence.mac.verified:
        return True
    if message.header.data_type in PROVED_BY_ANSWER:
        return verified is True
    if message.header.data_type in KEYED_BY_ENVELOPE and answered:
        return True
    kemac = message.find(Kemac)
    if kemac is not None and kemac.encryption_algorithm == EncryptionAlgorithm.NULL:
        return True  # keys that stand there in the clear are the call's own, as in SDES
    return message.find(Sign) is None and message.header.data_type != DataType.DHHMAC_INIT


def unbound_unless_proved(
    keys: Sequence[MasterKey],
    messages: Sequence[OpenedMikey],
    responses: Sequence[MikeyEvidence],
    verified: bool | None,
) -> tuple[MasterKey, ...]:
    """The keys, none of them bound where a message is or may be altered: then media that fails contradicts nothing."""
    if verified is not False and not are_unproved(messages, responses, verified):
        return tuple(keys)
    return tuple(key._replace(bound=False) for key in keys)


def all_authentic(messages: Sequence[MikeyEvidence]) -> bool | None:
    """False where one of the messages fails, True where none does and one verifies."""
    if any(message.mac.verified is False for message in messages):
        return False
    return True if any(message.mac.verified for message in messages) else None


def _has_v(message: MikeyMessage | None) -> bool:
    """Whether an answer has a V, be it cut off."""
    return message is not None and (message.find(Verification) is not None or cut_payload(message) is not None)


def verdict_on(
    chosen: OpenedMikey | None, responses: Sequence[MikeyEvidence]
) -> tuple[bool | None, str, tuple[Defect, ...]]:
    """`verified`, `how` and defects of the exchange as a whole."""
    messages = [*([chosen.evidence] if chosen is not None else []), *responses]
    defects = tuple(defect for message in messages for defect in message.defects)
    for message in messages:
        if message.mac.verified is False:
            return False, message.mac.how, defects
    if chosen is None:
        return None, f"which of the offered messages was {'answered' if responses else 'taken'} is not known", defects
    first = chosen.evidence
    if first.message is not None and first.message.header.data_type in PROVED_BY_ANSWER:
        proof = next((each.mac for each in responses if each.mac.verified), None)
        proof = proof or next((each.mac for each in responses if _has_v(each.message)), first.mac)
        return proof.verified, proof.how, defects
    if first.mac.verified is None:
        return None, first.mac.how, defects
    if first.message is not None and first.message.header.data_type in NEVER_ANSWERED:
        return True, first.mac.how, defects
    if not response_required(first):
        clause = "RFC 3830 §6.1"
        return True, first.mac.how, (*defects, Defect("responder-not-authenticated", 0, clause, "V was not asked for"))
    for response in responses:
        if response.mac.verified:
            return True, f"{first.mac.how}, {response.mac.how}", defects
    how = "the response is missing" if not responses else responses[0].mac.how
    return None, f"{first.mac.how}; {how}", defects
