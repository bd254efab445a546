# SPDX-License-Identifier: GPL-2.0-only
"""Clear packets of a stream, decrypted a batch at a time: one AES call for all packets of a length (RFC 3711 §4.1)."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from analyzer.srtp.columns import Flags, Numbers, PacketColumns, RtpColumns, rows
from analyzer.srtp.context import KeySchedule, Session
from analyzer.srtp.keystream import Octets, counter_mode_start, keystream
from analyzer.srtp.suites import Cipher
from analyzer.srtp.transform import open_verified

BATCH_PACKETS = 4096
MAX_KEYSTREAM_OCTETS = 1 << 24


def iter_clear_packets(
    columns: PacketColumns,
    headers: RtpColumns,
    schedule: KeySchedule,
    opened: Flags,
    index: Numbers,
    key_number: NDArray[np.int16],
) -> Iterator[tuple[int, bytes]]:
    """Number and clear RTP packet of each opened packet, in order; at most a batch of them is held at a time."""
    numbers = np.flatnonzero(opened)
    apart = headers.cryptex | ((headers.extension_profile >= 0) & bool(schedule.context.encrypted_extensions))
    for start in range(0, len(numbers), BATCH_PACKETS):
        batch = numbers[start : start + BATCH_PACKETS]
        plain = batch[~apart[batch]]
        payloads = _payloads(columns, headers, schedule, index, key_number, plain)
        starts = columns.offsets[batch]
        ends = starts + headers.header_octets[batch]
        for number, begin, end in zip(batch.tolist(), starts.tolist(), ends.tolist(), strict=True):
            payload = payloads.get(number)
            if payload is not None:
                yield number, b"".join((columns.buffer[begin:end], payload))
            else:
                yield number, _open_one(columns, headers, schedule, number, int(index[number]), int(key_number[number]))


def _open_one(
    columns: PacketColumns, headers: RtpColumns, schedule: KeySchedule, number: int, index: int, key_number: int
) -> bytes:
    """A packet whose header is encrypted in part."""
    context = schedule.context
    trailer = context.mki_octets + (0 if context.suite.aead else context.srtp_tag_octets)
    packet = columns.packet(number)
    whole, header_octets = packet[: len(packet) - trailer], int(headers.header_octets[number])
    # Authenticated in the first pass, so it opens again.
    return open_verified(whole, header_octets, schedule, key_number, index) or b""


def _payloads(
    columns: PacketColumns,
    headers: RtpColumns,
    schedule: KeySchedule,
    index: Numbers,
    key_number: NDArray[np.int16],
    batch: Numbers,
) -> dict[int, bytes]:
    context = schedule.context
    trailer = context.mki_octets + (0 if context.suite.aead else context.srtp_tag_octets)
    begin = columns.offsets + headers.header_octets
    lengths = columns.lengths[batch] - headers.header_octets[batch] - trailer
    if context.suite.aead or not schedule.encrypts:
        ends = begin[batch] + lengths
        parts = zip(batch.tolist(), begin[batch].tolist(), ends.tolist(), strict=True)
        if not context.suite.aead:
            return {number: bytes(columns.buffer[a:b]) for number, a, b in parts}
        return {
            number: _open_aead(columns, headers, schedule, int(index[number]), int(key_number[number]), number, a, b)
            for number, a, b in parts
        }
    epochs = index[batch] // context.kdr if context.kdr else np.zeros(len(batch), dtype=np.int64)
    found: dict[int, bytes] = {}
    kinds, kind_of = np.unique(np.stack((lengths, key_number[batch], epochs), axis=1), axis=0, return_inverse=True)
    kind_of = kind_of.reshape(-1)
    for kind, (octets, key, _) in enumerate(kinds.tolist()):
        alike = batch[kind_of == kind]
        step = max(MAX_KEYSTREAM_OCTETS // (octets + 16), 1)
        for start in range(0, len(alike), step):
            some = alike[start : start + step]
            session = schedule.session(key, int(index[some[0]]))
            clear = _decrypt(columns, headers, session, index, some, octets).tobytes()
            found.update((number, clear[n * octets : (n + 1) * octets]) for n, number in enumerate(some.tolist()))
    return found


def _decrypt(
    columns: PacketColumns, headers: RtpColumns, session: Session, index: Numbers, numbers: Numbers, octets: int
) -> Octets:
    if session.suite.cipher is Cipher.AES_F8:
        start = np.zeros((len(numbers), 16), dtype=np.uint8)
        start[:, 1:12] = rows(columns.buffer, columns.offsets[numbers] + 1, 11)
        start[:, 12:] = (index[numbers] >> 16).astype(">u4").view(np.uint8).reshape(-1, 4)
    else:
        start = counter_mode_start(session, headers.ssrc[numbers].astype(np.uint64), index[numbers].astype(np.uint64))
    cipher_octets = rows(columns.buffer, columns.offsets[numbers] + headers.header_octets[numbers], octets)
    return cipher_octets ^ keystream(session, start, octets)


def _open_aead(
    columns: PacketColumns,
    headers: RtpColumns,
    schedule: KeySchedule,
    index: int,
    key_number: int,
    number: int,
    begin: int,
    end: int,
) -> bytes:
    session = schedule.session(key_number, index)
    header = bytes(columns.buffer[int(columns.offsets[number]) : begin])
    nonce = session.aead_nonce(int(headers.ssrc[number]), index)
    # Authenticated in the first pass, so it opens again.
    return session.open_aead(nonce, bytes(columns.buffer[begin:end]), header) or b""
