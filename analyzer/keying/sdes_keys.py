# SPDX-License-Identifier: GPL-2.0-only
"""Master keys out of `a=crypto` lines (RFC 4568 §6.1)."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from analyzer.model.call import MediaSide, Side
from analyzer.model.keying import MasterKey
from analyzer.srtp.suites import SUITES, Suite, suite_by_name
from dissectors.grammar.capability_negotiation import parse_acap
from dissectors.grammar.defects import Defect
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.sdes import CryptoAttribute, KeyParameter, canonical_suite, parse_crypto
from dissectors.grammar.secret import Secret

_T = TypeVar("_T")


def read_crypto_lines(side: MediaSide | None) -> tuple[CryptoAttribute, ...]:
    """The crypto lines of one media line, then those that stand as capabilities (RFC 5939 §3.4.1).

    A value that is no crypto line at all gives none; the description's own defects name it.
    """
    if side is None:
        return ()
    values = side.media.attribute_values("crypto")
    if "acap" in side.media.attribute_names or "acap" in side.body.session.attribute_names:
        values += tuple(_iter_capabilities(side))
    return tuple([line for value in values if (line := _parse(parse_crypto, value)) is not None])


def _iter_capabilities(side: MediaSide) -> Iterator[str]:
    """The crypto lines among the attribute capabilities of a media line and above it."""
    for text in (*side.media.attribute_values("acap"), *side.body.session.attribute_values("acap")):
        capability = _parse(parse_acap, text)
        if capability is not None and capability.name.lower() == "crypto" and capability.value is not None:
            yield capability.value


def _parse(parse: Callable[[str], _T], value: str) -> _T | None:
    try:
        return parse(value)
    except GrammarError:
        return None


def accepted_lines(offered: tuple[CryptoAttribute, ...], answer: CryptoAttribute) -> tuple[CryptoAttribute, ...]:
    """The offered lines that an answer's line takes up: same tag and suite (RFC 4568 §5.1.3)."""
    suite = canonical_suite(answer.suite)
    return tuple(line for line in offered if line.tag == answer.tag and canonical_suite(line.suite) == suite)


def master_keys_of(line: CryptoAttribute, sender: Side) -> tuple[tuple[MasterKey, ...], tuple[Defect, ...]]:
    """The keys with which `sender` protects what it sends, and why a line gives none."""
    name = canonical_suite(line.suite)
    suite = suite_by_name(name)
    if suite is None:
        return (), (Defect("suite-unknown", 0, "RFC 4568 §6.2", name[:64]),)
    keys: list[MasterKey] = []
    defects: list[Defect] = []
    for parameter in line.keys:
        key = _master_key(parameter, line, suite, sender)
        if key is None:
            others = _suites_of_length(parameter)
            defects.append(_length_defect(parameter, suite, others))
            found = [_master_key(parameter, line, other, sender) for other in others]
            found.append(_leading_key(parameter, line, suite, sender))
            keys += [each._replace(bound=False) for each in found if each is not None]
        else:
            keys.append(key)
    return tuple(keys), tuple(defects)


def _master_key(parameter: KeyParameter, line: CryptoAttribute, suite: Suite, sender: Side) -> MasterKey | None:
    if parameter.key_salt is None or len(parameter.key_salt) != suite.key_octets + suite.salt_octets:
        return None
    octets = parameter.key_salt.reveal()
    mki = b""
    if parameter.mki is not None and parameter.mki_octets and parameter.mki < 1 << 8 * parameter.mki_octets:
        mki = parameter.mki.to_bytes(parameter.mki_octets, "big")
    return MasterKey(
        suite=suite.name,
        key=Secret(octets[: suite.key_octets]),
        salt=Secret(octets[suite.key_octets :]),
        source="sdes",
        bound=True,
        sender=sender,
        mki=mki,
        lifetime=parameter.lifetime,
        kdr=line.key_derivation_rate,
        srtp_encrypted=not line.unencrypted_srtp,
        srtcp_encrypted=not line.unencrypted_srtcp,
        authenticated=not line.unauthenticated_srtp,
    )


def _leading_key(parameter: KeyParameter, line: CryptoAttribute, suite: Suite, sender: Side) -> MasterKey | None:
    """What stacks make of a line that is too long: the leading octets are key and salt."""
    wanted = suite.inline_octets
    if parameter.key_salt is None or len(parameter.key_salt) < wanted:
        return None
    leading = parameter._replace(key_salt=Secret(parameter.key_salt.reveal()[:wanted]))
    key = _master_key(leading, line, suite, sender)
    return None if key is None else key._replace(label=f"the leading {wanted} octets of the line are key and salt")


def _suites_of_length(parameter: KeyParameter) -> tuple[Suite, ...]:
    """The suites that take key and salt as long as these: one of them may be what the line means."""
    octets = 0 if parameter.key_salt is None else len(parameter.key_salt)
    return tuple(suite for suite in SUITES if suite.inline_octets == octets and suite.registered and suite.available)


def _length_defect(parameter: KeyParameter, suite: Suite, others: Sequence[Suite]) -> Defect:
    have = "none that can be read" if parameter.key_salt is None else f"{len(parameter.key_salt)}"
    wanted = suite.key_octets + suite.salt_octets
    detail = f"{suite.name} wants {wanted} octets of key and salt, the line has {have}"
    if others:
        detail += f", as {others[0].name} does"
    return Defect("sdes-key-length", parameter.text_offset, "RFC 4568 §6.1", detail)


def keys_of_lines(lines: Sequence[CryptoAttribute], sender: Side) -> tuple[tuple[MasterKey, ...], tuple[Defect, ...]]:
    """The master keys of all these lines, and what is wrong with some."""
    pairs = [master_keys_of(line, sender) for line in lines]
    keys = tuple(key for found, _ in pairs for key in found)
    return keys, tuple(defect for _, found in pairs for defect in found)
