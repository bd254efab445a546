# SPDX-License-Identifier: GPL-2.0-only
"""How each media line of a call was keyed, and the master keys that follow."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from analyzer.keying.key_mgmt_lines import read_key_mgmt
from analyzer.keying.key_ring import KeyRing
from analyzer.keying.media_path import PathHandshakes
from analyzer.keying.mikey_paths import KeyedPaths
from analyzer.keying.mikey_refusals import read_lone_refusal, read_refusal
from analyzer.keying.passports import read_passports
from analyzer.keying.sdes_keys import accepted_lines, keys_of_lines, read_crypto_lines
from analyzer.model.call import BoundStream, Call, MediaLine, Party, Resolution, Side
from analyzer.model.evidence import DatagramFlow
from analyzer.model.keying import Keying, MasterKey, MikeyEvidence
from dissectors.grammar.defects import Defect
from dissectors.grammar.sdes import CryptoAttribute

if TYPE_CHECKING:
    from analyzer.keying.dtls_keys import DtlsSecrets
    from analyzer.keying.mikey_books import MikeyBooks
    from analyzer.keying.mikey_keying import MikeyKeying
    from analyzer.keying.zrtp_keys import ZrtpSecrets
    from analyzer.tls.secrets import TlsSecrets

REFUSED = frozenset({Resolution.REJECTED, Resolution.CANCELLED})
CERTIFIED = ("DTLS-SRTP", "TLS")  # whose handshakes show the certificates that fingerprints announce
EMPTY = Keying(None, None, "")


class Keymaster:
    """Keys the media lines of one call after another with one key ring; MIKEY at session level is opened once.

    `books` are what exchanges left that were read elsewhere. What opens a way of keying is loaded where a line needs
    it: most captures know one way.
    """

    def __init__(self, ring: KeyRing, books: "MikeyBooks | None" = None) -> None:
        self._ring = ring
        self._books = books
        self._refusals: dict[tuple[str, int, Party], tuple[MikeyEvidence, ...]] = {}  # the last of each line and party
        self._keys: dict[tuple[str, int], tuple[MasterKey, ...]] = {}  # of a line's last exchange that had any

    @cached_property
    def mikey(self) -> "MikeyKeying":
        """How lines are keyed that MIKEY keys."""
        from analyzer.keying.mikey_keying import MikeyKeying  # noqa: PLC0415 - see the class

        return MikeyKeying(self._ring, self._books)

    @cached_property
    def _dtls_secrets(self) -> "DtlsSecrets":
        from analyzer.keying.dtls_keys import DtlsSecrets  # noqa: PLC0415 - see the class

        return DtlsSecrets(self._tls_secrets)

    @cached_property
    def _tls_secrets(self) -> "TlsSecrets":
        return self._ring.tls_secrets()

    @cached_property
    def _zrtp_secrets(self) -> "ZrtpSecrets":
        from analyzer.keying.zrtp_keys import ZrtpSecrets  # noqa: PLC0415 - see the class

        return ZrtpSecrets(self._ring.zrtp)

    def key(self, call: Call, line: MediaLine) -> Keying:
        """How `line` of `call` was keyed; the exchanges of a call are asked for in their order."""
        keying = self._key(call, line)
        refusals = self._refusals_of(call, line)
        if refusals:
            keying = replace(keying, refusals=refusals)
        if keying.method in CERTIFIED:
            from analyzer.keying.path_certificates import compare_certificates  # noqa: PLC0415 - see the class

            keying = replace(keying, certificates=compare_certificates(call, line, self._tls_secrets))
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
        if "mikey" in self.__dict__:
            self.mikey.forget_call()
        self._refusals.clear()
        self._keys.clear()

    def _refusals_of(self, call: Call, line: MediaLine) -> tuple[MikeyEvidence, ...]:
        """The error messages that refused this offer, else those that refused an earlier one of the same party."""
        offer = line.exchange.offer
        if offer is None:
            return ()
        place = (call.call_id, line.index, offer.party)
        found = read_refusal(line.exchange, line.index)
        if found:
            self._refusals[place] = self.mikey.check_refusals(call, line, found)
        if place not in self._refusals:
            self._refusals[place] = read_lone_refusal(call, line)
        return self._refusals[place]

    def _key(self, call: Call, line: MediaLine) -> Keying:
        crypto = read_crypto_lines(line.offer)
        accepted = read_crypto_lines(line.answer)
        offered_mikey = read_key_mgmt(line.offer, Side.OFFERER)
        answered_mikey = read_key_mgmt(line.answer, Side.ANSWERER)
        if accepted and not answered_mikey:
            return sdes_keying(crypto, accepted, offered_mikey)
        if answered_mikey or (offered_mikey and self._is_taken_by_silence(line, offered_mikey)):
            return self.mikey.key(call, line, offered_mikey, answered_mikey, crypto, accepted)
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

    def _is_taken_by_silence(self, line: MediaLine, offered: Sequence[MikeyEvidence]) -> bool:
        """Whether the answer takes MIKEY up by saying nothing of it, and nothing else of keying."""
        if line.answer is None or line.answer.is_refused or _dtls_accepted(line):
            return False
        in_band = bool(line.dtls or line.zrtp or _zrtp_agreed(line))
        return self.mikey.needs_no_answer(offered, in_band=in_band)

    def _offer_only(
        self, call: Call, line: MediaLine, crypto: tuple[CryptoAttribute, ...], offered: tuple[MikeyEvidence, ...]
    ) -> Keying:
        """An offer that nobody answered, or whose answer took none of its keying."""
        if not crypto and not offered:
            return EMPTY
        keys, defects = keys_of_lines(crypto, Side.OFFERER) if line.answer is None else ((), ())
        refused = line.answer is not None or line.exchange.resolution in REFUSED
        how = "offered, not taken up" if refused else "offered, no answer seen"
        plain = Keying(None, None, how, keys=keys, defects=defects, offered_crypto=crypto)
        return self.mikey.key_offer(call, line, offered, plain, refused=refused) if offered else plain


def sdes_keying(
    offered: tuple[CryptoAttribute, ...], accepted: tuple[CryptoAttribute, ...], mikey: tuple[MikeyEvidence, ...] = ()
) -> Keying:
    """Keys from crypto lines: the offerer's from the line taken up, the answerer's from its own (RFC 4568 §5.1.3)."""
    taken = tuple(line for answer in accepted for line in accepted_lines(offered, answer))
    offer_keys, offer_defects = keys_of_lines(taken or offered, Side.OFFERER)
    answer_keys, answer_defects = keys_of_lines(accepted, Side.ANSWERER)
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
    from analyzer.keying.zrtp_handshakes import hello_hashes  # noqa: PLC0415 - see Keymaster

    for source, hashes in hello_hashes(line.zrtp).items():
        side = {Side.OFFERER: line.offer, Side.ANSWERER: line.answer, None: None}[line.side_at(source)]
        announced = None if side is None else side.media.attribute("zrtp-hash")
        if announced is not None and announced.split()[-1:] and announced.split()[-1].lower() not in hashes:
            detail = f"the Hello from {source} is not the one that the SDP announced"
            yield Defect("zrtp-hash-mismatch", 0, "RFC 6189 §8.1", detail)


def _zrtp_agreed(line: MediaLine) -> bool:
    sides = (line.offer, line.answer)
    return all(side is not None and side.media.attribute("zrtp-hash") is not None for side in sides)
