# SPDX-License-Identifier: GPL-2.0-only
"""What the grammar raises when no value can be formed.

GrammarError(ValueError)
  ├─ Truncated  the input ends before the value does
  └─ Malformed  the input can't be this value at all
"""


class GrammarError(ValueError):
    """No value can be formed from these bytes; `offset` (octets) says where that became certain."""

    def __init__(self, message: str, *, offset: int = 0, clause: str = "") -> None:
        super().__init__(message)
        self.offset = offset
        self.clause = clause


class Truncated(GrammarError):
    """The input ends too early."""

    def __init__(self, what: str, *, needed: int, have: int, offset: int = 0, clause: str = "") -> None:
        message = f"{what}: {needed} octets needed at offset {offset}, {have} left"
        super().__init__(message, offset=offset, clause=clause)
        self.needed = needed
        self.have = have


class Malformed(GrammarError):
    """The input is not this kind of value."""
