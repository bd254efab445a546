# SPDX-License-Identifier: GPL-2.0-only
"""Opening SRTP against libsrtp driven from Python: the same packets of one capture, which libsrtp has protected."""

import statistics
import time
from pathlib import Path
from typing import NamedTuple

from pylibsrtp import Policy, Session

from analyzer.capture.speed import compiled
from analyzer.srtp.bulk import open_stream
from analyzer.srtp.context import SrtpContext, StreamKey
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


def compare_opening(path: Path, name: str) -> Opening:
    """All packets authenticated and decrypted, ten streams of each side in turn; the packets lie in memory."""
    suite, key = suite_of(name)
    context = SrtpContext(suite, (StreamKey(Secret(key[: suite.key_octets]), Secret(key[suite.key_octets :])),))
    compiled("analyzer.srtp.kernels")
    buffer, starts, octets = read_srtp_capture(path)
    flows: dict[bytes, list[bytes]] = {}
    for start in starts.tolist():
        flows.setdefault(bytes(buffer[start + 8 : start + 12]), []).append(bytes(buffer[start : start + octets]))
    streams = list(flows.values())
    _ours(streams[:1], context)
    timed = []
    for place in range(0, len(streams), STREAMS_A_TURN):
        turn = streams[place : place + STREAMS_A_TURN]
        count = sum(len(packets) for packets in turn)
        ours, peer = _ours(turn, context), _theirs(turn, libsrtp(name, Policy.SSRC_ANY_INBOUND))
        timed.append((1e6 * ours / count, 1e6 * peer / count))
    ours, peer = (statistics.median(times) for times in zip(*timed, strict=True))
    return Opening(len(starts), ours, peer, statistics.median(mine / theirs for mine, theirs in timed))


def _ours(streams: list[list[bytes]], context: SrtpContext) -> float:
    start, opened = time.process_time(), 0
    for packets in streams:
        opening = open_stream(packets, context)
        opened += sum(len(batch.numbers) for batch in opening.clear_batches())
    taken = time.process_time() - start
    if opened != sum(len(packets) for packets in streams):
        message = f"only {opened} packets opened"
        raise ValueError(message)
    return taken


def _theirs(streams: list[list[bytes]], session: Session) -> float:
    start = time.process_time()
    for packets in streams:
        for packet in packets:
            session.unprotect(packet)
    return time.process_time() - start
