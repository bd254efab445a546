# SPDX-License-Identifier: GPL-2.0-only
"""Compressed captures, told by their first octets: gzip, bzip2 and xz by the standard library, zstd and lz4."""

import bz2
import importlib
import lzma
import zlib
from collections.abc import Callable, Generator, Iterator
from typing import Any, NamedTuple

from analyzer.errors import CaptureError

MAX_MEMORY_OCTETS = 1 << 28  # what a frame may ask a decoder to set aside
_CHUNK = 1 << 20
_SMALL = 1024  # of zstd, whose decoder gives all that its input holds: 32 MiB of zeros at most
_SKIPPABLE = range(0x184D2A50, 0x184D2A60)  # frames of zstd and lz4 that hold no data (RFC 8878 §3.1.2)


class Damaged(Exception):
    """The compressed octets are cut or corrupt; what came before is good."""


class Compression(NamedTuple):
    """A format: its name, the octets it begins with, its specification, and the decoder of one member."""

    name: str
    magic: bytes
    clause: str
    decoder: Callable[[], Any]
    errors: tuple[type[Exception], ...]


def _zlib_decoder() -> Any:
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)


def _xz_decoder() -> Any:
    return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=MAX_MEMORY_OCTETS)


def _wheel(module: str, name: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise CaptureError(f"this is {name}, which needs the package {package}: pip install {package}") from error


def _zstd_decoder() -> Any:
    return _wheel("zstandard", "zstd").ZstdDecompressor(max_window_size=MAX_MEMORY_OCTETS).decompressobj()


def _lz4_decoder() -> Any:
    return _wheel("lz4.frame", "lz4").LZ4FrameDecompressor()


COMPRESSIONS = (
    Compression("gzip", b"\x1f\x8b", "RFC 1952", _zlib_decoder, (zlib.error,)),
    Compression("bzip2", b"BZh", "bzip2 1.0", bz2.BZ2Decompressor, (OSError, ValueError)),
    Compression("xz", b"\xfd7zXZ\0", "xz 1.2", _xz_decoder, (lzma.LZMAError,)),
    Compression("zstd", b"\x28\xb5\x2f\xfd", "RFC 8878", _zstd_decoder, ()),
    Compression("lz4", b"\x04\x22\x4d\x18", "LZ4 frame 1.6", _lz4_decoder, (RuntimeError,)),
)


def find_compression(head: bytes) -> Compression | None:
    """The compression that these first octets tell, None for none."""
    if int.from_bytes(head[:4], "little") in _SKIPPABLE:  # lz4's and zstd's alike; pzstd writes one first
        return next(each for each in COMPRESSIONS if each.name == "zstd")
    return next((each for each in COMPRESSIONS if head.startswith(each.magic)), None)


def iter_decompressed(compression: Compression, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """What the compressed `chunks` hold, member after member, in pieces; raises Damaged after all that can be read."""
    pending = next(chunks, b"")
    while pending:
        pending = yield from _iter_member(compression, pending, chunks)
        pending = pending.lstrip(b"\0")  # padding to a block of a tape or disc
        while not pending and (chunk := next(chunks, b"")):
            pending = chunk.lstrip(b"\0")


def _iter_member(compression: Compression, data: bytes, chunks: Iterator[bytes]) -> Generator[bytes, None, bytes]:
    """One member, which begins with `data`; returns the octets behind it."""
    decoder = compression.decoder()
    errors: tuple[type[Exception], ...] = (*compression.errors, *_errors_of(compression), EOFError)
    step = _SMALL if compression.name == "zstd" else _CHUNK
    while not decoder.eof:
        data = data or next(chunks, b"")
        if not data:
            raise Damaged("the compressed data is cut")
        try:
            yield from _decode(compression.name, decoder, data[:step])
        except errors as error:
            raise Damaged(str(error)) from error
        data = data[step:]
    return bytes(decoder.unused_data or b"") + data


def _errors_of(compression: Compression) -> tuple[type[Exception], ...]:
    """What a decoder that is imported on demand raises."""
    return (_wheel("zstandard", "zstd").ZstdError,) if compression.name == "zstd" else ()


def _decode(name: str, decoder: Any, data: bytes) -> Iterator[bytes]:
    """What `data` decodes to, in bounded pieces."""
    if name == "zstd":
        yield decoder.decompress(data)
        return
    if name == "gzip":
        while data and not decoder.eof:
            yield decoder.decompress(data, _CHUNK)
            data = decoder.unconsumed_tail
        return
    yield decoder.decompress(data, _CHUNK)
    while not decoder.eof and not decoder.needs_input:
        yield decoder.decompress(b"", _CHUNK)
