# SPDX-License-Identifier: GPL-2.0-only
"""Captures from files, growing files and standard input, as batches of packet columns."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

from analyzer.capture import scan
from analyzer.capture.account import CaptureAccount, CaptureTally
from analyzer.capture.blocks import HEAD_OCTETS, Layout, read_block, read_comment, read_file_header
from analyzer.capture.columns import (
    BATCH_PACKETS,
    COLUMNS,
    NOTHING_SIEVED,
    Octets,
    PacketBatch,
    PlainTable,
    Sieved,
    Table,
    empty_table,
    plain_cells,
    table_columns,
    view_cells,
)
from analyzer.capture.fragments import PlainPending
from analyzer.capture.intake import STDIN, read_head, take_in
from analyzer.capture.octets import FileOctets, fetch, let_go, map_file
from analyzer.capture.ordinary import scan_ordinary
from analyzer.capture.reassembly import Unwrapper
from analyzer.capture.speed import COMPILE_OCTETS, compiled, plain, view_array, view_plain
from analyzer.capture.windows import Window, WindowScans
from analyzer.errors import CaptureError
from analyzer.model.arrays import Column
from analyzer.model.capture_comment import CaptureComment
from dissectors.grammar.defects import Defect
from dissectors.grammar.key_log import KeyLogSecret

if TYPE_CHECKING:
    from analyzer.capture.digest import MappedDigest

RESYNC_OCTETS = 1 << 20  # how far past a damaged record the plain pass looks for the next good one
PLAIN_OCTETS = 128 << 10  # of a whole capture: what plain Python is done with before NumPy is loaded
SIEVED_OCTETS = 8 << 20  # of one batch
TRIED_OCTETS = 64 << 20  # before it is said that a sieve takes too little
_RECORDS = "analyzer.capture.records"


def open_capture(path: Path | str, *, follow: bool = False, jobs: int = 1, digest: bool = True) -> "Capture":
    """Open a pcap or pcapng capture; raises CaptureError naming file and offset where there is nothing to read.

    `-` reads standard input to its end; gzip, bzip2, xz, zstd and lz4 are told by their first octets. With `follow` the
    file may still grow: `Capture.poll` gives what has arrived since the last call. With more than one of `jobs` a large
    file is scanned ahead by threads; the batches may be cut elsewhere then, their packets are the same. Without
    `digest` a plain file has no SHA-256.
    """
    name = "standard input" if str(path) == STDIN else str(path)
    try:
        return Capture(path, name, follow=follow, jobs=jobs, digest=digest)
    except OSError as error:
        message = f"{name}: {error.strerror or error}"
        raise CaptureError(message) from error


class CaptureHead(NamedTuple):
    """How a capture begins: its format, the link types of its first interfaces, the time of its first packet.

    A capture without packets has the time 0.
    """

    format: str
    link_types: tuple[int, ...]
    first_time_ns: int


def peek_capture(path: Path | str) -> CaptureHead | None:
    """How a capture begins; None for one that can't be read."""
    try:
        capture = Capture(path, str(path), head=read_head(Path(path)))
        batch = next(capture.batches(1), None)
    except (CaptureError, OSError):
        return None
    time_ns = 0 if batch is None or not len(batch) else int(batch.timestamp_ns[0])
    return CaptureHead(capture.format, capture.link_types, time_ns)


class Sieve(Protocol):
    """Takes packets out of the compiled pass, so that no row of a batch tells of them."""

    @property
    def last_time_ns(self) -> int:
        """The time of the packet that was read last."""
        ...

    def begin(self, octets: Octets, stop: int, rows: int) -> None:
        """A batch begins, which ends about offset `stop` or with so many rows; payloads are kept in `octets`."""
        ...

    def walk(self, buffer: Octets, state: Column, interfaces: Column, table: Table, *, is_pcapng: bool) -> None:
        """The pass over records, as `records` has it."""
        ...

    def sieved(self) -> Sieved:
        """What was taken since the batch began."""
        ...


class Capture:
    """One capture; `packets`, the times, `defects` and `interface_drops` tell of what has been read so far."""

    def __init__(
        self,
        path: Path | str,
        name: str,
        *,
        follow: bool = False,
        jobs: int = 1,
        digest: bool = True,
        head: bytes | None = None,
    ) -> None:
        """With `head`, a capture of these octets alone."""
        self.path = path
        self.name = name
        self.follow = follow
        self.jobs = jobs
        self.digest = digest
        self.compile_octets = COMPILE_OCTETS  # of what is left, above which the compiled pass is worth its start
        self._opening_defects: list[Defect] = []
        self._sha256: str | None = None
        self._digest: MappedDigest | None = None
        self._growing: FileOctets | None = None
        self.archive: FileOctets | None = None  # has the octets of `buffer` for later, where they are not in memory
        self.sieve: Sieve | None = None  # of whoever wants no rows of media packets
        self._windows: WindowScans | None = None
        self._polled = False
        self.carried: tuple[PlainPending, ...] = ()  # fragments of the file before, where this one continues it
        self.bytes = 0
        self.buffer: Octets = self._load() if head is None else head
        self._finished = False
        self._start()

    def _start(self) -> None:
        self._tally = CaptureTally(self._opening_defects)
        self._last_row_ns = -1
        self._unwrapper = Unwrapper()
        self._unwrapper.resume(self.carried)
        self._fast = False
        self._layout: Layout = read_file_header(bytes(self.buffer[:HEAD_OCTETS]), self.name)
        self._finished = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; batches handed out stay readable."""
        self._stop_scanning_ahead()
        self.buffer = b""

    def _load(self) -> Octets:
        if self.follow:
            octets = map_file(Path(self.path))
            self.bytes = len(octets)
            return octets
        intake = take_in(self.path, self.name, large=COMPILE_OCTETS)
        self.bytes, self._sha256, self.archive = intake.stored_octets, intake.sha256, intake.archive
        self._opening_defects += intake.defects
        return intake.octets

    @property
    def account(self) -> CaptureAccount:
        """What was found out so far beside the packets."""
        return CaptureAccount(
            self.format,
            self._damage,
            self.interface_drops,
            self.comments,
            tuple(self._layout.names),
            tuple(sorted(self._unwrapper.defects.items())),
            self._unwrapper.pending if self._finished else (),
        )

    @property
    def format(self) -> str:
        """`pcap` or `pcapng`."""
        return self._layout.format

    @property
    def sha256(self) -> str | None:
        """Hex digest of the file as stored; None while it may still grow, and of a plain one where none was wanted."""
        if self.follow:
            return None
        if self._sha256 is None and self.digest:
            digest = self._digest or hashlib.sha256(self.buffer)
            self._sha256 = digest.hexdigest()
        return self._sha256

    @property
    def comments(self) -> tuple[CaptureComment, ...]:
        """What its sections, interfaces and packets are commented with."""
        return tuple(self._layout.comments)

    @property
    def interface_drops(self) -> int | None:
        """Packets dropped before they reached the file, as its statistics blocks say; None where none does."""
        return self._layout.interface_drops

    @property
    def defects(self) -> tuple[Defect, ...]:
        """What was damaged, cut or not read; counted kinds come once each with their number."""
        return self.account.defects

    @property
    def packets(self) -> int:
        """How many packets have been read."""
        return self._tally.packets

    @property
    def first_time_ns(self) -> int | None:
        """The earliest time of a packet, nanoseconds since 1970; None as long as there is none."""
        return self._tally.first_time_ns

    @property
    def last_time_ns(self) -> int | None:
        """The latest time of a packet."""
        return self._tally.last_time_ns

    @property
    def _damage(self) -> tuple[Defect, ...]:
        left_out = (
            ("more-comments", self._layout.comments_left_out, "comments of packets are not kept"),
            ("more-names", self._layout.names_left_out, "names of addresses are not kept"),
        )
        unkept = [Defect(code, 0, "", f"{number} {what}") for code, number, what in left_out if number]
        return (*self._tally.noted, *self._layout.defects, *self._tally.counted, *unkept)

    @property
    def link_types(self) -> tuple[int, ...]:
        """Those of the interfaces that were described so far, in the section that is read."""
        state = self._layout.state
        if self.format == "pcap":
            return (int(state[scan.S_LINK]),)
        interfaces = self._layout.interfaces
        return tuple(interfaces[index, scan.I_LINK] for index in range(state[scan.S_INTERFACES]))

    @property
    def offset(self) -> int:
        """How many octets have been read."""
        return int(self._layout.state[scan.S_OFFSET])

    def begin_digest(self) -> None:
        """Let a thread work on the digest of a large file behind the pass over it."""
        if self.digest and self.archive is not None and self._sha256 is None and self._digest is None:
            from analyzer.capture.digest import MappedDigest  # noqa: PLC0415 - only for large captures

            self._digest = MappedDigest(self.buffer)

    def let_go(self, start: int, stop: int) -> None:
        """The octets from `start` to `stop` of a large file need not stay in memory."""
        if self._digest is not None:
            self._digest.let_go(start, stop)
        elif self.archive is not None:
            let_go(self.buffer, start, stop)

    def batches(self, packets: int = BATCH_PACKETS) -> Iterator[PacketBatch]:
        """All packets from the beginning, at most `packets` per batch; may be asked for again."""
        self._start()
        try:
            while not self._finished:
                start = self.offset
                if self.archive is not None:
                    fetch(self.buffer, start + SIEVED_OCTETS, start + 2 * SIEVED_OCTETS)
                batch = self._next_batch(packets)
                if len(batch) or batch.secrets or batch.sieved.packets:
                    yield batch
                if self.archive is not None:
                    self.let_go(start, self.offset)
                    self._scan_ahead()
        finally:
            self._stop_scanning_ahead()

    def _scan_ahead(self) -> None:
        """Once the headers are known, let threads scan what comes next, unless a sieve takes most of it."""
        if self.jobs > 1 and self._windows is None and self._fast and not self._finished and not self._sieve_pays():
            self._windows = WindowScans(self.buffer, compiled(_RECORDS, allocates=False), self.jobs)

    def _sieve_pays(self) -> bool:
        return self.sieve is not None and (self.offset < TRIED_OCTETS or 2 * self._tally.rows < self._tally.packets)

    def _stop_scanning_ahead(self) -> None:
        if self._windows is not None:
            self._windows.close()
            self._windows = None

    def poll(self) -> list[PacketBatch]:
        """The packets of whole records that arrived since the last call (`follow`).

        Batches read their octets from the file itself: a mapping for each of many calls would exhaust the process.
        """
        if self._growing is None:
            self._growing = FileOctets(Path(self.path))
        if len(self._growing) == self.bytes and self._polled:
            return []
        self._polled = True
        self.buffer = map_file(Path(self.path))
        self.bytes = len(self.buffer)
        batches = [replace(batch, buffer=self._growing, archive=None) for batch in self._whole_batches()]
        self.buffer = self._growing
        return batches

    def _whole_batches(self) -> Iterator[PacketBatch]:
        while len(batch := self._next_batch(BATCH_PACKETS)):
            yield batch

    def finish(self) -> list[PacketBatch]:
        """No more will come: the last packets, and what is incomplete now is a defect."""
        self.follow = False
        self.buffer = map_file(Path(self.path))
        self.bytes = len(self.buffer)
        return list(self._whole_batches())

    def _next_batch(self, packets: int) -> PacketBatch:
        state = self._layout.state
        state[scan.S_END] = len(self.buffer)
        left = int(state[scan.S_END] - state[scan.S_OFFSET])
        self._fast = self._fast or left > self.compile_octets
        window = None if self._windows is None else self._windows.take(self._layout)
        sieved = NOTHING_SIEVED
        if window is None:
            state[scan.S_ROWS] = 0
            state[scan.S_CAPACITY] = capacity = max(1, min(packets, left // 16 + 1))
            table = plain_cells(COLUMNS, capacity) if self._is_small else empty_table(capacity)
            sieve = self.sieve if self._fast and self._windows is None else None
            if sieve is None:
                self._scan(table, fast=self._fast)
            else:
                sieve.begin(self._kept_octets, self.offset + SIEVED_OCTETS, capacity)
                self._scan(table, fast=True, sieve=sieve)
                sieved = sieve.sieved()
        else:
            table = self._adopt(window)
        rows = state[scan.S_ROWS]
        if rows and not sieved.packets:
            self._last_row_ns = int(table[scan.C_TIMESTAMP_NS, rows - 1])
        if self._at_end() and not self.follow:
            self._finished = True
        if isinstance(table, memoryview) and (plain := PlainTable(table, rows)).holds_only_sip:
            self._tally.add_plain(plain)
            return PacketBatch(plain, self.buffer, b"", self.archive, None, self._take_secrets())
        if isinstance(table, memoryview):
            table = view_cells(table)
        columns = table_columns(table, rows)
        side = self._unwrapper.feed_batch(table, columns, self.buffer, fast=self._fast)
        self._tally.add_sieved(sieved)
        self._tally.add_columns(columns)
        cells = table if self._fast else None
        return PacketBatch(columns, self.buffer, side, self.archive, cells, self._take_secrets(), sieved)

    @property
    def _is_small(self) -> bool:
        """Whether plain Python may be done with it before NumPy is loaded."""
        return len(self.buffer) <= PLAIN_OCTETS and not self._fast

    def _take_secrets(self) -> tuple[KeyLogSecret, ...]:
        secrets, self._layout.secrets = tuple(self._layout.secrets), []
        return secrets

    @property
    def _kept_octets(self) -> Octets:
        """What has the octets of packets for those that want them later."""
        return self.buffer if self.archive is None else self.archive

    def _adopt(self, window: Window) -> Table:
        """Go on behind a window whose joint was verified."""
        state = self._layout.state
        window.table[scan.C_FRAME, : window.rows] += state[scan.S_FRAME]
        state[scan.S_FRAME] += window.rows
        state[scan.S_ROWS], state[scan.S_OFFSET] = window.rows, window.stop
        return window.table

    def _scan(self, table: Table, *, fast: bool, sieve: Sieve | None = None) -> None:
        module: Any = compiled(_RECORDS, allocates=False) if fast else plain(_RECORDS)
        walk = module.scan_pcap if self.format == "pcap" else module.scan_pcapng
        buffer = view_array(self.buffer) if fast else self.buffer
        cells = table if fast else view_plain(table)
        state = self._layout.state
        state_cells: Any = view_cells(state) if fast else state
        status = scan.END
        while status not in (scan.FULL, scan.SHORT) and not self._at_end():
            joint = self._next_joint()
            state[scan.S_END] = joint
            interfaces: Any = view_cells(self._layout.interfaces) if fast else self._layout.interfaces
            if sieve is not None:
                sieve.walk(buffer, state_cells, interfaces, cells, is_pcapng=self.format == "pcapng")
                self._last_row_ns = sieve.last_time_ns
            else:
                if not fast and not isinstance(table, memoryview):
                    scan_ordinary(self.buffer, state, interfaces, table, is_pcapng=self.format == "pcapng")
                walk(buffer, state_cells, interfaces, cells)
            status = int(state[scan.S_STATUS])
            if status == scan.COMMENT:
                read_comment(self.buffer, int(state[scan.S_FRAME]), self._layout)
            if status == scan.BLOCK:
                status = read_block(self.buffer, self._layout)
            state[scan.S_END] = len(self.buffer)
            if status == scan.SHORT and joint < len(self.buffer) and self._windows is not None:
                self._windows.drop()  # a record lies across: there is no joint
                status = scan.END
            elif state[scan.S_OFFSET] == joint:
                return
            if status == scan.DAMAGED or (status == scan.SHORT and not self.follow):
                if state[scan.S_ROWS] and sieve is None:
                    self._last_row_ns = int(table[scan.C_TIMESTAMP_NS, state[scan.S_ROWS] - 1])
                self._resume(module, buffer, status)
                status = scan.END

    def _next_joint(self) -> int:
        """Up to where to read: to the next window that was scanned ahead, else to the end."""
        return len(self.buffer) if self._windows is None else self._windows.next_start(self._layout)

    def _at_end(self) -> bool:
        return int(self._layout.state[scan.S_OFFSET]) >= int(self._layout.state[scan.S_END])

    def _resume(self, module: Any, buffer: Octets, status: int) -> None:
        """Step over what makes no sense to the next record that does, or to the end."""
        state = self._layout.state
        at, end = int(state[scan.S_OFFSET]), int(state[scan.S_END])
        seconds = self._last_row_ns // 1_000_000_000
        cells = view_cells(state) if buffer is not self.buffer else state
        found = int(module.find_record(buffer, cells, min(end, at + RESYNC_OCTETS), seconds, self.format == "pcapng"))
        if found < 0 and end - at > RESYNC_OCTETS:
            fast: Any = compiled(_RECORDS, allocates=False)  # Python would take minutes for what may lie ahead
            octets, is_pcapng = view_array(self.buffer), self.format == "pcapng"
            found = int(fast.find_record(octets, view_cells(state), end, seconds, is_pcapng))
        stop = end if found < 0 else found
        code, detail = "damaged-record", f"octets {at} to {stop} are no records and were not read"
        if found < 0 and status == scan.SHORT:
            code, detail = "truncated-record", f"the last record is cut: {end - at} octets left at {at}"
        self._tally.note(Defect(code, at, "", detail))
        state[scan.S_OFFSET] = stop
