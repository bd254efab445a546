# SPDX-License-Identifier: GPL-2.0-only
"""Which streams the MIKEY exchanges outside session descriptions key: by SSRC, else by the hosts they ran between."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from analyzer.model.call import BoundStream
from analyzer.model.keying import Keying, MasterKey


class KeyedPath(NamedTuple):
    """One opened exchange: between which hosts, and the keying that it gives."""

    hosts: frozenset[str]
    keying: Keying


class KeyedPaths:
    """The exchanges that gave keys; the last one that fits a stream counts."""

    def __init__(self, paths: Sequence[KeyedPath] = ()) -> None:
        self._paths = tuple(paths)

    def keying_of(self, bound: BoundStream) -> Keying | None:
        """The keying of a stream of no call; its keys are bound where the exchange names its SSRC."""
        stream = bound.stream
        hosts = frozenset((host_of(stream.source), host_of(stream.destination)))
        for path in reversed(self._paths):
            named = tuple(key for key in path.keying.keys if key.ssrc == stream.ssrc)
            if named:
                return replace(path.keying, keys=named)
        for path in reversed(self._paths):
            if path.hosts == hosts and path.keying.keys:
                return replace(path.keying, keys=tuple(map(_unbound, path.keying.keys)))
        return None


def _unbound(key: MasterKey) -> MasterKey:
    return key._replace(bound=False)


def host_of(endpoint: str) -> str:
    """The address of `address:port`."""
    return endpoint.rpartition(":")[0]
