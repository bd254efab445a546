# SPDX-License-Identifier: GPL-2.0-only
"""Where the octets of a capture come from: a mapped file, a pipe read to its end, the inside of a compressed file.

What has no file to be mapped from is put into one without a name, so that memory does not follow its length.
"""

import hashlib
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from analyzer.capture.columns import Octets
from analyzer.capture.compression import Compression, Damaged, find_compression, iter_decompressed
from analyzer.capture.octets import FileOctets, map_file
from analyzer.errors import CaptureError
from dissectors.grammar.defects import Defect

STDIN = "-"
MAX_DECOMPRESSED_OCTETS = 1 << 36
MEMORY_OCTETS = 16 << 20  # more is put aside in a file
HEAD_OCTETS = 16
_CHUNK = 1 << 20


class Intake(NamedTuple):
    """The octets of a capture; `stored_octets` and `sha256` are of the file as stored, `sha256` None of a plain one.

    `archive` has the octets for later, where they are not in memory.
    """

    octets: Octets
    stored_octets: int
    sha256: str | None
    archive: FileOctets | None
    defects: tuple[Defect, ...] = ()


def take_in(path: Path | str, name: str, *, large: int) -> Intake:
    """The octets of `path`, or of standard input; files of more than `large` octets get an archive. Raises OSError."""
    if str(path) == STDIN:
        return _take_stream(sys.stdin.buffer, name)
    path = Path(path)
    if not path.is_file():  # a named pipe, or /dev/fd of a shell's <(command)
        with path.open("rb") as stream:
            return _take_stream(stream, name)
    octets = map_file(path)
    compression = find_compression(bytes(octets[:HEAD_OCTETS]))
    if compression is None:
        return Intake(octets, len(octets), None, FileOctets(path) if len(octets) > large else None)
    with path.open("rb") as stream:
        return _unpack(compression, _Digesting(stream), name)


def read_head(path: Path) -> bytes:
    """The first octets of a capture, compressed or not, enough for its first packets; raises OSError, CaptureError."""
    with path.open("rb") as stream:
        source = iter(_Digesting(stream))
        head = next(source, b"")
        compression = find_compression(head[:HEAD_OCTETS])
        if compression is None:
            return head
        pieces = iter_decompressed(compression, itertools.chain([head], source))
        whole = b""
        try:
            while len(whole) < _CHUNK and (piece := next(pieces, b"")):
                whole += piece
        except Damaged:
            return whole
        return whole


class _Digesting:
    """A stream read in chunks, counted and digested on the way."""

    def __init__(self, stream: BinaryIO, head: bytes = b"") -> None:
        self._stream = stream
        self._head = head
        self.octets = 0
        self.sha256 = hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self._head or self._stream.read(_CHUNK):
            self._head = b""
            self.octets += len(chunk)
            self.sha256.update(chunk)
            yield chunk


def _take_stream(stream: BinaryIO, name: str) -> Intake:
    head = stream.read(HEAD_OCTETS)
    source = _Digesting(stream, head)
    compression = find_compression(head)
    if compression is not None:
        return _unpack(compression, source, name)
    octets, archive = _put_aside(iter(source))
    return Intake(octets, source.octets, source.sha256.hexdigest(), archive)


def _unpack(compression: Compression, source: _Digesting, name: str) -> Intake:
    """The inside of a compressed capture, as far as it can be read."""
    defects: list[Defect] = []

    def pieces() -> Iterator[bytes]:
        whole = 0
        try:
            for piece in iter_decompressed(compression, iter(source)):
                whole += len(piece)
                if whole > MAX_DECOMPRESSED_OCTETS:
                    raise CaptureError(f"{name}: more than {MAX_DECOMPRESSED_OCTETS} octets once decompressed")
                yield piece
        except Damaged as error:
            place = f"{compression.name}: {error}, after {whole} octets of content"
            defects.append(Defect("damaged-compression", source.octets, compression.clause, place))
        for _ in source:
            pass  # the digest is of the whole file

    try:
        octets, archive = _put_aside(pieces())
    except CaptureError as error:
        text = str(error)
        raise CaptureError(text if text.startswith(f"{name}: ") else f"{name}: {text}") from error
    if defects and not len(octets):
        raise CaptureError(f"{name}: {defects[0].detail} (offset {defects[0].offset})")
    return Intake(octets, source.octets, source.sha256.hexdigest(), archive, tuple(defects))


def _put_aside(pieces: Iterator[bytes]) -> tuple[Octets, FileOctets | None]:
    """All pieces, in memory or, where they are many, in a file that nobody else sees and that ends with its use."""
    whole = bytearray()
    for piece in pieces:
        whole += piece
        if len(whole) > MEMORY_OCTETS:
            break
    else:
        return bytes(whole), None
    import tempfile  # noqa: PLC0415 - only for captures that have no file to map

    with tempfile.NamedTemporaryFile(prefix="srtp-audit-") as file:
        file.write(whole)
        whole.clear()
        for piece in pieces:
            file.write(piece)
        file.flush()
        path = Path(file.name)
        return map_file(path), FileOctets(path)
