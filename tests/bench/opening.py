# SPDX-License-Identifier: GPL-2.0-only
"""Opening SRTP against libsrtp driven from Python: the same packets of one capture, which libsrtp has protected."""

import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pylibsrtp import Policy, Session

from analyzer.capture.octets import join_spans
from analyzer.capture.speed import compiled
from analyzer.srtp.columns import Numbers
from analyzer.srtp.context import SrtpContext, StreamKey
from analyzer.srtp.parts import PART_PACKETS, open_parts, run_columns
from analyzer.srtp.suites import Suite, suite_by_name
from dissectors.grammar.secret import Secret
from tests.bench.captures import read_srtp_capture, write_srtp_capture

STREAMS = 100
STREAMS_A_TURN = 10
PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
}


class Opening(NamedTuple):
    """Processor time in microseconds a packet, ours and the peer's; `ratio` is the median of the turns' ratios."""

    packets: int
    ours: float
    peer: float
    ratio: float


def suite_of(name: str) -> tuple[Suite, bytes]:
    """The suite, and a master key and salt for it."""
    suite = suite_by_name(name)
    if suite is None:
        raise KeyError(name)
    return suite, bytes(range(suite.inline_octets))


def libsrtp(name: str, direction: int) -> Session:
    """libsrtp's side of it."""
    policy = Policy(key=suite_of(name)[1], ssrc_type=direction, srtp_profile=PROFILES[name])
    policy.window_size = 1024
    return Session(policy)


def write_protected(path: Path, name: str, packets: int) -> None:
    """A capture of so many packets under the benchmark's key."""
    protect = libsrtp(name, Policy.SSRC_ANY_OUTBOUND).protect
    write_srtp_capture(path, packets, STREAMS, protect, suite_of(name)[0].srtp_tag_octets)


def key_file(name: str) -> str:
    """The same key as `--keys` takes it."""
    suite, key = suite_of(name)
    salt = key[suite.key_octets :].hex()
    return f'[[srtp]]\nsuite = "{name}"\nkey = "{key[: suite.key_octets].hex()}"\nsalt = "{salt}"\n'


class Run(NamedTuple):
    """Packets that follow each other, as columns."""

    payload_octets: Numbers
    wire_octets: Numbers
    offsets: Numbers
    octets: memoryview


class Stream:
    """The packets of one SSRC, which lie scattered in the capture's octets."""

    def __init__(self, capture: bytes, starts: Numbers, octets: int) -> None:
        self.capture = capture
        self.starts = starts
        self.payload_octets = self.wire_octets = np.full(len(starts), octets)

    def runs(self) -> Iterator[Run]:
        """As a stream of the evidence stage gives them."""
        for first in range(0, len(self.starts), PART_PACKETS):
            octets = self.payload_octets[first : first + PART_PACKETS]
            joined = join_spans(self.capture, self.starts[first : first + PART_PACKETS], octets)
            yield Run(octets, octets, np.cumsum(octets) - octets, joined)


def compare_opening(path: Path, name: str) -> Opening:
    """All packets authenticated and decrypted, ten streams of each side in turn.

    Both sides are given the capture's octets in memory and where the packets of each stream begin there.
    """
    suite, key = suite_of(name)
    context = SrtpContext(suite, (StreamKey(Secret(key[: suite.key_octets]), Secret(key[suite.key_octets :])),))
    compiled("analyzer.srtp.kernels")
    capture, starts, octets = read_srtp_capture(path)
    ssrcs = np.frombuffer(b"".join(capture[start + 8 : start + 12] for start in starts.tolist()), ">u4")
    streams = [Stream(capture, starts[ssrcs == ssrc], octets) for ssrc in np.unique(ssrcs)]
    _ours(streams[:1], context)
    timed = []
    for place in range(0, len(streams), STREAMS_A_TURN):
        turn = streams[place : place + STREAMS_A_TURN]
        count = sum(len(stream.starts) for stream in turn)
        ours, peer = _ours(turn, context), _theirs(turn, libsrtp(name, Policy.SSRC_ANY_INBOUND))
        timed.append((1e6 * ours / count, 1e6 * peer / count))
    ours, peer = (statistics.median(times) for times in zip(*timed, strict=True))
    return Opening(len(starts), ours, peer, statistics.median(mine / theirs for mine, theirs in timed))


def _ours(streams: list[Stream], context: SrtpContext) -> float:
    start, opened = time.process_time(), 0
    for stream in streams:
        parts = (run_columns(run) for run in stream.runs())
        for opening in open_parts(parts, context, len(stream.starts)):
            opened += sum(len(batch.numbers) for batch in opening.clear_batches())
    taken = time.process_time() - start
    if opened != sum(len(stream.starts) for stream in streams):
        message = f"only {opened} packets opened"
        raise ValueError(message)
    return taken


def _theirs(streams: list[Stream], session: Session) -> float:
    start, unprotect = time.process_time(), session.unprotect
    for stream in streams:
        capture = stream.capture
        for place, octets in zip(stream.starts.tolist(), stream.wire_octets.tolist(), strict=True):
            unprotect(capture[place : place + octets])
    return time.process_time() - start
