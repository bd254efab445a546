# SPDX-License-Identifier: GPL-2.0-only
"""Conversations over TLS between two OpenSSL endpoints in memory, and the octets that crossed between them."""

import datetime as dt
import select
import socket
import ssl
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

CLIENT, SERVER = 0, 1
Flight = tuple[int, bytes]  # who sent, and what


class Identity(NamedTuple):
    """A server's key and self-signed certificate, in one PEM file."""

    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    path: Path


def make_identity(folder: Path, kind: str = "rsa") -> Identity:
    key = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sip.example.com")])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=3650))
        .sign(key, SHA256())
    )
    path = folder / f"{kind}.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return Identity(key, path)


class Conversation:
    """Two endpoints; `flights` is what crossed the wire, in order."""

    def __init__(
        self,
        identity: Identity,
        key_log: Path | None = None,
        *,
        version: ssl.TLSVersion,
        ciphers: str = "",
        session: ssl.SSLSession | None = None,
        server: ssl.SSLContext | None = None,
        client: ssl.SSLContext | None = None,
        options: int = 0,
    ) -> None:
        self.server_context = server or context(ssl.PROTOCOL_TLS_SERVER, version, ciphers, options)
        if server is None:
            self.server_context.load_cert_chain(identity.path)
        self.client_context = client or context(ssl.PROTOCOL_TLS_CLIENT, version, ciphers, options)
        if key_log is not None:
            self.client_context.keylog_filename = str(key_log)
        ends = [(ssl.MemoryBIO(), ssl.MemoryBIO()) for _ in range(2)]
        self._bios = ends
        self._peers = (
            self.client_context.wrap_bio(*ends[CLIENT], server_hostname="sip.example.com", session=session),
            self.server_context.wrap_bio(*ends[SERVER], server_side=True),
        )
        self.flights: list[Flight] = []
        done = [False, False]
        while not all(done):
            for each in (CLIENT, SERVER):
                try:
                    self._peers[each].do_handshake()
                    done[each] = True
                except ssl.SSLWantReadError:
                    pass
                self._move(each)
        self._read(CLIENT)

    @property
    def session(self) -> ssl.SSLSession | None:
        return self._peers[CLIENT].session

    @property
    def cipher(self) -> str:
        return self._peers[CLIENT].cipher()[0]  # type: ignore[index]

    @property
    def was_resumed(self) -> bool:
        return bool(self._peers[CLIENT].session_reused)

    def _move(self, sender: int) -> None:
        data = self._bios[sender][1].read()
        if data:
            self.flights.append((sender, data))
            self._bios[1 - sender][0].write(data)

    def _read(self, receiver: int) -> bytes:
        try:
            return self._peers[receiver].read()
        except ssl.SSLWantReadError:
            return b""

    def say(self, sender: int, data: bytes) -> None:
        self._peers[sender].write(data)
        self._move(sender)
        assert self._read(1 - sender) == data[:16384]


def context(protocol: int, version: ssl.TLSVersion, ciphers: str, options: int) -> ssl.SSLContext:
    made = ssl.SSLContext(protocol)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.options |= options
    made.set_ciphers((ciphers or "ALL:COMPLEMENTOFALL:eNULL") + ":@SECLEVEL=0")
    made.minimum_version = made.maximum_version = version
    return made


def relay_openssl(pem: Path, key_log: Path, suite: str, lines: list[bytes]) -> list[Flight]:
    """What crosses between `openssl s_client` and `openssl s_server -rev` while the client is given these lines."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        target = probe.getsockname()[1]
        probe.close()
        chosen = ["-tls1_3", "-ciphersuites", suite]
        server = subprocess.Popen(
            ["openssl", "s_server", *chosen, "-accept", str(target), "-cert", str(pem), "-rev"],
            **quiet,  # type: ignore[call-overload]
        )
        near = f"127.0.0.1:{listener.getsockname()[1]}"
        client = subprocess.Popen(
            ["openssl", "s_client", *chosen, "-connect", near, "-keylogfile", str(key_log)],
            stdin=subprocess.PIPE,
            **quiet,  # type: ignore[call-overload]
        )
        try:
            accepted, _ = listener.accept()
            with accepted, connect(target) as onward:
                return pump(accepted, onward, client, lines)
        finally:
            for process in (client, server):
                process.kill()
                process.communicate()


def connect(port: int) -> socket.socket:
    for _ in range(100):
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise TimeoutError(port)


def pump(
    near: socket.socket, far: socket.socket, client: "subprocess.Popen[bytes]", lines: list[bytes]
) -> list[Flight]:
    """Carry octets between the two, and give the client a line whenever both are silent, until it has had all."""
    flights: list[Flight] = []
    waiting = list(lines)
    while True:
        ready, _, _ = select.select([near, far], [], [], 0.7)
        if not ready:
            if not waiting or client.stdin is None:
                return flights
            client.stdin.write(waiting.pop(0))
            client.stdin.flush()
        for end in ready:
            data = end.recv(65536)
            if not data:
                return flights
            flights.append((CLIENT if end is near else SERVER, data))
            (far if end is near else near).sendall(data)
