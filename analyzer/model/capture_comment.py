# SPDX-License-Identifier: GPL-2.0-only
"""What somebody wrote into a capture."""

from typing import NamedTuple


class CaptureComment(NamedTuple):
    """A comment about one of its frames or, with `frame` 0, about all of it."""

    frame: int
    text: str


class CaptureName(NamedTuple):
    """A name that whoever wrote the capture had resolved an IP address to."""

    address: str
    name: str
