# SPDX-License-Identifier: GPL-2.0-only
"""MKY-025: MAC, signature or verification message does not verify with a bound key."""

from collections.abc import Iterable

from analyzer.model.call import Side
from analyzer.model.evidence import FrameRef
from analyzer.model.keying import MikeyEvidence
from analyzer.model.outcome import Confidence, Severity
from analyzer.rules.base import Absent, Level, Meaning, Need, Result, Rule, failed, not_applicable, passed, unknown
from analyzer.rules.exchange_facts import ExchangeFacts
from analyzer.rules.line_facts import LineFacts, Subject
from analyzer.rules.mikey_reuse import refs_of

_NO_MIKEY = not_applicable("No MIKEY message was exchanged.")
_GUARDS = (
    "the key ring may hold a wrong key for these parties",
    "an element between the parties may have rewritten the message",
)


def _failing_refs(facts: LineFacts) -> tuple[FrameRef, ...]:
    refs = [one.ref for one in facts.mikey if one.mac.verified is False]
    if not refs and facts.keying.response_verified is False:
        refs = [one.ref for one in facts.mikey if one.side is Side.ANSWERER]
    return tuple(dict.fromkeys(refs)) or facts.refs


def _say_which_fails(facts: LineFacts) -> str:
    """What fails: the exchange itself, or a message that was offered beside the one it took."""
    keying = facts.keying
    beside = next((one.mac for one in facts.mikey if one.mac.verified is False), None)
    if beside is None or keying.verified is False:
        return f"A MIKEY message is not authentic: {keying.how}"
    return f"A MIKEY message beside those that keyed the exchange is not authentic: {beside.how}"


def _check_line(facts: LineFacts) -> Result:
    keying = facts.keying
    messages = facts.mikey
    if not messages:
        return _NO_MIKEY
    if keying.authentic is False or keying.verified is False:
        return failed(f"{_say_which_fails(facts)}.", _failing_refs(facts), _GUARDS)
    errors = facts.signed_errors
    forged = [one for one in errors if one.mac.verified is False]
    if forged:
        return failed(f"A MIKEY error message is not authentic: {forged[0].mac.how}.", refs_of(forged), _GUARDS)
    refs = tuple(dict.fromkeys(one.ref for one in (*messages, *errors)))
    unproved = next((one for one in errors if one.mac.authentic is not True), None)
    if unproved is not None:
        missing = "mikey-signer" if unproved.mac.verified else "mikey-key"
        text = f"Nothing shows whether a MIKEY error message is authentic: {unproved.mac.how}."
        return unknown(missing, text, refs_of([unproved]))
    if keying.verified and any(one.mac.verified and not one.mac.vouched for one in messages):
        return unknown("mikey-signer", f"Who signed a MIKEY message is not known: {keying.how}.", refs)
    if keying.verified:
        return passed(f"The MIKEY messages verify: {keying.how}.", refs)
    text = f"Nothing shows whether the MIKEY messages are authentic: {keying.how}."
    return unknown(_missing(messages), text, refs)


def _missing(messages: Iterable[MikeyEvidence]) -> str:
    """The rest of a message where that is what nobody can verify, else a key."""
    shut = [one.message for one in messages if one.mac.verified is None]
    return "readable-mikey" if any(one is None or not one.is_read_whole for one in shut) else "mikey-key"


def _check_exchange(facts: ExchangeFacts) -> Result:
    messages = facts.mikey
    wrong = [one for one in messages if one.mac.verified is False]
    if wrong:
        return failed(f"A MIKEY message is not authentic: {wrong[0].mac.how}.", refs_of(wrong), _GUARDS)
    unproved = [one for one in messages if one.mac.authentic is not True]
    if not unproved:
        return passed(f"The MIKEY messages verify: {messages[0].mac.how}.", refs_of(messages))
    if unproved[0].mac.verified:
        text = f"Who signed a MIKEY message is not known: {unproved[0].mac.how}."
        return unknown("mikey-signer", text, refs_of(unproved))
    text = f"Nothing shows whether the MIKEY messages are authentic: {unproved[0].mac.how}."
    return unknown(_missing(unproved), text, refs_of(unproved))


RULE = Rule(
    id="MKY-025",
    title="MIKEY message is not authentic",
    citation="RFC 3830 §5.3",
    level=Level.MUST,
    severity=Severity.CRITICAL,
    confidence=Confidence.C4,
    needs=(Need.SIGNALLING, Need.KEYS),
    remediation="Find out whether the key at hand is wrong or the message was altered;"
    " the responder has to refuse such a message with the error `Auth failure`.",
    meaning=Meaning(
        passes="MAC or signature of the exchange verifies, and the responder's too where it was asked for.",
        fails="A MAC, signature or verification message, or V of an error message that refused the offer, does not"
        " verify with a key bound to this call.",
        unknown="No key in the ring fits, there is no MAC, a message is cut short, the verification that was asked for"
        " was not seen, or nothing vouches for the certificate that the message itself brings.",
        not_applicable="No MIKEY message was exchanged.",
    ),
    check_line=_check_line,
    check_exchange=_check_exchange,
    absent=Absent(Subject.MIKEY, _NO_MIKEY),
)
