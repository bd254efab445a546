# SPDX-License-Identifier: GPL-2.0-only
"""A capture that is mostly signalling, scanned and parsed by a forked child while this process does the rest.

The child sends each batch of packets with its SIP messages over UDP, understood; their octets stay in the capture,
which both have mapped. Whatever it does not get done, for whatever reason, is done here from that place on: so errors
are those of a reading without a child, and nothing is lost with it.
"""

import itertools
import marshal
import mmap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from analyzer.capture.account import CaptureAccount
from analyzer.capture.columns import COLUMNS, Octets, PacketBatch, table_columns
from analyzer.capture.source import Capture, open_capture
from analyzer.errors import CaptureError
from analyzer.evidence.packets import Found, SignallingDatagram, iter_signalling_datagrams
from analyzer.forked import ForkedWork, WorkLost, can_fork
from analyzer.model.capture_comment import CaptureComment, CaptureName
from analyzer.model.evidence import SignallingMessage
from dissectors.grammar.defects import Defect
from dissectors.grammar.errors import GrammarError
from dissectors.grammar.key_log import KeyLogSecret
from dissectors.grammar.secret import Secret
from dissectors.grammar.sip import pack_sip, parse_sip, unpack_sip

BATCH_PACKETS = 512
COMPILE_OCTETS = 64 << 20  # the parent has enough to do while a child scans less in plain Python
MIN_MESSAGES = 5_000  # fewer are read before a child is at work
MAX_OCTETS_PER_MESSAGE = 4_096  # where more is media, scanning is the work, and compiled
SAMPLES = 16
SAMPLE_OCTETS = 16_384
Flag = bytes | bytearray | mmap.mmap  # one octet


class CaptureReader:
    """The batches of one capture in order, read ahead by a child where there is one; `account` tells of it at the end.

    Close it, or leave its context, to end the child.
    """

    def __init__(
        self, capture: Capture, work: ForkedWork | None = None, waiting: bytearray | mmap.mmap | None = None
    ) -> None:
        self.capture = capture
        self._work = work
        self._waiting = bytearray(1) if waiting is None else waiting
        self._account: CaptureAccount | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child; the capture stays readable for what refers to it."""
        if self._work is not None:
            self._work.close()

    @property
    def is_ahead(self) -> bool:
        """Whether a child reads it."""
        return self._work is not None

    @property
    def account(self) -> CaptureAccount:
        """What the pass over the capture told."""
        return self._account or self.capture.account

    def batches(self, index: int) -> Iterator[tuple[PacketBatch, Sequence[Found] | None]]:
        """Each batch, with its SIP messages over UDP where the child found them (`SignallingReader.feed`)."""
        if self._work is None:
            yield from ((batch, None) for batch in self.capture.batches())
            return
        done = offset = 0
        try:
            for piece in map(marshal.loads, self._await(self._work)):
                if "account" in piece:
                    self._account = _unpack_account(piece["account"])
                    return
                yield unpack_batch(piece, self.capture, index)
                self.capture.let_go(offset, piece["offset"])
                offset = piece["offset"]
                done += 1
        except WorkLost:
            pass
        rest = itertools.islice(self.capture.batches(BATCH_PACKETS), done, None)
        yield from ((batch, None) for batch in rest)

    def _await(self, work: ForkedWork) -> Iterator[bytes]:
        """The pieces of the child, who is told when it is waited for."""
        pieces = iter(work)
        while True:
            self._waiting[0] = 1
            try:
                piece = next(pieces)
            except StopIteration:
                return
            finally:
                self._waiting[0] = 0
            yield piece


@contextmanager
def start_reading(path: Path | str, jobs: int, *, digest: bool = True) -> Iterator[CaptureReader | None]:
    """A capture of which a child may read already what its user is not ready for; None where it can't be opened.

    Only files are: what is left of a pipe that was opened in vain tells nobody why.
    """
    reader = None
    if Path(path).is_file():
        with suppress(CaptureError):
            reader = open_reader(path, jobs, digest=digest)
    try:
        yield reader
    finally:
        if reader is not None:
            reader.close()


def open_reader(
    path: Path | str, jobs: int, *, digest: bool = True, least_messages: int | None = None
) -> CaptureReader:
    """Open a capture to be read; with more than one of `jobs` ahead, where that pays. Raises `CaptureError`.

    `least_messages` is how many make a child worth its start, if that is not the usual number.
    """
    capture = open_capture(path, jobs=jobs, digest=digest)
    if jobs < 2 or not is_mostly_signalling(capture.buffer, least_messages) or not can_fork():
        return CaptureReader(capture)
    capture.jobs = 1  # so that the child and this process cut it alike
    capture.compile_octets = COMPILE_OCTETS
    waiting = mmap.mmap(-1, 1)  # one octet that parent and child share
    return CaptureReader(capture, ForkedWork(lambda: iter_pieces(capture, waiting)), waiting)


def is_mostly_signalling(octets: Octets, least_messages: int | None = None) -> bool:
    """Whether samples of a capture hold so many SIP messages that it pays to read them ahead.

    Each message has one CSeq (RFC 3261 §20.16). A wrong guess costs time and nothing else.
    """
    places = range(0, max(len(octets) - SAMPLE_OCTETS, 1), max(len(octets) // SAMPLES, SAMPLE_OCTETS))
    samples = [bytes(octets[place : place + SAMPLE_OCTETS]).lower() for place in places]
    sampled, messages = sum(map(len, samples)), sum(sample.count(b"\ncseq") for sample in samples)
    least = MIN_MESSAGES if least_messages is None else least_messages
    return messages * MAX_OCTETS_PER_MESSAGE >= sampled and messages * len(octets) >= least * sampled


def iter_pieces(capture: Capture, waiting: Flag = b"\0") -> Iterator[bytes]:
    """What a child sends of a capture: its batches, and at last its account.

    While the parent is `waiting` it gets messages to parse by itself, so that both have as much to do.
    """
    for batch in capture.batches(BATCH_PACKETS):
        yield marshal.dumps(_pack(batch, capture.offset, waiting))
    yield marshal.dumps({"account": _pack_account(capture.account)})


def _pack(batch: PacketBatch, offset: int, waiting: Flag) -> dict[str, Any]:
    return {
        "packets": len(batch),
        "columns": b"".join(column.tobytes() for column in batch.columns),
        "side": bytes(batch.side),
        "secrets": [(label, random, secret.reveal()) for label, random, secret in batch.secrets],
        "messages": [_pack_message(datagram, parse=not waiting[0]) for datagram in iter_signalling_datagrams(batch)],
        "offset": offset,
    }


def _pack_message(datagram: SignallingDatagram, *, parse: bool) -> tuple[Any, ...]:
    """Where a message stands, and what was understood of it: None where whoever unpacks it has to see for himself."""
    place = (*datagram[1:6], datagram.offset, len(datagram.data))
    try:
        return place, pack_sip(parse_sip(datagram.data)) if parse else None
    except GrammarError:
        return place, None


def _pack_account(account: CaptureAccount) -> tuple[Any, ...]:
    plain: dict[str, Any] = {
        name: tuple(map(tuple, getattr(account, name))) for name in ("damage", "comments", "names")
    }
    return tuple(account._replace(**plain))


def _unpack_account(packed: tuple[Any, ...]) -> CaptureAccount:
    account = CaptureAccount(*packed)
    return account._replace(
        damage=tuple(Defect(*each) for each in account.damage),
        comments=tuple(CaptureComment(*each) for each in account.comments),
        names=tuple(CaptureName(*each) for each in account.names),
    )


def unpack_batch(packed: dict[str, Any], capture: Capture, index: int) -> tuple[PacketBatch, list[Found]]:
    """A batch that a child packed, of a capture that this process has mapped too, and its SIP messages over UDP."""
    table = np.frombuffer(bytearray(packed["columns"]), np.int64).reshape(COLUMNS, -1)
    secrets = tuple(KeyLogSecret(label, random, Secret(octets)) for label, random, octets in packed["secrets"])
    columns = table_columns(table, packed["packets"])
    batch = PacketBatch(columns, capture.buffer, packed["side"], capture.archive, None, secrets)
    messages: list[Found] = []
    for (frame, time_ns, source, destination, transport, offset, octets), sip in packed["messages"]:
        data = batch.octets(offset, octets)
        place = (index, frame, time_ns, source, destination, transport)
        messages.append(
            SignallingDatagram(*place, data) if sip is None else SignallingMessage(*place, unpack_sip(data, sip))
        )
    return batch, messages
