# SPDX-License-Identifier: GPL-2.0-only
"""What the closed sets of words have in common in which reports speak."""

from enum import StrEnum


class Word(StrEnum):
    """A word of a closed set, as reports spell it: equal to its text, and hashed as that."""

    __hash__ = str.__hash__  # that of Enum runs in Python, for each outcome that is counted
