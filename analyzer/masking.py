# SPDX-License-Identifier: GPL-2.0-only
"""Values on their way from a forked child to its parent: keys in them are enciphered, so that no pipe holds one.

Parent and child share the key of that cipher from before the fork; it is made anew for each piece of work and kept
nowhere. What both have already is named, not sent.
"""

import io
import os
import pickle
from collections.abc import Callable, Sequence
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from dissectors.grammar.secret import Secret

_NONCE_OCTETS = 12


class MaskedValues:
    """Sends values to the parent; `shared` are objects that the child had from it. Make it before the fork."""

    def __init__(self, shared: Sequence[object] = ()) -> None:
        self._cipher = AESGCM(AESGCM.generate_key(256))
        self._shared = shared
        self._places = {id(each): place for place, each in enumerate(shared)}

    def dumps(self, value: object) -> bytes:
        """A value as octets; raises where it holds what can't be sent."""
        file = io.BytesIO()
        _Pickler(file, self.name).dump(value)
        return file.getvalue()

    def loads(self, octets: bytes) -> Any:
        """The value out of our own child's octets; shared objects in it are the parent's own."""
        return _Unpickler(io.BytesIO(octets), self.named).load()

    def name(self, value: object) -> int | bytes | None:
        """What stands for a secret or a shared object; None for all else."""
        if isinstance(value, Secret):
            nonce = os.urandom(_NONCE_OCTETS)
            return nonce + self._cipher.encrypt(nonce, value.reveal(), None)
        return self._places.get(id(value))

    def named(self, name: int | bytes) -> object:
        """What such a name stands for."""
        if isinstance(name, int):
            return self._shared[name]
        return Secret(self._cipher.decrypt(name[:_NONCE_OCTETS], name[_NONCE_OCTETS:], None))


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, name: Callable[[object], int | bytes | None]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._name = name

    def persistent_id(self, value: object) -> int | bytes | None:
        return self._name(value)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, named: Callable[[int | bytes], object]) -> None:
        super().__init__(file)
        self._named = named

    def persistent_load(self, name: int | bytes) -> object:
        return self._named(name)
