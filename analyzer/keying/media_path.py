# SPDX-License-Identifier: GPL-2.0-only
"""Handshakes found beside media, by the endpoints that they ran between: what keys a stream of no call."""

from collections.abc import Iterable

from analyzer.model.call import BoundStream
from analyzer.model.evidence import DatagramFlow

Path = tuple[int, frozenset[str]]


class PathHandshakes:
    """The DTLS and ZRTP flows of a capture set, found again by capture and pair of endpoints."""

    def __init__(self, dtls: Iterable[DatagramFlow] = (), zrtp: Iterable[DatagramFlow] = ()) -> None:
        self._dtls = _by_path(dtls)
        self._zrtp = _by_path(zrtp)

    def dtls_beside(self, bound: BoundStream) -> tuple[DatagramFlow, ...]:
        """The DTLS flows on the paths of a stream and of its RTCP."""
        return tuple(flow for path in _paths(bound) for flow in self._dtls.get(path, ()))

    def zrtp_beside(self, bound: BoundStream) -> tuple[DatagramFlow, ...]:
        """The ZRTP flows on the path of a stream."""
        return tuple(self._zrtp.get(_path(bound.stream), ()))


def _by_path(flows: Iterable[DatagramFlow]) -> dict[Path, list[DatagramFlow]]:
    found: dict[Path, list[DatagramFlow]] = {}
    for flow in flows:
        found.setdefault((flow.capture, frozenset((flow.source, flow.destination))), []).append(flow)
    return found


def _paths(bound: BoundStream) -> tuple[Path, ...]:
    return tuple(dict.fromkeys((_path(bound.stream), *(_path(part.flow) for part in bound.rtcp))))


def _path(flow: DatagramFlow) -> Path:
    return flow.capture, frozenset((flow.source, flow.destination))
