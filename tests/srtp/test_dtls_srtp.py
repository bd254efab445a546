# SPDX-License-Identifier: GPL-2.0-only
"""DTLS-SRTP with a key log: exporters against OpenSSL and real stacks, calls opened end to end."""

import os
import re
import select
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pylibsrtp import Policy, Session
from srtp_peers import read_datagrams, sidecar

from analyzer.api import audit
from analyzer.capture.frames import build_udp_frame
from analyzer.capture.writer import PcapngWriter
from analyzer.keying import dtls_exporter
from analyzer.keying.dtls_exporter import SHA384_SUITES, HandshakeFacts, export_srtp_material
from analyzer.keying.key_ring import KeyRing
from analyzer.keying.key_ring_file import read_key_ring
from analyzer.keying.opening import context_that_opened, iter_clear_rtcp, iter_clear_rtp
from analyzer.model.evidence import Wire
from analyzer.model.keying import Keying, StreamAudit
from analyzer.model.report import Report
from dissectors.grammar.dtls import DTLS_1_0, DTLS_1_2, DTLS_1_3
from dissectors.grammar.secret import Secret

BARESIP = Path("baresip") / "udp_dtls_srtp"
AIORTC = Path("aiortc") / "dtls_cm80_pcmu"


@pytest.mark.tool("tshark")
def test_the_suites_with_sha384_are_those_that_tshark_knows() -> None:
    listed = subprocess.run(["tshark", "-G", "values"], capture_output=True, text=True, check=True).stdout
    suites = [line.split("\t") for line in listed.splitlines() if line.startswith("V\ttls.handshake.ciphersuite\t")]
    assert {int(number, 0) for _, _, number, name in suites if name.endswith("SHA384")} == SHA384_SUITES


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _message(text: str, name: str) -> bytes:
    found = re.search(rf"Handshake \[length [0-9a-f]+\], {name}\n((?: {{4}}[0-9a-f ]+\n)+)", text)
    assert found is not None
    return bytes.fromhex(found[1])


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-days", "1"]
    pem = folder / "both.pem"
    subprocess.run([*command, "-keyout", str(pem), "-out", str(folder / "c.pem")], capture_output=True, check=True)
    pem.write_text(pem.read_text() + (folder / "c.pem").read_text())
    return pem


@pytest.mark.tool("openssl")
@pytest.mark.parametrize(
    ("option", "cipher", "version"),
    [
        ("-tls1_1", "ECDHE-RSA-AES128-SHA", DTLS_1_0),
        ("-tls1_2", "ECDHE-RSA-AES128-GCM-SHA256", DTLS_1_2),
        ("-tls1_2", "ECDHE-RSA-AES256-GCM-SHA384", DTLS_1_2),
        ("-tls1_2", "ECDHE-RSA-AES128-SHA", DTLS_1_2),
        ("-tls1_3", "TLS_AES_128_GCM_SHA256", DTLS_1_3),
        ("-tls1_3", "TLS_AES_256_GCM_SHA384", DTLS_1_3),
    ],
)
def test_openssl_exports_the_same(
    option: str, cipher: str, version: int, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TLS and DTLS share the exporter but for one label prefix, which RFC 9147 §5.9 changes."""
    port, log = _free_port(), tmp_path / "keys.log"
    suites = ["-ciphersuites", cipher] if version == DTLS_1_3 else ["-cipher", f"{cipher}:@SECLEVEL=0"]
    server = subprocess.Popen(
        ["openssl", "s_server", option, "-accept", str(port), "-cert", str(certificate), "-quiet", "-naccept", "1"]
        + ([] if version == DTLS_1_3 else ["-cipher", f"{cipher}:@SECLEVEL=0"]),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        exported = ["-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen", "60", "-keylogfile", str(log), "-msg"]
        command = ["openssl", "s_client", option, "-connect", f"127.0.0.1:{port}", *suites, *exported]
        for _ in range(50):
            text = subprocess.run(command, input="Q\n", capture_output=True, text=True, check=False).stdout
            if "Keying material: " in text:
                break
            time.sleep(0.1)
    finally:
        server.kill()
        server.communicate()
    expected = bytes.fromhex(re.search(r"Keying material: ([0-9A-F]+)", text)[1])  # type: ignore[index]
    hello, chosen = _message(text, "ClientHello"), _message(text, "ServerHello")
    number = int.from_bytes(chosen[39 + chosen[38] : 41 + chosen[38]], "big")
    label = "EXPORTER_SECRET" if version == DTLS_1_3 else "CLIENT_RANDOM"
    secret = re.search(rf"^{label} {hello[6:38].hex()} ([0-9a-f]+)$", log.read_text(), re.MULTILINE)
    assert secret is not None
    monkeypatch.setattr(dtls_exporter, "LABEL_PREFIX_13", b"tls13 ")
    facts = HandshakeFacts(version, number, hello[6:38], chosen[6:38])
    assert export_srtp_material(facts, Secret(bytes.fromhex(secret[1])), 60) == expected


def _ring(tmp_path: Path, key_log: str) -> KeyRing:
    (tmp_path / "keys.log").write_text(key_log)
    (tmp_path / "keys.toml").write_text('[[dtls]]\nkeylog = "keys.log"\n')
    return read_key_ring(tmp_path / "keys.toml")


def _key_log(captures: Path, name: Path) -> str:
    return (captures / "peers" / f"{name}.keylog.txt").read_text()


def _audits(report: Report) -> Iterator[tuple[StreamAudit, Keying]]:
    for call in report.calls:
        for media in call.media:
            yield from ((stream, media.keying) for stream in media.streams)
    for loose in report.streams:
        yield loose.audit, loose.keying


@pytest.mark.captures
@pytest.mark.parametrize("name", [BARESIP, AIORTC], ids=["baresip", "aiortc"])
def test_every_packet_opens_as_it_was_sealed(captures: Path, tmp_path: Path, name: Path) -> None:
    pcap = captures / "peers" / f"{name}.pcap"
    ring = _ring(tmp_path, _key_log(captures, name))
    facts = sidecar(pcap.with_suffix(".json"))
    clear = {datagram.frame: datagram.payload for datagram in read_datagrams(pcap.with_suffix(".clear.pcap"))}
    rtp = rtcp = 0
    for stream, keying in _audits(audit([pcap], ring=ring)):
        assert stream.wire is Wire.PROVED
        assert (stream.authenticated, stream.failed, stream.not_tried) == (stream.packets, 0, 0)
        context = context_that_opened(stream, keying, ring)
        packets = list(iter_clear_rtp(stream, context))
        compounds = list(iter_clear_rtcp(stream.bound, keying, context))
        assert len(packets) == stream.packets
        assert len(compounds) == stream.rtcp.packets
        assert all(clear[packet.frame] == packet.octets for packet in (*packets, *compounds))
        rtp += stream.authenticated
        rtcp += stream.rtcp.authenticated
    checked = facts["independent_python_check"]
    assert (rtp, rtcp) == (checked["rtp_ok"], checked["rtcp_ok"])


@pytest.mark.captures
def test_the_keys_are_those_of_the_real_stacks(captures: Path, tmp_path: Path) -> None:
    for name, field, form in ((BARESIP, "keys", "master_key_salt_hex"), (AIORTC, "srtp_sessions", "key_hex")):
        pcap = captures / "peers" / f"{name}.pcap"
        report = audit([pcap], ring=_ring(tmp_path, _key_log(captures, name)))
        keys = {key for _, keying in _audits(report) for key in keying.keys}
        found = {(key.key.reveal() + key.salt.reveal()).hex() for key in keys}
        assert found == {entry[form] for entry in sidecar(pcap.with_suffix(".json"))[field]}
        assert {key.source for key in keys} == {"dtls"}
        assert all(key.bound for key in keys)


@pytest.mark.captures
def test_the_verdict_of_a_call_with_its_key_log(captures: Path, tmp_path: Path) -> None:
    pcap = captures / "peers" / f"{BARESIP}.pcap"
    report = audit([pcap], ring=_ring(tmp_path, _key_log(captures, BARESIP)))
    ((media,),) = [call.media for call in report.calls]
    assert (media.verdict, media.reasons) == ("conform", ("order-not-binding",))
    assert media.keying.how == "keys exported from the DTLS 1.2 handshake with the key log"
    assert {key.sender for key in media.keying.keys} == {"offerer", "answerer"}


@pytest.mark.captures
def test_a_handshake_that_the_log_does_not_know_refutes_nothing(captures: Path, tmp_path: Path) -> None:
    pcap = captures / "peers" / f"{BARESIP}.pcap"
    of_rtcp = [line for line in _key_log(captures, BARESIP).splitlines(keepends=True) if " 4da2fe" in line]
    report = audit([pcap], ring=_ring(tmp_path, "".join(of_rtcp)))
    ((media,),) = [call.media for call in report.calls]
    assert (media.verdict, media.reasons) == ("conform", ("wire-not-proved", "order-not-binding"))
    assert media.keying.how.endswith("with the key log, 1 of 2 handshakes")
    assert [stream.wire for stream in media.streams] == [Wire.CONSISTENT, Wire.CONSISTENT]
    assert [stream.rtcp.authenticated for stream in media.streams] == [2, 2]


@pytest.mark.captures
def test_a_wrong_secret_for_a_known_handshake_contradicts(captures: Path, tmp_path: Path) -> None:
    pcap = captures / "peers" / f"{AIORTC}.pcap"
    label, random, secret = _key_log(captures, AIORTC).splitlines()[0].split()
    report = audit([pcap], ring=_ring(tmp_path, f"{label} {random} {'00' * (len(secret) // 2)}\n"))
    assert {stream.audit.wire for stream in report.streams} == {Wire.CONTRADICTING}
    other = audit([pcap], ring=_ring(tmp_path, f"{label} {'00' * 32} {secret}\n"))
    assert {stream.keying.how for stream in other.streams} == {
        "keys come from the DTLS handshake, which the key log does not open"
    }
    assert all(stream.audit.wire in (Wire.CONSISTENT, Wire.UNSEEN) for stream in other.streams)


class _Relay:
    """Carries the datagrams of one DTLS client and server, and keeps them."""

    def __init__(self, server_port: int) -> None:
        self.datagrams: list[tuple[bool, bytes]] = []
        self.front, self.back = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self.front.bind(("127.0.0.1", 0))
        self.back.connect(("127.0.0.1", server_port))
        self.port = self.front.getsockname()[1]
        self._running = True
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def _carry(self) -> None:
        client = None
        while self._running:
            for ready in select.select([self.front, self.back], [], [], 0.05)[0]:
                try:
                    if ready is self.front:
                        data, client = self.front.recvfrom(65536)
                        self.back.send(data)
                    elif client is not None:
                        data = self.back.recv(65536)
                        self.front.sendto(data, client)
                except ConnectionError:
                    continue
                self.datagrams.append((ready is self.front, data))

    def stop(self) -> None:
        self._running = False
        self._thread.join()
        self.front.close()
        self.back.close()


CONFIGURATION = """
openssl_conf = start
[start]
ssl_conf = ssl
[ssl]
system_default = system
[system]
Options = -ExtendedMasterSecret
"""


def _dtls_by_rsa(certificate: Path, option: str, configuration: Path | None) -> tuple[list[tuple[bool, bytes]], bytes]:
    """A handshake of OpenSSL with itself with RSA key exchange: its datagrams and the keying material it exports."""
    port = _free_port()
    environment = dict(os.environ) if configuration is None else os.environ | {"OPENSSL_CONF": str(configuration)}
    suite = ["-cipher", "AES128-SHA:@SECLEVEL=0", "-use_srtp", "SRTP_AES128_CM_SHA1_80"]
    server = subprocess.Popen(
        [
            "openssl",
            "s_server",
            option,
            "-accept",
            f"127.0.0.1:{port}",
            "-cert",
            str(certificate),
            "-quiet",
            *suite,
        ],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    export = ["-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen", "60"]
    text = ""
    try:
        for _ in range(8):
            time.sleep(0.3)
            relay = _Relay(port)
            command = ["openssl", "s_client", option, "-connect", f"127.0.0.1:{relay.port}", *suite, *export]
            try:
                client = subprocess.run(command, input="Q\n", capture_output=True, text=True, check=False, timeout=5)
                text = client.stdout
            except subprocess.TimeoutExpired:
                text = ""
            relay.stop()
            if "Keying material: " in text:
                break
    finally:
        server.kill()
        server.communicate()
    found = re.search(r"Keying material: ([0-9A-F]+)", text)
    assert found is not None
    return relay.datagrams, bytes.fromhex(found[1])


@pytest.mark.tool("openssl")
@pytest.mark.parametrize(("option", "version"), [("-dtls1_2", "1.2"), ("-dtls1", "1.0")])
@pytest.mark.parametrize("extended", [True, False], ids=["extended", "plain"])
def test_the_servers_rsa_key_opens_what_rsa_keyed(
    certificate: Path, tmp_path: Path, option: str, version: str, extended: bool
) -> None:
    (tmp_path / "openssl.cnf").write_text(CONFIGURATION)
    datagrams, material = _dtls_by_rsa(certificate, option, None if extended else tmp_path / "openssl.cnf")
    keys = material[:16] + material[32:46], material[16:32] + material[46:]
    ends = ("192.0.2.1:4000", "192.0.2.2:5000")
    packets = [(*(ends if forth else ends[::-1]), data) for forth, data in datagrams]
    for key, where in zip(keys, (ends, ends[::-1]), strict=True):
        session = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND))
        for number in range(60):
            header = b"\x80\x00" + number.to_bytes(2, "big") + bytes(7) + (b"\1" if where is ends else b"\2")
            packets.append((*where, session.protect(header + bytes(160))))
    with (tmp_path / "x.pcapng").open("wb") as file:
        writer = PcapngWriter(file)
        for number, packet in enumerate(packets):
            writer.write(number * 10**7, build_udp_frame(*packet))
    (tmp_path / "keys.toml").write_text(f'[[private_key]]\nfile = "{certificate}"\n')
    report = audit([tmp_path / "x.pcapng"], ring=read_key_ring(tmp_path / "keys.toml"))
    assert [(each.audit.authenticated, each.audit.wire) for each in report.streams] == [(60, Wire.PROVED)] * 2
    assert {each.keying.how for each in report.streams} == {
        f"keys exported from the DTLS {version} handshake with the server's RSA key"
    }
    without = audit([tmp_path / "x.pcapng"])
    assert [each.audit.authenticated for each in without.streams] == [0, 0]
