# SPDX-License-Identifier: GPL-2.0-only
"""Which keys to try on a stream, in which order, and whether each is bound to it by more than hope."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from analyzer.keying.key_ring import KeyRing, SrtpEntry
from analyzer.keying.sdes_keys import master_keys_of
from analyzer.model.call import BoundStream, Side
from analyzer.model.evidence import DatagramFlow
from analyzer.model.keying import Keying, MasterKey
from analyzer.srtp.context import MAX_STREAM_KEYS, ROC_SEARCH_LIMIT, RccMode, SrtpContext, StreamKey
from analyzer.srtp.diagnose import AES_192_NOTE, FailureReason, Trial
from analyzer.srtp.kdf import KeyDerivation
from analyzer.srtp.suites import Cipher, SrtpError, Suite, suite_by_name
from dissectors.grammar.late_dataclass import dataclass

F8_NOTE = "AES-f8 was agreed and AES-CM used, as GStreamer does"
TAGGED_NOTE = "UNAUTHENTICATED_SRTP was agreed, and the packets carry tags that verify"
# Without an MKI, keys of these sources may follow one another on a stream: a re-key, or one more handshake.
KDR_ROC_SEARCH_LIMIT = 1 << 5  # every counter has keys of its own, which have to be derived
SUCCESSIVE = frozenset({"dtls", "key-ring"})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A context to try; `key` speaks for all its master keys, which the packets' MKI or a trial tells apart.

    `keys` are those of the context in their order, from number `replaced_from` on of the exchange before, whose packets
    may come late. `deviation` names a known fault of a peer under which the context differs from what was agreed.
    """

    context: SrtpContext
    key: MasterKey
    bound: bool
    deviation: str = ""
    keys: tuple[MasterKey, ...] = ()
    replaced_from: int = MAX_STREAM_KEYS


def candidates_for(bound: BoundStream, keying: Keying, ring: KeyRing) -> tuple[Candidate, ...]:
    """Contexts for one stream: the exchange's own keys for its direction first, then the ring's, bound ones first."""
    fitting = _of_path(_of_exchange(keying.keys, bound), bound)
    replaced = _of_exchange(keying.replaced, bound)
    given = [key for entry in ring.srtp for key in ring_keys(entry, bound)]
    given.sort(key=lambda key: not key.bound)
    found = (*_candidates(fitting, replaced), *_candidates(given))
    return (*found, *(deviant for candidate in found for deviant in _deviants(candidate)))


def why_unavailable(bound: BoundStream, ring: KeyRing) -> str:
    """Why a key that the ring has for a stream can't be used here, empty if there is none such."""
    suites = [suite_by_name(key.suite) for entry in ring.srtp for key in ring_keys(entry, bound)]
    return next((suite.unavailable_reason for suite in suites if suite is not None and not suite.available), "")


def _of_exchange(keys: Sequence[MasterKey], bound: BoundStream) -> list[MasterKey]:
    """The keys that may protect the stream, its own SSRC's and direction's first."""
    own = [key for key in keys if key.ssrc in {None, bound.stream.ssrc} or key.source == "mikey"]
    own.sort(key=lambda key: (key.ssrc != bound.stream.ssrc, not _same_direction(key, bound)))
    return [key for key in own if _may_protect(key, bound)]


def _deviants(candidate: Candidate) -> Iterator[Candidate]:
    """The contexts of peers that do otherwise than was agreed in a known way, where there is one."""
    context, key = candidate.context, candidate.key
    if not context.authenticated and not context.suite.aead:
        tagged = tuple(each._replace(authenticated=True, label=TAGGED_NOTE) for each in candidate.keys)
        yield replace(
            candidate,
            context=replace(context, authenticated=True),
            key=tagged[0],
            deviation=TAGGED_NOTE,
            keys=tagged,
        )
    if context.suite.key_octets == 24:
        context = replace(context, derivation=KeyDerivation.LIBSRTP_AES_192)
        key = key._replace(label=AES_192_NOTE, derivation=context.derivation.value)
        yield Candidate(context, key, candidate.bound, AES_192_NOTE)
    if context.suite.cipher is Cipher.AES_F8:
        suite = suite_by_name(context.suite.name.replace("F8_128", "AES_CM_128"))
        if suite is not None:
            key = key._replace(suite=suite.name, label=F8_NOTE)
            yield Candidate(replace(context, suite=suite), key, candidate.bound, F8_NOTE)


def keying_contexts(keying: Keying) -> tuple[SrtpContext, ...]:
    """A context for every key of an exchange."""
    return tuple(candidate.context for candidate in _candidates(keying.keys))


def rtcp_contexts(flow: DatagramFlow, keying: Keying, contexts: Sequence[SrtpContext]) -> tuple[SrtpContext, ...]:
    """Contexts for an RTCP flow: of the handshake on its own path if there was one, else those of its stream."""
    own = [key for key in keying.keys if (key.sent_from, key.destination) == (flow.source, flow.destination)]
    return tuple(candidate.context for candidate in _candidates(own)) or tuple(contexts)


def _of_path(keys: Sequence[MasterKey], bound: BoundStream) -> list[MasterKey]:
    """The keys of handshakes on the stream's own path; where it had none, any of them may fit and none is bound."""
    path = bound.stream.source, bound.stream.destination
    if any((key.sent_from, key.destination) == path for key in keys):
        return [key for key in keys if key.sent_from is None or (key.sent_from, key.destination) == path]
    return [key if key.sent_from is None else key._replace(bound=False) for key in keys]


def _same_direction(key: MasterKey, bound: BoundStream) -> bool:
    return key.sender is not None and key.sender is bound.sent_by


def _may_protect(key: MasterKey, bound: BoundStream) -> bool:
    """SDES keys protect what their own side sends (RFC 4568 §6.1); MIKEY's are told apart by trial."""
    return key.source != "sdes" or key.sender is None or bound.sent_by is None or key.sender is bound.sent_by


def ring_keys(entry: SrtpEntry, bound: BoundStream) -> tuple[MasterKey, ...]:
    """The master keys of one `[[srtp]]` entry, none where its SSRC or destination names another stream."""
    if entry.ssrc is not None and entry.ssrc != bound.stream.ssrc:
        return ()
    if entry.destination is not None and str(entry.destination) != bound.stream.destination:
        return ()
    return _keys_of_entry(entry)


def _keys_of_entry(entry: SrtpEntry) -> tuple[MasterKey, ...]:
    is_bound = entry.ssrc is not None or entry.destination is not None
    line = entry.crypto
    return tuple(
        MasterKey(
            suite=entry.suite.name,
            key=key.key,
            salt=key.salt,
            source="key-ring",
            bound=is_bound,
            ssrc=entry.ssrc,
            destination=None if entry.destination is None else str(entry.destination),
            mki=key.mki,
            kdr=entry.key_derivation_rate,
            srtp_encrypted=line is None or not line.unencrypted_srtp,
            srtcp_encrypted=line is None or not line.unencrypted_srtcp,
            authenticated=line is None or not line.unauthenticated_srtp,
            encrypted_extensions=frozenset(entry.encrypted_extensions),
            tag_octets=entry.tag_octets,
            rcc_mode=entry.rcc_mode,
            rcc_rate=entry.rcc_rate,
        )
        for key in entry.keys
    )


def _candidates(keys: Sequence[MasterKey], replaced: Sequence[MasterKey] = ()) -> Iterable[Candidate]:
    """One candidate a key, but keys of one kind that packets tell apart by MKI, or that may be successive, together.

    Those that a re-key `replaced` stand behind the keys of their kind.
    """
    groups: list[list[MasterKey]] = []
    for key in keys:
        home = next((group for group in groups if _stand_together(group, key)), None)
        if home is None:
            groups.append([key])
        else:
            home.append(key)
    for group in groups:
        own = len(group)
        group += _behind(group, replaced)
        candidate = _candidate(group, own)
        if candidate is not None:
            yield candidate


def _behind(group: Sequence[MasterKey], replaced: Sequence[MasterKey]) -> list[MasterKey]:
    """The replaced keys of the group's kind; without tags nothing would tell them apart."""
    if not group[0].authenticated:
        return []
    taken = {(key.key, key.salt) for key in group} | {key.mki for key in group if key.mki}
    fresh = [key for key in replaced if _kind(key) == _kind(group[0]) and (key.key, key.salt) not in taken]
    return [key for key in fresh if not key.mki or key.mki not in taken][: MAX_STREAM_KEYS - len(group)]


def _stand_together(group: Sequence[MasterKey], key: MasterKey) -> bool:
    if len(group) >= MAX_STREAM_KEYS or _kind(group[0]) != _kind(key):
        return False
    if not key.mki:
        successive = key.source in SUCCESSIVE or key.index_range is not None
        return successive and key.authenticated  # a trial needs tags
    return all(other.mki != key.mki for other in group)


def _kind(key: MasterKey) -> tuple[object, ...]:
    flags = (key.srtp_encrypted, key.srtcp_encrypted, key.authenticated)
    path = (key.sent_from, key.destination)
    about = (key.suite, key.source, key.sender, key.ssrc, key.kdr, key.label, key.bound, key.roc, key.tag_octets)
    rcc = key.rcc_mode, key.rcc_rate
    return *about, *rcc, len(key.mki), path, flags, key.encrypted_extensions


def _candidate(group: Sequence[MasterKey], own: int) -> Candidate | None:
    first = group[0]
    suite = suite_by_name(first.suite)
    if suite is None or not suite.available:
        return None
    if any(len(key.key) != suite.key_octets or len(key.salt) != suite.salt_octets for key in group):
        return None
    try:
        return Candidate(context_of(suite, group), first, first.bound, keys=tuple(group), replaced_from=own)
    except SrtpError:
        return None


def context_of(suite: Suite, keys: Sequence[MasterKey]) -> SrtpContext:
    """The SRTP context of keys of one kind; raises `SrtpError` for keys that the suite can't take."""
    first = keys[0]
    return SrtpContext(
        suite=suite,
        keys=tuple(StreamKey(key.key, key.salt, key.mki) for key in keys),
        kdr=first.kdr,
        roc=first.roc,
        authenticated=first.authenticated,
        srtp_encrypted=first.srtp_encrypted,
        srtcp_encrypted=first.srtcp_encrypted,
        encrypted_extensions=first.encrypted_extensions,
        srtp_tag=first.tag_octets,
        roc_search_limit=KDR_ROC_SEARCH_LIMIT if first.kdr else ROC_SEARCH_LIMIT,
        derivation=KeyDerivation(first.derivation) if first.derivation else KeyDerivation.RFC,
        rcc_mode=RccMode(first.rcc_mode),
        rcc_rate=first.rcc_rate,
    )


def keys_of(context: SrtpContext, like: MasterKey) -> tuple[MasterKey, ...]:
    """The master keys from which `context_of` makes that context again; where they come from is as for `like`."""
    shared = like._replace(
        suite=context.suite.name,
        kdr=context.kdr,
        roc=context.roc,
        authenticated=context.authenticated,
        tag_octets=context.srtp_tag,
        derivation="" if context.derivation is KeyDerivation.RFC else context.derivation.value,
        rcc_mode=int(context.rcc_mode),
        rcc_rate=context.rcc_rate,
    )
    return tuple(shared._replace(key=key.key, salt=key.salt, mki=key.mki) for key in context.keys)


def rivals_for(bound: BoundStream, keying: Keying, ring: KeyRing) -> tuple[Trial, ...]:
    """Keys at hand that are not meant for this stream, and what it would mean if one fitted."""
    trials = [
        Trial(FailureReason.OTHER_DIRECTION, candidate.key.suite, candidate.context)
        for candidate in _candidates([key for key in keying.keys if not _may_protect(key, bound)])
    ]
    for entry in ring.srtp:
        if not ring_keys(entry, bound):
            name = f"the [[srtp]] entry of line {entry.line}, given for another stream"
            found = _candidates(_keys_of_entry(entry))
            trials += [Trial(FailureReason.OTHER_KEY, name, candidate.context) for candidate in found]
    return (*trials, *_declined(keying))


def _declined(keying: Keying) -> Iterable[Trial]:
    """Keys of crypto lines that the answer did not take up: a peer that sends under one has chosen by itself."""
    taken = {(key.key, key.salt) for key in keying.keys}
    for line in keying.offered_crypto:
        keys = [key for key in master_keys_of(line, Side.OFFERER)[0] if (key.key, key.salt) not in taken]
        name = f"that of the offered line {line.tag}, which was not accepted"
        for candidate in _candidates(keys):
            yield Trial(FailureReason.OTHER_KEY, name, candidate.context)
