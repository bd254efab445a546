# SPDX-License-Identifier: GPL-2.0-only
"""How each media line of a call was keyed, and the master keys that follow."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from analyzer.keying.dtls_keys import DtlsSecrets
from analyzer.keying.key_ring import KeyRing
from analyzer.keying.media_path import PathHandshakes
from analyzer.keying.mikey_books import MikeyBooks
from analyzer.keying.mikey_facts import with_facts
from analyzer.keying.mikey_master_keys import reverse_keys, session_keys_of
from analyzer.keying.mikey_messages import (
    OpenedMikey,
    read_key_mgmt,
)
from analyzer.keying.mikey_opener import MikeyOpener
from analyzer.keying.mikey_paths import KeyedPaths
from analyzer.keying.mikey_refusals import read_refusal
from analyzer.keying.mikey_verdicts import (
    ALWAYS_ANSWERED,
    all_authentic,
    chosen_message,
    method_name,
    opened_in_reverse,
    response_required,
    verdict_on,
    verdict_on_both,
)
from analyzer.keying.passports import read_passports
from analyzer.keying.path_certificates import compare_certificates
from analyzer.keying.sdes_keys import accepted_lines, master_keys_of, read_crypto_lines
from analyzer.keying.zrtp_handshakes import hello_hashes
from analyzer.keying.zrtp_keys import ZrtpSecrets
from analyzer.model.call import BoundStream, Call, MediaLine, Party, Resolution, Side
from analyzer.model.evidence import DatagramFlow
from analyzer.model.keying import Keying, MasterKey, MikeyEvidence
from dissectors.grammar.defects import Defect
from dissectors.grammar.sdes import CryptoAttribute

REFUSED = frozenset({Resolution.REJECTED, Resolution.CANCELLED})
CERTIFIED = ("DTLS-SRTP", "TLS")  # whose handshakes show the certificates that fingerprints announce
EMPTY = Keying(None, None, "")


class Keymaster:
    """Keys the media lines of one call after another with one key ring; MIKEY at session level is opened once.

    `books` are what exchanges left that were read elsewhere.
    """

    def __init__(self, ring: KeyRing, books: MikeyBooks | None = None) -> None:
        self._ring = ring
        self._dtls_secrets = DtlsSecrets(ring.tls_secrets())
        self.books = books or MikeyBooks()
        self._opener = MikeyOpener(ring, self.books)
        self._zrtp_secrets = ZrtpSecrets(ring.zrtp)
        self._opened: dict[tuple[str, int, bytes | None], OpenedMikey] = {}
        self._refusals: dict[tuple[str, int, Party], tuple[MikeyEvidence, ...]] = {}  # the last of each line and party
        self._keys: dict[tuple[str, int], tuple[MasterKey, ...]] = {}  # of a line's last exchange that had any

    def key(self, call: Call, line: MediaLine) -> Keying:
        """How `line` of `call` was keyed; the exchanges of a call are asked for in their order."""
        keying = self._key(call, line)
        refusals = self._refusals_of(call, line)
        if refusals:
            keying = replace(keying, refusals=refusals)
        if keying.method in CERTIFIED:
            keying = replace(keying, certificates=compare_certificates(call, line))
        passports = read_passports(line, self._ring.certificate)
        if passports:
            keying = replace(keying, passports=passports)
        place = (call.call_id, line.index)
        replaced = self._keys.get(place, ()) if line.exchange.number else ()
        if keying.keys:
            self._keys[place] = keying.keys
        return replace(keying, replaced=replaced) if replaced and replaced != keying.keys else keying

    def forget_call(self) -> None:
        """Let go of what was remembered of a call; what is open of tickets stays, for they are used in others."""
        self._opener.forget()
        for memory in (self._opened, self._refusals, self._keys):
            memory.clear()

    def _refusals_of(self, call: Call, line: MediaLine) -> tuple[MikeyEvidence, ...]:
        """The error messages that refused this offer, else those that refused an earlier one of the same party."""
        offer = line.exchange.offer
        if offer is None:
            return ()
        place = (call.call_id, line.index, offer.party)
        found = read_refusal(line.exchange, line.index)
        if found:
            from analyzer.keying.mikey_errors import verify_error  # noqa: PLC0415 - certificates: see key_files

            opened = self._open(call, line, read_key_mgmt(line.offer, Side.OFFERER))
            parties = _parties(call, line)
            self._refusals[place] = tuple(verify_error(error, opened, self._ring, parties) for error in found)
        return self._refusals.get(place, ())

    def _key(self, call: Call, line: MediaLine) -> Keying:
        crypto = read_crypto_lines(line.offer)
        accepted = read_crypto_lines(line.answer)
        offered_mikey = read_key_mgmt(line.offer, Side.OFFERER)
        answered_mikey = read_key_mgmt(line.answer, Side.ANSWERER)
        if accepted and not answered_mikey:
            return sdes_keying(crypto, accepted, offered_mikey)
        if answered_mikey or (offered_mikey and _one_way(line, offered_mikey)):
            return self._mikey(call, line, offered_mikey, answered_mikey, crypto, accepted)
        if line.answer is not None and line.answer.media.is_in_tls and not line.answer.is_refused:
            return Keying("TLS", None, _tls_facts(line), offered_crypto=crypto, mikey=offered_mikey)
        if line.answer is not None and _dtls_accepted(line):
            return self._dtls(line, crypto, offered_mikey)
        if line.zrtp or _zrtp_agreed(line):
            beside = [flow for each in call.media for flow in each.zrtp] if line.zrtp else []
            keying = self._zrtp(line.zrtp, line.side_at, beside, crypto, offered_mikey)
            return replace(keying, defects=tuple(_hello_defects(line)))
        if line.dtls:
            return self._dtls(line, crypto, ())
        return self._offer_only(call, line, crypto, offered_mikey)

    def key_loose(self, bound: BoundStream, handshakes: PathHandshakes, mikey: KeyedPaths) -> Keying:
        """How a stream of no call was keyed: by the handshakes on its path, or by MIKEY between its ends."""
        dtls = handshakes.dtls_beside(bound)
        if dtls:
            opened = self._dtls_secrets.open(dtls, lambda _: None)
            return Keying("DTLS-SRTP", None, opened.how, keys=opened.keys, keys_missing=opened.missing)
        zrtp = handshakes.zrtp_beside(bound)
        if zrtp:
            return self._zrtp(zrtp, lambda _: None, zrtp)
        return mikey.keying_of(bound) or EMPTY

    def _zrtp(
        self,
        flows: Sequence[DatagramFlow],
        side_at: Callable[[str], Side | None],
        beside: Sequence[DatagramFlow],
        crypto: tuple[CryptoAttribute, ...] = (),
        offered: tuple[MikeyEvidence, ...] = (),
    ) -> Keying:
        opened = self._zrtp_secrets.open(flows, side_at, beside)
        return Keying("ZRTP", opened.verified, opened.how, keys=opened.keys, offered_crypto=crypto, mikey=offered)

    def _dtls(self, line: MediaLine, crypto: tuple[CryptoAttribute, ...], offered: tuple[MikeyEvidence, ...]) -> Keying:
        opened = self._dtls_secrets.open(line.dtls, line.side_at)
        return Keying(
            "DTLS-SRTP",
            None,
            opened.how,
            keys=opened.keys,
            offered_crypto=crypto,
            mikey=offered,
            keys_missing=opened.missing,
        )

    def _offer_only(
        self, call: Call, line: MediaLine, crypto: tuple[CryptoAttribute, ...], offered: tuple[MikeyEvidence, ...]
    ) -> Keying:
        """An offer that nobody answered, or whose answer took none of its keying."""
        if not crypto and not offered:
            return EMPTY
        keys, defects = _all_keys(crypto, Side.OFFERER) if line.answer is None else ((), ())
        opened = self._open(call, line, offered)
        evidence = tuple(with_facts(message.evidence, message.opening) for message in opened)
        refused = line.answer is not None or line.exchange.resolution in REFUSED
        authentic = all_authentic(evidence)
        if authentic and not (refused and all(message.mac.verified for message in evidence)):
            authentic = None  # what is unproved, or what its verification message would say, is not known
        how = "offered, not taken up" if refused else "offered, no answer seen"
        return Keying(
            None,
            authentic,
            f"{evidence[0].mac.how}; {how}" if authentic else how,
            keys=keys,
            defects=defects,
            offered_crypto=crypto,
            mikey=evidence,
            authentic=authentic,
        )

    def _open(self, call: Call, line: MediaLine, offered: Sequence[MikeyEvidence]) -> tuple[OpenedMikey, ...]:
        parties = _parties(call, line)
        opened = []
        for evidence in offered:
            place = (call.call_id, evidence.ref.frame, evidence.octets)
            if place not in self._opened:
                self._opened[place] = self._opener.open(call.call_id, evidence, parties)
            opened.append(self._opened[place])
        return tuple(opened)

    def _mikey(
        self,
        call: Call,
        line: MediaLine,
        offered: tuple[MikeyEvidence, ...],
        answered: tuple[MikeyEvidence, ...],
        crypto: tuple[CryptoAttribute, ...],
        accepted: tuple[CryptoAttribute, ...],
    ) -> Keying:
        reverse = opened_in_reverse(offered, answered)
        answered = tuple(evidence for evidence in answered if evidence not in reverse)
        opened, responses = self._opener.check_answers(
            call.call_id, self._open(call, line, offered), answered, _parties(call, line)
        )
        chosen = chosen_message(opened, responses)
        verified, how, defects = verdict_on(chosen, responses)
        required = chosen is not None and response_required(chosen.evidence)
        keys = session_keys_of(chosen, line) if chosen is not None else ()
        sdes, sdes_defects = _all_keys(accepted, Side.ANSWERER)
        messages = (
            *(with_facts(message.evidence, message.opening) for message in opened),
            *(with_facts(response) for response in responses),
        )
        if reverse:
            back = self._open(call, line, reverse)
            verified, how, defects = verdict_on_both(chosen, back)
            keys = (*(key._replace(sender=Side.OFFERER) for key in keys), *reverse_keys(back, line, chosen))
            messages += tuple(with_facts(message.evidence, message.opening) for message in back)
            responses += tuple(message.evidence for message in back)
        return Keying(
            method=method_name(chosen, responses),
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
        )


def _parties(call: Call, line: MediaLine) -> tuple[str, str]:
    """The addresses-of-record of offerer and answerer."""
    if line.exchange.offer is not None and line.exchange.offer.party is Party.CALLEE:
        return call.callee, call.caller
    return call.caller, call.callee


def sdes_keying(
    offered: tuple[CryptoAttribute, ...], accepted: tuple[CryptoAttribute, ...], mikey: tuple[MikeyEvidence, ...] = ()
) -> Keying:
    """Keys from crypto lines: the offerer's from the line taken up, the answerer's from its own (RFC 4568 §5.1.3)."""
    taken = tuple(line for answer in accepted for line in accepted_lines(offered, answer))
    offer_keys, offer_defects = _all_keys(taken or offered, Side.OFFERER)
    answer_keys, answer_defects = _all_keys(accepted, Side.ANSWERER)
    defects = offer_defects + answer_defects
    if not taken:
        defects += (Defect("crypto-not-offered", 0, "RFC 4568 §5.1.3"),)
    return Keying(
        "SDES",
        None,
        "keys stand in the SDP",
        keys=offer_keys + answer_keys,
        defects=defects,
        offered_crypto=offered,
        accepted_crypto=accepted,
        mikey=mikey,
    )


def _all_keys(lines: Sequence[CryptoAttribute], sender: Side) -> tuple[tuple[MasterKey, ...], tuple[Defect, ...]]:
    pairs = [master_keys_of(line, sender) for line in lines]
    keys = tuple(key for found, _ in pairs for key in found)
    return keys, tuple(defect for _, found in pairs for defect in found)


def _one_way(line: MediaLine, offered: Sequence[MikeyEvidence]) -> bool:
    """Whether the answer takes MIKEY up by silence: the mode needs no response (RFC 3830 §3.1, RFC 4567 §4.1.2).

    A verification message that was asked for and did not come changes no choice; another keying seen in band does.
    """
    if line.answer is None or line.answer.is_refused or _dtls_accepted(line):
        return False
    kinds = {each.message.header.data_type for each in offered if each.message is not None}
    in_band = line.dtls or line.zrtp or _zrtp_agreed(line)
    return bool(kinds) and not kinds & ALWAYS_ANSWERED and not (in_band and any(map(response_required, offered)))


def _tls_facts(line: MediaLine) -> str:
    """What is known of the connections that a line's media runs in."""
    if not line.tls:
        return "the media runs in TLS, and no such connection was captured"
    agreed = dict.fromkeys(" ".join(filter(None, (flow.version, flow.cipher_suite))) for flow in line.tls)
    versions = ", ".join(filter(None, agreed)) or "its handshake was not captured"
    return f"the media runs in TLS ({versions}); what is inside was not read"


def _dtls_accepted(line: MediaLine) -> bool:
    if line.answer is None:
        return False
    sides = (line.answer.media.attribute("fingerprint"), line.answer.body.session.attribute("fingerprint"))
    return any(value is not None for value in sides)


def _hello_defects(line: MediaLine) -> Iterator[Defect]:
    """Hello messages that are not those which the SDP announced (RFC 6189 §8.1)."""
    for source, hashes in hello_hashes(line.zrtp).items():
        side = {Side.OFFERER: line.offer, Side.ANSWERER: line.answer, None: None}[line.side_at(source)]
        announced = None if side is None else side.media.attribute("zrtp-hash")
        if announced is not None and announced.split()[-1:] and announced.split()[-1].lower() not in hashes:
            detail = f"the Hello from {source} is not the one that the SDP announced"
            yield Defect("zrtp-hash-mismatch", 0, "RFC 6189 §8.1", detail)


def _zrtp_agreed(line: MediaLine) -> bool:
    sides = (line.offer, line.answer)
    return all(side is not None and side.media.attribute("zrtp-hash") is not None for side in sides)
