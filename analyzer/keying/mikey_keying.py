# SPDX-License-Identifier: GPL-2.0-only
"""How media lines are keyed that MIKEY keys, and what MIKEY says where it was offered in vain."""

from collections.abc import Sequence
from dataclasses import replace

from analyzer.keying.key_mgmt_lines import read_key_mgmt
from analyzer.keying.key_ring import KeyRing
from analyzer.keying.mikey_books import MikeyBooks
from analyzer.keying.mikey_facts import with_facts
from analyzer.keying.mikey_master_keys import reverse_keys, session_keys_of
from analyzer.keying.mikey_messages import OpenedMikey
from analyzer.keying.mikey_opener import MikeyOpener
from analyzer.keying.mikey_verdicts import (
    ALWAYS_ANSWERED,
    all_authentic,
    are_unproved,
    chosen_message,
    method_name,
    opened_in_reverse,
    response_required,
    unbound_unless_proved,
    verdict_on,
    verdict_on_both,
)
from analyzer.keying.sdes_keys import keys_of_lines
from analyzer.model.call import Call, MediaLine, Party, Side
from analyzer.model.keying import Keying, MasterKey, MikeyEvidence
from dissectors.grammar.sdes import CryptoAttribute


class MikeyKeying:
    """Opens the MIKEY messages of one call after another: each once, also where it stands for all media lines."""

    def __init__(self, ring: KeyRing, books: MikeyBooks | None = None) -> None:
        self._ring = ring
        self.books = books or MikeyBooks()
        self._opener = MikeyOpener(ring, self.books)
        self._opened: dict[tuple[str, int, bytes | None], OpenedMikey] = {}

    def forget_call(self) -> None:
        """Let go of what was opened of a call; tickets stay open."""
        self._opener.forget()
        self._opened.clear()

    def check_refusals(self, call: Call, line: MediaLine, found: Sequence[MikeyEvidence]) -> tuple[MikeyEvidence, ...]:
        """Error messages that refused the line's offer, with what their V or signatures show."""
        from analyzer.keying.mikey_errors import verify_error  # noqa: PLC0415 - certificates: see key_files

        opened = self.open(call, line, read_key_mgmt(line.offer, Side.OFFERER))
        parties = _parties(call, line)
        return tuple(verify_error(error, opened, self._ring, parties) for error in found)

    def needs_no_answer(self, offered: Sequence[MikeyEvidence], *, in_band: bool) -> bool:
        """Whether an answer takes MIKEY up by silence: the mode needs no response (RFC 3830 §3.1, RFC 4567 §4.1.2).

        A verification message that was asked for and did not come changes no choice; another keying that was seen
        `in_band` does.
        """
        kinds = {each.message.header.data_type for each in offered if each.message is not None}
        return bool(kinds) and not kinds & ALWAYS_ANSWERED and not (in_band and any(map(response_required, offered)))

    def key_offer(
        self, call: Call, line: MediaLine, offered: Sequence[MikeyEvidence], plain: Keying, *, refused: bool
    ) -> Keying:
        """What `plain` says of an offer that was not taken up, with its MIKEY messages."""
        opened = self.open(call, line, offered)
        evidence = tuple(with_facts(message.evidence, message.opening) for message in opened)
        authentic = all_authentic(evidence)
        if authentic and not (refused and all(message.mac.verified for message in evidence)):
            authentic = None  # what is unproved, or what its verification message would say, is not known
        how = f"{evidence[0].mac.how}; {plain.how}" if authentic else plain.how
        return replace(plain, verified=authentic, how=how, mikey=evidence, authentic=authentic)

    def open(self, call: Call, line: MediaLine, offered: Sequence[MikeyEvidence]) -> tuple[OpenedMikey, ...]:
        """The messages of an offer, opened as far as the keys at hand go."""
        parties = _parties(call, line)
        opened = []
        for evidence in offered:
            place = (call.call_id, evidence.ref.frame, evidence.octets)
            if place not in self._opened:
                self._opened[place] = self._opener.open(call.call_id, evidence, parties)
            opened.append(self._opened[place])
        return tuple(opened)

    def key(
        self,
        call: Call,
        line: MediaLine,
        offered: tuple[MikeyEvidence, ...],
        answered: tuple[MikeyEvidence, ...],
        crypto: tuple[CryptoAttribute, ...],
        accepted: tuple[CryptoAttribute, ...],
    ) -> Keying:
        """A line whose answer takes MIKEY up, in words or by silence; `accepted` are crypto lines beside."""
        reverse = opened_in_reverse(offered, answered)
        answered = tuple(evidence for evidence in answered if evidence not in reverse)
        opened, responses = self._opener.check_answers(
            call.call_id, self.open(call, line, offered), answered, _parties(call, line)
        )
        chosen = chosen_message(opened, responses)
        verified, how, defects = verdict_on(chosen, responses)
        required = chosen is not None and response_required(chosen.evidence)
        keys = session_keys_of(chosen, line) if chosen is not None else _keys_of_any(opened, responses, line)
        sdes, sdes_defects = keys_of_lines(accepted, Side.ANSWERER)
        messages = (
            *(with_facts(message.evidence, message.opening) for message in opened),
            *(with_facts(response) for response in responses),
        )
        sources: tuple[OpenedMikey, ...] = () if chosen is None else (chosen,)
        proofs = responses
        if reverse:
            back = self.open(call, line, reverse)
            sources += back
            verified, how, defects = verdict_on_both(chosen, back)
            keys = (*(key._replace(sender=Side.OFFERER) for key in keys), *reverse_keys(back, line, chosen))
            messages += tuple(with_facts(message.evidence, message.opening) for message in back)
            responses += tuple(message.evidence for message in back)
        keys = unbound_unless_proved(keys, sources, proofs, verified)
        return Keying(
            method=method_name(chosen, opened, responses),
            verified=verified,
            how=how,
            keys=keys + sdes,
            defects=defects + sdes_defects,
            offered_crypto=crypto,
            accepted_crypto=accepted,
            mikey=messages,
            response_required=required,
            response_seen=bool(responses),
            response_verified=next((r.mac.verified for r in responses if r.mac.verified is not None), None),
            authentic=all_authentic(messages),
            keys_unproved=bool(keys) and are_unproved(sources, proofs, verified),
        )


def _parties(call: Call, line: MediaLine) -> tuple[str, str]:
    """The addresses-of-record of offerer and answerer."""
    if line.exchange.offer is not None and line.exchange.offer.party is Party.CALLEE:
        return call.callee, call.caller
    return call.caller, call.callee


def _keys_of_any(
    opened: Sequence[OpenedMikey], responses: Sequence[MikeyEvidence], line: MediaLine
) -> tuple[MasterKey, ...]:
    """The keys of every message that silence may have taken up; packets tell which, and none is bound until then."""
    if responses:
        return ()
    return tuple(key._replace(bound=False) for each in opened for key in session_keys_of(each, line))
