# SPDX-License-Identifier: GPL-2.0-only
"""TLS opened as OpenSSL protects it: versions, suites, key logs, RSA keys, resumption, losses, bad octets."""

import random
import ssl
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from tls_peers import CLIENT, SERVER, Conversation, Identity, make_identity, relay_openssl

from analyzer.keying.key_files import read_key_log
from analyzer.tls.connection import NO_HANDSHAKE, NO_KEY, NO_KEY_FITS, TlsConnection
from analyzer.tls.secrets import TlsSecrets
from dissectors.grammar.tls_suites import cipher_suites

QUESTION, ANSWER = b"OPTIONS sip:bob@example.com SIP/2.0\r\n\r\n" * 3, b"SIP/2.0 200 OK\r\n\r\n" * 5
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
SUITES_12 = [
    "AES128-SHA", "AES256-SHA", "AES128-SHA256", "AES256-SHA256", "AES128-GCM-SHA256", "AES256-GCM-SHA384",
    "AES128-CCM", "AES256-CCM8", "NULL-SHA256", "ECDHE-RSA-AES128-SHA",
    "ECDHE-RSA-AES256-SHA384", "ECDHE-RSA-AES128-SHA256", "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-CCM8",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
]  # fmt: skip
NO_ETM = 1 << 19  # SSL_OP_NO_ENCRYPT_THEN_MAC
NO_EMS = 1  # SSL_OP_NO_EXTENDED_MASTER_SECRET


@pytest.fixture(scope="module")
def rsa_server(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_identity(tmp_path_factory.mktemp("rsa"))


@pytest.fixture(scope="module")
def ecdsa_server(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_identity(tmp_path_factory.mktemp("ec"), "ec")


def talk(conversation: Conversation) -> list[tuple[int, bytes]]:
    said = [(CLIENT, QUESTION), (SERVER, ANSWER), (CLIENT, b"x"), (SERVER, ANSWER)]
    for sender, data in said:
        conversation.say(sender, data)
    return said


def read(
    conversation: Conversation, secrets: TlsSecrets, piece: int = 1 << 20
) -> tuple[list[tuple[int, bytes]], TlsConnection]:
    """What comes out, neighbours of one side joined, when the octets arrive in pieces."""
    connection = TlsConnection(secrets)
    heard: list[tuple[int, bytes]] = []
    for number, (sender, data) in enumerate(conversation.flights, 1):
        for at in range(0, len(data), piece):
            opened = connection.feed(sender, data[at : at + piece], number, number, 0)
            heard += [(item.role, item.data) for item in opened]
    return heard, connection


def logged(path: Path) -> TlsSecrets:
    return TlsSecrets(read_key_log(path))


@pytest.mark.parametrize("cipher", SUITES_12)
@pytest.mark.parametrize("options", [0, NO_ETM])
def test_tls_1_2_with_a_key_log(
    cipher: str, options: int, rsa_server: Identity, ecdsa_server: Identity, tmp_path: Path
) -> None:
    server = ecdsa_server if "ECDSA" in cipher else rsa_server
    conversation = Conversation(server, tmp_path / "log", version=V12, ciphers=cipher, options=options)
    assert conversation.cipher == cipher
    said = talk(conversation)
    heard, connection = read(conversation, logged(tmp_path / "log"), 7)
    assert heard == said
    assert (connection.version, connection.opened, connection.shut, connection.reason) == ("TLS 1.2", 4, 0, "")
    assert connection.is_encrypted is ("NULL" not in cipher)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.parametrize("options", [0, NO_ETM])
@pytest.mark.parametrize("by_rsa_key", [False, True])
def test_old_tls(version: ssl.TLSVersion, options: int, by_rsa_key: bool, rsa_server: Identity, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        log = tmp_path / "log"
        conversation = Conversation(rsa_server, log, version=version, ciphers="AES128-SHA", options=options)
    said = talk(conversation)
    secrets = TlsSecrets(private_keys=[rsa_server.key]) if by_rsa_key else logged(tmp_path / "log")
    heard, connection = read(conversation, secrets)
    joined = [b"".join(data for role, data in heard if role == each) for each in (CLIENT, SERVER)]
    assert joined == [b"".join(data for role, data in said if role == each) for each in (CLIENT, SERVER)]
    assert connection.version in ("TLS 1.0", "TLS 1.1")


def test_tls_1_3(rsa_server: Identity, tmp_path: Path) -> None:
    conversation = Conversation(rsa_server, tmp_path / "log", version=V13)
    said = talk(conversation)
    for piece in (1, 100, 1 << 20):
        heard, connection = read(conversation, logged(tmp_path / "log"), piece)
        assert heard == said
        assert (connection.version, connection.shut) == ("TLS 1.3", 0)


@pytest.mark.tool("openssl")
@pytest.mark.parametrize(
    "suite",
    ["TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256"],
)
def test_tls_1_3_with_every_suite_and_new_keys(suite: str, rsa_server: Identity, tmp_path: Path) -> None:
    """`openssl s_client` can choose the suite, and asks for a KeyUpdate of both sides when it reads a line `K`."""
    flights = relay_openssl(rsa_server.path, tmp_path / "log", suite, [b"hello\n", b"K\n", b"again\n"])
    connection = TlsConnection(logged(tmp_path / "log"))
    heard = [item for sender, data in flights for item in connection.feed(sender, data, 1, 0, 0)]
    assert connection.cipher_suite == suite
    assert [item.data for item in heard if item.role == CLIENT] == [b"hello\n", b"again\n"]
    assert b"".join(item.data for item in heard if item.role == SERVER) == b"olleh\nniaga\n"


def test_tls_1_3_with_the_traffic_secrets_alone(rsa_server: Identity, tmp_path: Path) -> None:
    conversation = Conversation(rsa_server, tmp_path / "log", version=V13)
    said = talk(conversation)
    lines = [line for line in read_key_log(tmp_path / "log") if line.label.endswith("TRAFFIC_SECRET_0")]
    assert len(lines) == 2
    assert read(conversation, TlsSecrets(lines))[0] == said


@pytest.mark.parametrize("cipher", ["AES128-SHA", "AES128-GCM-SHA256", "AES256-GCM-SHA384"])
@pytest.mark.parametrize("options", [0, NO_EMS])
def test_an_rsa_key_opens_an_rsa_key_exchange(cipher: str, options: int, rsa_server: Identity, tmp_path: Path) -> None:
    conversation = Conversation(rsa_server, version=V12, ciphers=cipher, options=options)
    said = talk(conversation)
    other = make_identity(tmp_path)
    assert read(conversation, TlsSecrets(private_keys=[other.key, rsa_server.key]))[0] == said
    heard, connection = read(conversation, TlsSecrets(private_keys=[other.key]))
    assert (heard, connection.reason) == ([], NO_KEY_FITS)


def test_an_rsa_key_does_not_open_a_diffie_hellman_exchange(rsa_server: Identity) -> None:
    conversation = Conversation(rsa_server, version=V12, ciphers="ECDHE-RSA-AES128-GCM-SHA256")
    talk(conversation)
    heard, connection = read(conversation, TlsSecrets(private_keys=[rsa_server.key]))
    assert (heard, connection.opened, connection.reason) == ([], 0, NO_KEY_FITS)


@pytest.mark.parametrize("options", [0, ssl.OP_NO_TICKET])
def test_a_resumed_session_opens_with_the_rsa_key_of_the_first(options: int, rsa_server: Identity) -> None:
    first = Conversation(rsa_server, version=V12, ciphers="AES128-GCM-SHA256", options=options)
    said = talk(first)
    second = Conversation(
        rsa_server, version=V12, session=first.session, server=first.server_context, client=first.client_context
    )
    assert second.was_resumed
    talk(second)
    secrets = TlsSecrets(private_keys=[rsa_server.key])
    assert read(second, secrets)[0] == []
    assert read(first, secrets)[0] == said
    assert read(second, secrets)[0] == said


@pytest.mark.parametrize("version", [V12, V13])
def test_secrets_that_come_late_open_what_waits(version: ssl.TLSVersion, rsa_server: Identity, tmp_path: Path) -> None:
    conversation = Conversation(rsa_server, tmp_path / "log", version=version)
    said = talk(conversation)
    secrets = TlsSecrets()
    heard, connection = read(conversation, secrets)
    assert (heard, connection.reason, connection.retry()) == ([], NO_KEY, [])
    secrets.add(read_key_log(tmp_path / "log"))
    opened = connection.retry()
    for each in (CLIENT, SERVER):
        assert [item.data for item in opened if item.role == each] == [data for role, data in said if role == each]


@pytest.mark.parametrize("version", [V12, V13])
def test_a_handshake_without_data_leaves_nothing_shut(
    version: ssl.TLSVersion, rsa_server: Identity, tmp_path: Path
) -> None:
    conversation = Conversation(rsa_server, tmp_path / "log", version=version)
    found = {}
    for name, secrets in (("its own", logged(tmp_path / "log")), ("none", TlsSecrets())):
        heard, connection = read(conversation, secrets)
        assert heard == []
        found[name] = connection.reason
    assert found == {"its own": "", "none": NO_KEY}


@pytest.mark.parametrize("version", [V12, V13])
def test_a_connection_joined_in_its_middle_says_so(
    version: ssl.TLSVersion, rsa_server: Identity, tmp_path: Path
) -> None:
    conversation = Conversation(rsa_server, tmp_path / "log", version=version)
    talk(conversation)
    conversation.flights = conversation.flights[-3:]
    heard, connection = read(conversation, logged(tmp_path / "log"))
    assert (heard, connection.reason, connection.shut) == ([], NO_HANDSHAKE, 3)


@pytest.mark.parametrize("version", [V12, V13])
@pytest.mark.parametrize("cut", [0, 3, 20])
def test_after_lost_octets_the_next_whole_record_opens(
    version: ssl.TLSVersion, cut: int, rsa_server: Identity, tmp_path: Path
) -> None:
    conversation = Conversation(rsa_server, tmp_path / "log", version=version, ciphers="ECDHE-RSA-AES128-GCM-SHA256")
    before = len(conversation.flights)
    for number in range(20):
        conversation.say(CLIENT, b"%d" % number * 50)
    connection = TlsConnection(logged(tmp_path / "log"))
    heard = []
    for number, (sender, data) in enumerate(conversation.flights):
        if before + 5 <= number < before + 12:
            continue  # never captured
        gap = 99 if number == before + 12 else 0
        heard += connection.feed(sender, data[cut:] if gap else data, number, number, gap)
    told = [item.data for item in heard]
    lost = range(5, 13 if cut else 12)
    assert told == [b"%d" % number * 50 for number in range(20) if number not in lost]
    assert [item.gap for item in heard].count(True) == 1


def test_an_altered_record_is_not_handed_out(rsa_server: Identity, tmp_path: Path) -> None:
    conversation = Conversation(rsa_server, tmp_path / "log", version=V12, ciphers="AES128-SHA256")
    talk(conversation)
    sender, data = conversation.flights[-4]
    conversation.flights[-4] = (sender, data[:-1] + bytes((data[-1] ^ 1,)))
    heard, connection = read(conversation, logged(tmp_path / "log"))
    assert heard == [(SERVER, ANSWER), (CLIENT, b"x"), (SERVER, ANSWER)]
    assert (connection.shut, connection.reason) == (1, "1 of its records do not open")


def test_mutated_connections_raise_nothing_and_stay_small(rsa_server: Identity, tmp_path: Path) -> None:
    pick = random.Random(7)
    for version in (V12, V13):
        conversation = Conversation(rsa_server, tmp_path / "log", version=version)
        talk(conversation)
        for _ in range(300):
            flights = mutate(conversation.flights, pick)
            connection = TlsConnection(logged(tmp_path / "log"))
            for number, (sender, data) in enumerate(flights):
                gap = pick.choice((0, 0, 0, 5))
                opened = connection.feed(sender, data, number, 0, gap)
                assert all(item.data in (QUESTION, ANSWER, b"x") for item in opened)


def mutate(flights: list[tuple[int, bytes]], pick: random.Random) -> Iterator[tuple[int, bytes]]:
    for sender, data in flights:
        changed = bytearray(data)
        for _ in range(pick.choice((0, 0, 1, 3))):
            changed[pick.randrange(len(changed))] = pick.randrange(256)
        yield sender, bytes(changed[: pick.choice((len(changed), len(changed), pick.randrange(len(changed)) + 1))])


@pytest.mark.tool("tshark")
def test_suite_names_are_wiresharks() -> None:
    import subprocess

    listed = subprocess.run(["tshark", "-G", "values"], capture_output=True, text=True, check=True).stdout
    names = {
        int(line.split("\t")[2], 0): line.split("\t")[3]
        for line in listed.splitlines()
        if line.startswith("V\ttls.handshake.ciphersuite\t")
    }
    assert {number: suite.name for number, suite in cipher_suites().items()} == {
        number: names[number] for number in cipher_suites()
    }
