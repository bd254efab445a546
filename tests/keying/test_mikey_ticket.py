# SPDX-License-Identifier: GPL-2.0-only
"""MIKEY-TICKET opened by a listener who has the ticket's key, or the key that the initiator shares with the KMS."""

import base64
from pathlib import Path

import pytest

from analyzer.api import audit
from analyzer.keying.key_ring import KeyRing, PskEntry
from analyzer.model.evidence import Wire
from analyzer.model.report import AuditedMedia
from dissectors.grammar.secret import Secret
from tests.cli.command_line import call, pcapng
from tests.keying import ticket_builders as made
from tests.keying.test_mikey_media import A, B, Packets, body, protect
from tests.keying.ticket_builders import FORKING, TPK, D, E, F, G, H, tek, ticket, transfer_init, transfer_response

PSK = b"what Alice and her KMS share"


def key_mgmt(octets: bytes) -> str:
    return "mikey " + base64.b64encode(octets).decode()


def audited(
    folder: Path, first: bytes, second: bytes | None, media: Packets, *keys: bytes, name: str | None = None
) -> AuditedMedia:
    answer = body("192.0.2.2", 6000, media="" if second is None else key_mgmt(second))
    (folder / "x.pcapng").write_bytes(pcapng(call(body("192.0.2.1", 4000, media=key_mgmt(first)), answer, media)))
    ring = KeyRing(psk=tuple(PskEntry(Secret(key), name, 1) for key in keys))
    (found,) = audit([folder / "x.pcapng"], ring=ring).calls
    (media_line,) = found.media
    return media_line


def opened(media: AuditedMedia) -> dict[int, tuple[int, int, Wire]]:
    return {s.bound.stream.ssrc: (s.authenticated, s.failed, s.wire) for s in media.streams}


BOTH = {0xA1: (60, 0, Wire.PROVED), 0xB1: (60, 0, Wire.PROVED)}


def packets(tgk: bytes = made.TGK, rands: tuple[bytes, bytes] = (made.RAND_I, b"")) -> Packets:
    return [*protect(A, 0xA1, tek(1, tgk, rands)), *protect(B, 0xB1, tek(2, tgk, rands))]


def test_a_one_way_transfer_opens_with_the_tickets_key(tmp_path: Path) -> None:
    media = audited(tmp_path, transfer_init(), None, packets(), TPK)
    assert (media.keying.method, media.keying.verified) == ("MIKEY-TICKET", True)
    assert media.keying.how == "V verifies with the ticket's key"
    assert opened(media) == BOTH
    facts = {fact.what: (fact.known_by.value, fact.detail) for fact in media.keying.mikey[0].facts}
    assert facts["ticket"] == ("proved by MAC", "the ticket's MAC verifies with its key")


@pytest.mark.parametrize(
    ("flags", "tgk", "rands"),
    [
        (D | F | H, made.TGK, (made.RAND_I, b"")),
        (D | F | G, made.TGK, (b"", made.RAND_R)),
        (D | F | G | H, made.TGK, (made.RAND_I, made.RAND_R)),
        (D | E | F | G | H | FORKING, made.forked(made.TGK, "1512B54A"), (made.RAND_I, made.RAND_R)),
    ],
)
def test_an_answered_transfer_opens_under_every_flag(
    tmp_path: Path, flags: int, tgk: bytes, rands: tuple[bytes, bytes]
) -> None:
    first = transfer_init(flags)
    media = audited(tmp_path, first, transfer_response(first, flags), packets(tgk, rands), TPK)
    assert (media.keying.verified, media.keying.authentic) == (True, True)
    assert opened(media) == BOTH
    owner = [fact.known_by.value for fact in media.keying.mikey[0].facts if fact.what == "owner of the ticket"]
    assert owner == (["proved by MAC"] if flags & FORKING else [])


def test_without_a_key_the_ticket_stays_shut_and_nothing_fails(tmp_path: Path) -> None:
    media = audited(tmp_path, transfer_init(), None, packets(), b"another key")
    assert media.keying.verified is None
    assert "ticket" in media.keying.how
    assert all(stream.failed == 0 for stream in media.streams)


def test_a_bound_key_that_does_not_fit_the_ticket_fails(tmp_path: Path) -> None:
    media = audited(tmp_path, transfer_init(), None, packets(), b"another key", name="sip:kms@example.com")
    assert (media.keying.verified, media.keying.how) == (False, "wrong key or altered ticket")


def test_a_message_altered_around_its_ticket_fails(tmp_path: Path) -> None:
    altered = transfer_init().replace(b"sip:bob@", b"sip:b0b@", 1)
    media = audited(tmp_path, altered, None, packets(), TPK)
    assert media.keying.verified is False
    assert media.keying.how == "altered message: the ticket's key does not verify its V"


def test_a_response_to_another_message_fails(tmp_path: Path) -> None:
    first, flags = transfer_init(D | F | H), D | F | H
    media = audited(tmp_path, first, transfer_response(first[:-1] + b"\0", flags), packets(), TPK)
    assert (media.keying.verified, media.keying.how) == (False, "altered message: the ticket's key does not verify V")


def test_a_ticket_used_after_its_period_is_named(tmp_path: Path) -> None:
    late = audited(tmp_path, transfer_init(given=ticket(expires=-60)), None, packets(), TPK)
    assert [defect.code for defect in late.keying.defects if defect.code.startswith("ticket")] == ["ticket-expired"]
    good = audited(tmp_path, transfer_init(given=ticket(expires=60)), None, packets(), TPK)
    assert not [defect for defect in good.keying.defects if defect.code.startswith("ticket")]
