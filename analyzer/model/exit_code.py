# SPDX-License-Identifier: GPL-2.0-only
"""What the process says when it ends; apart from the other values so that the command line starts without them."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Strongest first: INTERNAL, USAGE, INTERRUPTED, FINDINGS, UNREADABLE, INCOMPLETE, OK; never 1 on purpose."""

    OK = 0
    USAGE = 2
    UNREADABLE = 3
    INCOMPLETE = 4
    FINDINGS = 5
    INTERNAL = 70
    INTERRUPTED = 130
