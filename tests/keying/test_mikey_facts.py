# SPDX-License-Identifier: GPL-2.0-only
"""How each thing is known: the same samples with all keys, with some and with none, and what follows for every fact."""

from analyzer.api import audit
from analyzer.keying.key_ring import KeyRing
from analyzer.keying.key_ring_file import read_key_ring
from analyzer.model.keying import Keying
from tests.samples.sample_cases import FOLDER


def keying_of(name: str, ring: KeyRing | None = None) -> Keying:
    ring = read_key_ring(FOLDER / f"{name}.toml") if ring is None else ring
    return audit([FOLDER / f"{name}.pcapng"], ring=ring).calls[-1].media[-1].keying


def known(keying: Keying, number: int = 0) -> dict[str, str]:
    return {fact.what: fact.known_by.value for fact in keying.mikey[number].facts}


SAID = ("sender", "receiver", "timestamp", "RAND", "crypto sessions", "policies")


def test_all_that_a_mac_covers_is_proved_by_it() -> None:
    keying = keying_of("mikey_altered_twin")
    assert known(keying) == dict.fromkeys((*SAID, "key data"), "proved by MAC")
    assert known(keying, 1) == dict.fromkeys(("sender", "timestamp", "crypto sessions"), "proved by MAC")
    assert [tuple(fact) for fact in keying.facts] == [
        ("SRTP master keys", "proved by media", "120 packets of 2 streams authenticate under them")
    ]


def test_without_a_key_all_is_claimed_and_the_reason_said() -> None:
    keying = keying_of("mikey_altered_twin", KeyRing())
    assert known(keying) == dict.fromkeys((*SAID, "key data"), "claimed")
    details = {fact.what: fact.detail for fact in keying.mikey[0].facts}
    assert details["key data"] == "not opened: no pre-shared key"
    assert details["timestamp"] == "2026-01-01 12:00:00 (NTP-UTC)"
    assert keying.facts == ()


def test_an_altered_message_claims_and_the_media_proves_its_keys() -> None:
    keying = keying_of("mikey_altered")
    assert set(known(keying).values()) == {"claimed", "consistent"}
    assert known(keying)["key data"] == "consistent"
    assert [fact.known_by.value for fact in keying.facts] == ["proved by media"]


def test_keys_in_the_clear_under_no_key_are_consistent_at_most() -> None:
    keying = keying_of("mikey_null_encryption", KeyRing())
    assert known(keying)["key data"] == "consistent"


def test_signatures_prove_what_they_cover_and_envelopes_their_keys() -> None:
    keying = keying_of("table_4")
    offered = [known(keying, number) for number in range(3)]
    assert [each["sender"] for each in offered] == ["proved by MAC", "proved by signature", "proved by signature"]
    assert (offered[1]["envelope key"], offered[1]["key data"]) == ("proved by MAC", "proved by signature")
    assert offered[2]["public value"] == "proved by signature"


def test_no_detail_holds_a_key() -> None:
    for name in ("table_4", "mikey_null_encryption", "mikey_two_dh_calls"):
        text = repr([message.facts for message in keying_of(name).mikey])
        assert "octets" in text
        assert "Secret" not in text
