# SPDX-License-Identifier: GPL-2.0-only
"""One TLS connection: records cut out of both directions, handshakes followed, application data opened.

Records whose keys are not known yet wait, in bounded memory: a ServerHello may be captured after what follows it,
and the secrets of a connection may stand further down in the capture.
"""

from collections import deque
from dataclasses import field
from typing import NamedTuple

from analyzer.tls.handshake import STAGES_13, TlsHandshakeState, next_traffic_secret, traffic_opener
from analyzer.tls.protection import Opened, RecordOpener
from analyzer.tls.secrets import CLIENT, SERVER, TlsSecrets
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.late_dataclass import dataclass
from dissectors.grammar.tls import (
    RECORD_HEADER_OCTETS,
    TLS_1_3,
    VERSIONS,
    ContentType,
    HandshakeType,
    TlsHandshake,
    TlsRecord,
    is_record_start,
    parse_handshake,
    parse_leaf_certificate,
    parse_record,
)
from dissectors.grammar.tls_suites import CipherMode, cipher_suite_name

MAX_HANDSHAKE_OCTETS = 256 * 1024
MAX_HELD_OCTETS = 1 << 20  # of one direction
MAX_BUFFERED_OCTETS = 1 << 17
PROBED_SEQUENCE_NUMBERS = 512
MAX_FAILED_PROBES = 64
MAX_CERTIFICATES = 4  # of one side that are kept: handshakes may follow each other
MAX_CERTIFICATE_OCTETS = 16 * 1024

NO_HANDSHAKE = "the handshake is not in the capture"
NO_KEY = "no key at hand"
NO_KEY_FITS = "no key at hand fits"


class TlsData(NamedTuple):
    """Application data of one record, in stream order; `gap` says that octets before it were lost."""

    role: int
    data: bytes
    frame: int
    timestamp_ns: int
    gap: bool


class _Held(NamedTuple):
    record: TlsRecord
    frame: int
    timestamp_ns: int
    after_gap: bool


@dataclass(slots=True)
class _Side:
    """One direction; `sequence` is that of the next record, `stage` counts the traffic secrets of TLS 1.3."""

    buffer: bytearray = field(default_factory=bytearray)
    handshake: bytearray = field(default_factory=bytearray)
    held: deque[_Held] = field(default_factory=deque)
    held_octets: int = 0
    is_protected: bool = False
    opener: RecordOpener | None = None
    sequence: int = 0
    stage: int = -1
    secret: bytes = b""
    must_resync: bool = False
    must_probe: bool = False
    gap: bool = False
    failed_probes: int = 0
    is_over: bool = False
    opened: int = 0
    shut: int = 0
    certificates: list[bytes] = field(default_factory=list)


class TlsConnection:
    """Takes the octets of both directions, numbered 0 and 1, in stream order, and gives what they carry."""

    def __init__(self, secrets: TlsSecrets) -> None:
        self._secrets = secrets
        self._sides = (_Side(), _Side())
        self._client: int | None = None
        self._state = TlsHandshakeState()
        self._generation = secrets.generation

    @property
    def client(self) -> int | None:
        """Which direction the client sends, None until a hello tells."""
        return self._client

    @property
    def version(self) -> str:
        """The version agreed, empty where it was not seen."""
        return VERSIONS.get(self._state.version, "")

    @property
    def cipher_suite(self) -> str:
        """The cipher suite agreed, empty where it was not seen."""
        return cipher_suite_name(self._state.suite_number) if self._state.version else ""

    @property
    def is_encrypted(self) -> bool:
        """Whether the suite agreed hides anything: those with NULL only authenticate."""
        suite = self._state.suite
        return suite is not None and suite.mode is not CipherMode.NULL

    @property
    def opened(self) -> int:
        """Records of application data that were opened."""
        return sum(side.opened for side in self._sides)

    @property
    def shut(self) -> int:
        """Protected records that were not opened, those of a handshake aside."""
        return sum(side.shut + len(side.held) for side in self._sides)

    def certificates(self, direction: int) -> tuple[bytes, ...]:
        """The different certificates that a side showed as its own, as DER, where its handshakes can be read."""
        return tuple(self._sides[direction].certificates)

    @property
    def reason(self) -> str:
        """Why records stayed shut; empty where none did."""
        if self.opened:
            return f"{self.shut} of its records do not open" if self.shut else ""
        if self._state.client_hello is None or self._state.server_hello is None:
            return NO_HANDSHAKE if self._secrets else NO_KEY
        if self._state.suite is None:
            return f"{self.version} with {self.cipher_suite} is not read"
        if not self.shut and any(side.opener is not None for side in self._sides):
            return ""  # its handshake was all there was to open
        return NO_KEY_FITS if self._secrets else NO_KEY

    def feed(self, direction: int, data: bytes, frame: int, timestamp_ns: int, gap: int) -> list[TlsData]:
        """The application data that these octets complete."""
        side = self._sides[direction]
        if side.is_over:
            return []
        if gap:
            side.buffer.clear()
            side.must_resync = True
        side.buffer += data
        for record, after_gap in self._cut(side):
            side.held.append(_Held(record, frame, timestamp_ns, after_gap))
            side.held_octets += len(record.fragment)
        opened = self._drain(direction)
        if side.held_octets > MAX_HELD_OCTETS:
            self._give_up(side)
        return opened

    def retry(self) -> list[TlsData]:
        """What has become readable because the secrets have grown."""
        if self._generation == self._secrets.generation:
            return []
        self._generation = self._secrets.generation
        return self._drain(0) + self._drain(1)

    def _give_up(self, side: _Side) -> None:
        side.shut += len(side.held)
        side.held.clear()
        side.buffer.clear()
        side.is_over, side.held_octets = True, 0

    def _cut(self, side: _Side) -> list[tuple[TlsRecord, bool]]:
        """The whole records at the front of the buffer; the first one after a gap is marked."""
        records: list[tuple[TlsRecord, bool]] = []
        at, after_gap = 0, side.must_resync
        while True:
            if side.must_resync:
                at = _find_record(side.buffer, at)
                side.must_resync = at >= len(side.buffer)
            try:
                record = parse_record(side.buffer, at)
            except GrammarError:
                side.must_resync, after_gap = True, True
                at += 1
                continue
            if record is None:
                break
            records.append((record, after_gap))
            after_gap = False
            at += RECORD_HEADER_OCTETS + len(record.fragment)
        del side.buffer[:at]
        if after_gap:
            side.must_resync = True
        if len(side.buffer) > MAX_BUFFERED_OCTETS:
            side.buffer.clear()
            side.must_resync = True
        return records

    def _drain(self, direction: int) -> list[TlsData]:
        """Open what can be opened, in both directions, as one may tell what the other needs."""
        opened: list[TlsData] = []
        moved, sides = True, (direction, 1 - direction)
        while moved:
            moved = False
            for each in sides:
                side = self._sides[each]
                while side.held and self._take(each, side, side.held[0], opened):
                    side.held_octets -= len(side.held.popleft().record.fragment)
                    moved = True
        return opened

    def _take(self, direction: int, side: _Side, held: _Held, opened: list[TlsData]) -> bool:
        """Deal with one record; False when it must wait."""
        if held.after_gap:
            side.must_probe = side.gap = True
        record = held.record
        if not self._is_protected(side, record):
            return self._take_clear(direction, side, record)
        if self._state.suite is None and self._state.server_hello is not None:
            side.shut += 1
            return True
        content = self._open(direction, side, record)
        if content is None:
            return False
        self._deliver(direction, side, held, content, opened)
        return True

    def _is_protected(self, side: _Side, record: TlsRecord) -> bool:
        if self._state.version == TLS_1_3:
            return record.content_type == ContentType.application_data
        return side.is_protected or record.content_type == ContentType.application_data

    def _take_clear(self, direction: int, side: _Side, record: TlsRecord) -> bool:
        if record.content_type == ContentType.change_cipher_spec:
            if self._state.is_retry_requested:
                return True
            if self._state.client_hello is not None and self._state.server_hello is None:
                return False
            if self._state.version != TLS_1_3:
                side.is_protected, side.opener, side.sequence = True, None, 0
        elif record.content_type == ContentType.handshake:
            self._take_handshake(direction, side, record.fragment)
        return True

    def _take_handshake(self, direction: int, side: _Side, fragment: bytes) -> None:
        side.handshake += fragment
        at = 0
        while (message := parse_handshake(side.handshake, at)) is not None:
            at += len(message.raw)
            self._take_message(direction, side, message)
        del side.handshake[:at]
        if len(side.handshake) > MAX_HANDSHAKE_OCTETS:
            side.handshake.clear()

    def _take_message(self, direction: int, side: _Side, message: TlsHandshake) -> None:
        if message.message_type == HandshakeType.client_hello:
            self._client = direction
            if self._state.server_hello is not None:  # a new handshake on the same connection
                self._state = TlsHandshakeState()
        elif message.message_type == HandshakeType.server_hello:
            self._client = 1 - direction
        elif message.message_type == HandshakeType.certificate:
            self._take_certificate(side, message)
        elif message.message_type == HandshakeType.key_update and self._state.version == TLS_1_3:
            suite = self._state.suite
            if suite is not None and side.secret:
                side.secret = next_traffic_secret(suite, side.secret)
                side.opener, side.sequence = traffic_opener(suite, side.secret), 0
            return
        self._state.feed(message)

    def _take_certificate(self, side: _Side, message: TlsHandshake) -> None:
        try:
            found = parse_leaf_certificate(message.body, self._state.version)
        except GrammarError:
            return
        if found and found not in side.certificates and len(found) <= MAX_CERTIFICATE_OCTETS:
            side.certificates = [*side.certificates, found][-MAX_CERTIFICATES:]

    def _open(self, direction: int, side: _Side, record: TlsRecord) -> Opened | None:
        """The content of a protected record, empty content where it does not authenticate; None if it must wait."""
        role = CLIENT if direction == self._client else SERVER
        if self._state.version == TLS_1_3:
            return self._open_13(role, side, record)
        if side.opener is None:
            side.opener = self._state.opener(role, self._secrets)
            if side.opener is None:
                return None
        content = self._try(side, side.opener, record)
        if content is None:
            side.sequence += 1
            return Opened(0, b"")
        return content

    def _try(self, side: _Side, opener: RecordOpener, record: TlsRecord) -> Opened | None:
        """Open at the next sequence number, or, after a gap, at one of those that may follow it."""
        tries = PROBED_SEQUENCE_NUMBERS if side.must_probe and opener.can_skip else 1
        if side.failed_probes > MAX_FAILED_PROBES:
            tries = 1
        for sequence in range(side.sequence, side.sequence + tries):
            content = opener.open(record, sequence)
            if content is not None:
                side.sequence, side.must_probe, side.failed_probes = sequence + 1, False, 0
                return content
        side.failed_probes += tries > 1
        return None

    def _open_13(self, role: int, side: _Side, record: TlsRecord) -> Opened | None:
        suite = self._state.suite
        if suite is None:
            return None
        if side.opener is not None:
            content = self._try(side, side.opener, record)
            if content is not None:
                return content
        last = len(STAGES_13[role]) - 1
        for stage in range(side.stage + 1, last + 1):
            secret = self._state.traffic_secret(role, stage, self._secrets)
            if secret is None:
                if stage == last:
                    return None
                continue
            opener = traffic_opener(suite, secret)
            before, side.sequence = side.sequence, 0
            content = self._try(side, opener, record)
            if content is not None:
                side.opener, side.stage, side.secret = opener, stage, secret
                return content
            side.sequence = before
        if side.stage == last:
            side.sequence += 1
        return Opened(0, b"")

    def _deliver(self, direction: int, side: _Side, held: _Held, content: Opened, opened: list[TlsData]) -> None:
        if content.content_type == ContentType.application_data:
            side.opened += 1
            role = CLIENT if direction == self._client else SERVER
            opened.append(TlsData(role, content.data, held.frame, held.timestamp_ns, side.gap))
            side.gap = False
        elif content.content_type == ContentType.handshake:
            self._take_handshake(direction, side, content.data)
        elif content.content_type == ContentType.change_cipher_spec and self._state.version != TLS_1_3:
            side.opener, side.sequence = None, 0
        elif content.content_type == 0 and (side.opened or self._state.version != TLS_1_3):
            side.shut += 1
            side.gap = True


def _find_record(buffer: bytes | bytearray, at: int) -> int:
    """Where a record seems to begin: its header is one, and so is what stands behind it, if that is there."""
    while at < len(buffer):
        if is_record_start(buffer, at):
            end = at + RECORD_HEADER_OCTETS + int.from_bytes(buffer[at + 3 : at + 5], "big")
            if end + RECORD_HEADER_OCTETS > len(buffer) or is_record_start(buffer, end):
                return at
        elif len(buffer) - at < RECORD_HEADER_OCTETS:
            return at
        at += 1
    return at
