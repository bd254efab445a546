# SPDX-License-Identifier: GPL-2.0-only
"""With a key log the certificates of DTLS 1.3 are seen, and compared with the fingerprints of the SDP."""

import hashlib
from pathlib import Path

import pytest

from analyzer.api import audit
from analyzer.keying.key_ring_file import read_key_ring
from pcaps.flow_script import Datagram, FlowScript, write_capture
from tests.keying.dtls_13_peer import (
    AES_128_GCM,
    AES_256_GCM,
    CERTIFICATE,
    CHACHA20,
    CLIENT_HELLO,
    ENCRYPTED_EXTENSIONS,
    SERVER_HELLO,
    Sender,
    certificate,
    clear_record,
    client_hello,
    fragments,
    server_hello,
)

LABELS = "CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET"
RANDOM, SECRETS = hashlib.sha256(b"client").digest(), [hashlib.sha384(end.encode()).digest() for end in "BA"]


def shown_by(letter: str, key: str = "1") -> bytes:
    """What `pcaps.flow_script` takes the fingerprint of."""
    return f"srtp-audit flow: certificate {letter} {key}".encode()


def handshake(suite: int, shown: tuple[bytes, bytes], *, short: bool = False, most: int = 1 << 14) -> list[list[bytes]]:
    """What Bob, who is the client, and Alice send: datagrams of each in turn."""
    octets = 48 if suite == AES_256_GCM else 32
    bob, alice = (Sender(suite, secret[:octets], short=short) for secret in SECRETS)
    hello = clear_record(fragments(CLIENT_HELLO, 0, client_hello(RANDOM, suite))[0])
    answer = clear_record(fragments(SERVER_HELLO, 0, server_hello(hashlib.sha256(b"server").digest(), suite))[0])
    extensions = alice.record(fragments(ENCRYPTED_EXTENSIONS, 1, b"\0\0")[0])
    theirs, mine = (
        [way.record(piece) for piece in fragments(CERTIFICATE, 2, certificate(octets), most)]
        for way, octets in ((alice, shown[1]), (bob, shown[0]))
    )
    return [[hello], [answer + extensions, *theirs], mine]


def write_call(path: Path, flights: list[list[bytes]], secrets: list[bytes]) -> None:
    """A call, its handshake, and the key log beside it."""
    script = FlowScript("dtls13")
    datagrams: list[Datagram] = list(script.run("A>B INVITE A.dtls\nB>A 200 B.dtls\nA>B ACK"))
    bob, alice = (f"{script.host(letter)}:{script.port(letter, [])}" for letter in "BA")
    ways = ((bob, alice), (alice, bob))
    time_ns = script.time_ns
    for number, flight in enumerate(flights):
        for octets in flight:
            datagrams.append((time_ns, *ways[number % 2], octets))
            time_ns += 1_000_000
    (path / "call.pcapng").write_bytes(write_capture(datagrams))
    lines = [f"{label} {RANDOM.hex()} {secret.hex()}\n" for label, secret in zip(LABELS, secrets, strict=False)]
    (path / "keys.log").write_text("".join(lines))
    (path / "keys.toml").write_text('[[dtls]]\nkeylog = "keys.log"\n')


def said(folder: Path, *, with_keys: bool = True) -> tuple[str, list[bool | None]]:
    ring = read_key_ring(folder / "keys.toml") if with_keys else None
    (call,) = audit([folder / "call.pcapng"], ring=ring).calls
    (outcome,) = [one for one in call.outcomes if one.rule == "DTL-001"]
    return outcome.outcome.value, [one.matches for one in call.media[0].keying.certificates]


@pytest.mark.parametrize("suite", [AES_128_GCM, AES_256_GCM, CHACHA20])
@pytest.mark.parametrize("most", [1 << 14, 20])
def test_the_certificates_are_those_announced(suite: int, most: int, tmp_path: Path) -> None:
    secrets = [secret[: 48 if suite == AES_256_GCM else 32] for secret in SECRETS]
    write_call(tmp_path, handshake(suite, (shown_by("B"), shown_by("A")), most=most), secrets)
    assert said(tmp_path) == ("pass", [True, True])
    assert said(tmp_path, with_keys=False) == ("unknown", [None, None])


def test_a_record_without_its_length_ends_its_datagram(tmp_path: Path) -> None:
    secrets = [secret[:32] for secret in SECRETS]
    alice = Sender(AES_128_GCM, secrets[1], short=True)
    shown = alice.record(fragments(CERTIFICATE, 1, certificate(shown_by("A")))[0])
    hello, (answer, *_), mine = handshake(AES_128_GCM, (shown_by("B"), shown_by("A")))
    clear = answer[: 13 + int.from_bytes(answer[11:13], "big")]
    write_call(tmp_path, [hello, [clear + shown], mine], secrets)
    assert said(tmp_path) == ("pass", [True, True])


@pytest.mark.parametrize(
    ("shown", "matches"),
    [((shown_by("B", "2"), shown_by("A")), [True, False]), ((shown_by("B"), shown_by("A", "2")), [False, True])],
)
def test_another_certificate_than_announced(
    shown: tuple[bytes, bytes], matches: list[bool | None], tmp_path: Path
) -> None:
    write_call(tmp_path, handshake(AES_128_GCM, shown), [secret[:32] for secret in SECRETS])
    assert said(tmp_path) == ("fail", matches)


def test_what_does_not_open_tells_nothing(tmp_path: Path) -> None:
    secrets = [secret[:32] for secret in SECRETS]
    flights = handshake(AES_128_GCM, (shown_by("B"), shown_by("A", "2")))
    write_call(tmp_path, flights, [secrets[0]])
    assert said(tmp_path) == ("unknown", [None, True])
    write_call(tmp_path, flights, [bytes(32), bytes(32)])
    assert said(tmp_path) == ("unknown", [None, None])
    altered = flights[1][1][:-1] + bytes((flights[1][1][-1] ^ 1,))
    write_call(tmp_path, [flights[0], [flights[1][0], altered], flights[2]], secrets)
    assert said(tmp_path) == ("unknown", [None, True])
    lost = [flights[0], flights[1][:1], flights[2]]
    write_call(tmp_path, lost, secrets)
    assert said(tmp_path) == ("unknown", [None, True])
