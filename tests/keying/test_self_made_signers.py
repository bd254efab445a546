# SPDX-License-Identifier: GPL-2.0-only
"""A man in the middle signs a MIKEY message anew with a certificate of his own: it proves nobody and passes nothing."""

from pathlib import Path

import mikey_builders as made
import pytest
from cryptography import x509
from mikey_builders import ALICE, BOB, identified_keys, rsa_key, seal
from test_mikey_pke import ALICE_CERT

from analyzer.api import audit
from analyzer.keying.key_ring import KeyRing
from analyzer.model.mikey_facts import KnownBy
from analyzer.model.outcome import OutcomeValue, Verdict
from analyzer.model.report import AuditedCall
from dissectors.grammar.mikey import GeneralExtension
from dissectors.grammar.mikey.policy import build_policy_for_suite
from dissectors.grammar.mikey.priority_extension import (
    EntryKind,
    Owner,
    PriorityEntry,
    PriorityList,
    Rule,
    build_priority_list,
)
from tests.cli.command_line import pcapng
from tests.keying.test_calls_with_keys import mikey_call

CM_80, CM_32 = "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"
FORGED = made.certify(rsa_key("mallory"), ALICE)
AUTHORITY = made.certify(rsa_key("authority"), "sip:root.example", ca=True)
ISSUED = made.certify(rsa_key("alice"), ALICE, issuer=rsa_key("authority"), issuer_name="sip:root.example")


def offer(signer: str, certificate: x509.Certificate) -> bytes:
    """An offer of two suites with both lists under the signature: the SDP IDs, and the priorities."""
    entries = [PriorityEntry(EntryKind.KEY_AGREEMENT, 0, b"\x02")]
    entries += [PriorityEntry(EntryKind.SUITE_BY_POLICY, number, bytes([number])) for number in (0, 1)]
    listed = build_priority_list(PriorityList(1, Owner.INITIATOR, Rule.MIN_SUM, tuple(entries)))
    payloads = made.opening_payloads(
        made.identity(ALICE),
        made.cert_payload(certificate),
        made.identity(BOB),
        build_policy_for_suite(CM_80, 0),
        build_policy_for_suite(CM_32, 1),
        GeneralExtension(1, b"mikey"),
        GeneralExtension(241, listed),
        seal(identified_keys(ALICE)),
        made.envelope(rsa_key("bob")),
    )
    return made.sign(2, payloads, rsa_key(signer), v=False)


def audited(folder: Path, octets: bytes, ring: KeyRing) -> AuditedCall:
    (folder / "x.pcapng").write_bytes(pcapng(mikey_call(octets.hex(), None, [])))
    (found,) = audit([folder / "x.pcapng"], ring=ring).calls
    return found


@pytest.mark.parametrize(
    ("signer", "certificate", "roots", "vouched"),
    [
        ("mallory", FORGED, [], False),
        ("alice", ALICE_CERT, [], False),
        ("alice", ALICE_CERT, [ALICE_CERT], True),
        ("alice", ISSUED, [AUTHORITY], True),
        ("mallory", FORGED, [AUTHORITY], False),
    ],
    ids=["forged", "her own, unknown", "in the ring", "issued by the ring's", "not issued by the ring's"],
)
def test_only_who_is_vouched_for_authenticates_anything(
    tmp_path: Path, signer: str, certificate: x509.Certificate, roots: list[x509.Certificate], vouched: bool
) -> None:
    ring = made.ring(private=[rsa_key("bob")], certificates=roots)
    found = audited(tmp_path, offer(signer, certificate), ring)
    (media,) = found.media
    outcomes = {outcome.rule: outcome.outcome for outcome in found.outcomes}
    assert media.keying.verified is True  # the signature does verify; `how` says that nobody vouches for it
    assert ("the signer is not known" in media.keying.how) is not vouched
    assert outcomes["MKY-025"] is (OutcomeValue.PASS if vouched else OutcomeValue.UNKNOWN)
    state = True if vouched else None
    listed = [one.authenticated for one in media.negotiation.offer_preferences if one.carrier == "priority-extension"]
    assert listed == [state] * 3
    assert [statement.verified for statement in media.negotiation.statements] == [state]
    known = {fact.what: fact.known_by for fact in media.keying.mikey[0].facts}
    proof = KnownBy.SIGNATURE if vouched else KnownBy.CONSISTENT
    assert {known[what] for what in ("sender", "timestamp", "policies", "receiver")} == {proof}


def test_a_bound_certificate_still_convicts_the_forger(tmp_path: Path) -> None:
    ring = made.ring(private=[rsa_key("bob")], certificates=[ALICE_CERT])
    found = audited(tmp_path, offer("mallory", FORGED), ring)
    (media,) = found.media
    assert (media.keying.verified, media.verdict) == (False, Verdict.INCONCLUSIVE)
    assert "not of the key ring's" in media.keying.how
    outcomes = {outcome.rule: outcome.outcome for outcome in found.outcomes}
    assert outcomes["MKY-025"] is OutcomeValue.FAIL
