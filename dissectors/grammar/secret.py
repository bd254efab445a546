# SPDX-License-Identifier: GPL-2.0-only
"""Octets that must never reach an output: keys, salts, pre-shared secrets."""

import hmac


class Secret:
    """Key material whose text, repr and JSON show its length only; `reveal()` is the one way to the octets."""

    __slots__ = ("_octets",)

    def __init__(self, octets: bytes) -> None:
        self._octets = bytes(octets)

    def reveal(self) -> bytes:
        """The octets themselves, for key derivation and nothing else."""
        return self._octets

    def __len__(self) -> int:
        return len(self._octets)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._octets, other._octets)

    def __hash__(self) -> int:
        return hash(self._octets)

    def __repr__(self) -> str:
        return f"[redacted, {len(self._octets)} octets]"

    __str__ = __repr__

    def __deepcopy__(self, memo: object) -> "Secret":
        return self

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not serialised")
