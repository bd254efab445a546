# SPDX-License-Identifier: GPL-2.0-only
"""One bit of an offered RAND altered in the samples: keys that follow from an altered message contradict no packet."""

import base64
import re
from dataclasses import replace
from pathlib import Path

import pytest

from analyzer.api import audit
from analyzer.keying.key_ring import KeyRing
from analyzer.keying.key_ring_file import read_key_ring
from analyzer.model.outcome import Verdict
from analyzer.model.report import AuditedCall
from dissectors.grammar.mikey import Rand, parse_mikey

PCAPS = Path(__file__).resolve().parents[2] / "pcaps"
LINE = re.compile(rb"a=key-mgmt:mikey ([A-Za-z0-9+/=]+)")


def judged(name: str, folder: Path, place: int | None, ring: KeyRing | None = None) -> AuditedCall:
    """The sample's first call under its own ring or another, one bit of the RAND in its `place`-th line altered."""
    octets = (PCAPS / f"{name}.pcapng").read_bytes()
    if place is not None:
        line = LINE.findall(octets)[place]
        message = bytearray(base64.b64decode(line))
        rand = parse_mikey(bytes(message)).find(Rand)
        assert rand is not None
        message[rand.offset + rand.length - 1] ^= 1
        octets = octets.replace(line, base64.b64encode(message))
    (folder / "altered.pcapng").write_bytes(octets)
    return audit([folder / "altered.pcapng"], ring=ring or read_key_ring(PCAPS / f"{name}.toml")).calls[0]


def outcomes(call: AuditedCall) -> dict[str, tuple[str, str]]:
    return {one.rule: (one.outcome.value, one.explanation) for one in call.outcomes}


@pytest.mark.parametrize(
    "name", ["mikey_two_calls", "mikey_two_dh_calls", "mikey_dhhmac", "mikey_rsa_r", "mikey_sakke"]
)
def test_media_under_the_keys_as_they_were_sent_is_no_mismatch(name: str, tmp_path: Path) -> None:
    assert judged(name, tmp_path, None).media[0].verdict is Verdict.CONFORM
    call = judged(name, tmp_path, 0)
    (media,) = call.media
    assert media.verdict is Verdict.INCONCLUSIVE
    assert [reason.value for reason in media.reasons] == ["keying-not-authentic", "wire-not-proved"]
    found = outcomes(call)
    assert (found["MKY-025"][0], found["SRT-003"][0]) == ("fail", "unknown")


def without_kms_names(name: str) -> KeyRing:
    """The ring of the sample, in which no KMS key is bound to a KMS."""
    ring = read_key_ring(PCAPS / f"{name}.toml")
    return replace(ring, eccsi=tuple(replace(entry, id=None) for entry in ring.eccsi))


def without_certificates(name: str) -> KeyRing:
    return replace(read_key_ring(PCAPS / f"{name}.toml"), certificate=())


@pytest.mark.parametrize(
    ("name", "ring"),
    [
        ("mikey_sakke", without_kms_names("mikey_sakke")),
        ("mikey_ibake", read_key_ring(PCAPS / "mikey_ibake.toml")),
        ("mikey_two_dh_calls", without_certificates("mikey_two_dh_calls")),
    ],
)
def test_keys_of_a_message_that_nothing_vouches_for_contradict_no_packet(
    name: str, ring: KeyRing, tmp_path: Path
) -> None:
    assert {media.verdict for media in judged(name, tmp_path, None, ring).media} == {Verdict.CONFORM}
    call = judged(name, tmp_path, 0, ring)
    for media in call.media:
        assert media.verdict is Verdict.INCONCLUSIVE
        assert [reason.value for reason in media.reasons] == ["keying-not-proved", "wire-not-proved"]
        assert media.keying.verified is None
    found = outcomes(call)
    assert found["SRT-003"] == ("unknown", "Nothing shows whether the keying message is as it was sent.")
    assert found["MKY-025"][0] in {"unknown", "pass"}


def test_a_policy_taken_under_another_csb_id_is_no_mismatch(tmp_path: Path) -> None:
    """Bob takes the second policy, and one bit of the CSB ID that he repeats is altered on its way."""
    octets = (PCAPS / "plain_policies.pcapng").read_bytes()
    line = LINE.findall(octets)[1]
    message = bytearray(base64.b64decode(line))
    message[7] ^= 1
    (tmp_path / "altered.pcapng").write_bytes(octets.replace(line, base64.b64encode(message)))
    report = audit([tmp_path / "altered.pcapng"], ring=read_key_ring(PCAPS / "plain_policies.toml"))
    (media,) = report.calls[0].media
    assert media.verdict is Verdict.INCONCLUSIVE
    assert media.negotiation.chosen.suite == "AES_CM_128_HMAC_SHA1_32"
    assert [reason.value for reason in media.reasons] == ["keying-not-authentic", "order-not-binding"]
    assert outcomes(report.calls[0])["MKY-025"][0] == "fail"


def test_an_envelope_key_that_verifies_the_response_vouches_for_its_message(tmp_path: Path) -> None:
    """Whose signature the offer has is not known without certificates; that its key is the one, V shows."""
    (media,) = judged("table_4", tmp_path, None, without_certificates("table_4")).media
    assert (media.keying.verified, media.keying.keys_unproved) == (None, False)
    assert all(key.bound for key in media.keying.keys)
    (media,) = judged("mikey_two_dh_calls", tmp_path, None, without_certificates("mikey_two_dh_calls")).media
    assert (media.keying.verified, media.keying.keys_unproved) == (None, True)
    assert not any(key.bound for key in media.keying.keys)


def test_a_message_beside_the_one_taken_is_named_as_such(tmp_path: Path) -> None:
    value, said = outcomes(judged("table_4", tmp_path, 0))["MKY-025"]
    assert value == "fail"
    assert (
        said == "A MIKEY message beside those that keyed the exchange is not authentic: wrong key or altered message."
    )
