# SPDX-License-Identifier: GPL-2.0-only
"""Why a media line has its verdict: permanent names, strongest first, with a sentence for reports."""

from collections.abc import Iterable

from analyzer.model.words import Word


class Reason(Word):
    """A reason for a verdict, or a fact that stands beside it; the order here is the order of strength."""

    explanation: str

    def __new__(cls, value: str, explanation: str) -> "Reason":
        """A member: its name in reports and what it means."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.explanation = explanation
        return member

    CLEAR_MEDIA = "clear-media", "RTP packets after the answer are proved to be in the clear."
    PLAIN_PROFILE = "plain-profile", "A plain RTP profile was agreed and nothing that could protect it was accepted."
    CHOICE_NOT_OFFERED = "choice-not-offered", "The answer names a capability that the offer does not have."
    CHOICE_NOT_IN_RESPONDER_LIST = (
        "choice-not-in-responder-list",
        "The answer names a capability that is not in the list the responder itself sent.",
    )
    WIRE_CONTRADICTS = "wire-contradicts", "The packets show another protection than the one that was chosen."
    DOMINATED = "dominated", "Another common capability is at least as good for both sides and better for one."
    NOT_WINNER = "not-winner", "The choice is not what the selection rule gives for the two lists."
    OFFER_STRIPPED = "offer-stripped", "A list inside a message names more offered lines than arrived."
    KEYING_NOT_AUTHENTIC = (
        "keying-not-authentic",
        "A MAC, signature or verification message fails with a key bound to this call.",
    )
    KEYING_NOT_PROVED = (
        "keying-not-proved",
        "Packets do not verify under the keys of a message, and nothing shows whether the message was altered.",
    )
    SIGNALLING_UNSEEN = "signalling-unseen", "The offer was not seen."
    ANSWER_UNSEEN = "answer-unseen", "Neither an answer to the offer nor its refusal was seen."
    KEYS_UNSEEN = (
        "keys-unseen",
        "Packets fail under the agreed keys, and messages of the call are missing that may have brought others.",
    )
    MEDIA_NOT_RTP = "media-not-rtp", "The media line is not RTP, so nothing here can judge it."
    OFFER_UNREADABLE = "offer-unreadable", "The list that was offered was not seen or can't be read."
    CHOICE_UNKNOWN = "choice-unknown", "The suite that was chosen can't be told from what was seen."
    RESPONDER_LIST_UNKNOWN = (
        "responder-list-unknown",
        "What was chosen may or may not be right: that depends on a list of the responder nobody sent.",
    )
    PRIORITY_UNKNOWN = (
        "priority-unknown",
        "What was chosen may or may not be right: that depends on a number that a list has not, or has twice.",
    )
    NO_KEYING_IN_ANSWER = "no-keying-in-answer", "A secure profile was agreed and the answer says nothing of keys."
    IN_BAND_KEYING_NOT_OPENED = (
        "in-band-keying-not-opened",
        "The keys were agreed in band, by a handshake that was not opened.",
    )
    WIRE_UNSEEN = "wire-unseen", "No packets were seen, or none that tell encrypted from clear."
    ONE_DIRECTION_UNSEEN = "one-direction-unseen", "A direction in which media was agreed to flow shows no packets."
    MEDIA_WITHOUT_AGREEMENT = "media-without-agreement", "Packets flowed although nothing was agreed."
    REJECTED = "rejected", "The offer was refused."
    CANCELLED = "cancelled", "The offer was cancelled before it was answered."
    PORT_ZERO = "port-zero", "The answer refuses the media line with port 0."
    INACTIVE = "inactive", "The media line was inactive throughout."
    WIRE_NOT_PROVED = "wire-not-proved", "The packets fit the chosen suite, but no key proves it."
    ORDER_NOT_BINDING = "order-not-binding", "Alternatives were listed in an order that binds the responder to nothing."
    RESPONDER_NOT_VERIFIED = "responder-not-verified", "A verification message was asked for and did not come."
    OFFER_DIFFERS_FROM_INVENTORY = (
        "offer-differs-from-inventory",
        "The offer's list is not the one that the inventory has for this endpoint.",
    )


RANK = {reason: rank for rank, reason in enumerate(Reason)}
REASONS = {reason.value: reason for reason in Reason}


def sort_reasons(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Each reason once, strongest first."""
    return tuple(sorted(set(reasons), key=lambda reason: RANK[reason]))
