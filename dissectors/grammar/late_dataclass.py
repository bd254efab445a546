# SPDX-License-Identifier: GPL-2.0-only
"""Dataclasses of the standard library whose methods are written when the first value of a class is made.

`dataclasses` compiles up to seven functions for each class. That was a third of what starting costs, and a capture
needs one class in four. Here a class has its slots at once, and gets the methods when it is first used: the very ones
that `dataclasses` makes.
"""

import dataclasses
import inspect
from collections.abc import Callable
from itertools import chain
from threading import RLock
from typing import TYPE_CHECKING, Any, ClassVar, get_origin

METHODS = ("__init__", "__repr__", "__eq__", "__hash__", "__setattr__", "__delattr__", "__getstate__", "__setstate__")
FACTS = ("__dataclass_fields__", "__dataclass_params__", "__match_args__")
_CLASS_WIDE: Any = ClassVar
_completing = RLock()  # taken again for the class that a class stands on

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414, TID251 - so that it is known as what it is
else:

    def dataclass(*, frozen: bool = False, slots: bool, eq: bool = True) -> Callable[[type], type]:
        """What `dataclasses.dataclass` is for classes with slots; it knows no other ones."""
        if not slots:
            raise TypeError("only a class with slots can wait for its methods")
        return lambda plain: LateClass(plain, frozen=frozen, eq=eq).slotted


class LateClass:
    """A class that has its slots and waits for its methods; in it, it stands for what `dataclasses.fields` reads."""

    def __init__(self, plain: type, *, frozen: bool, eq: bool) -> None:
        self._plain: type | None = plain
        self._frozen, self._eq = frozen, eq
        kinds = inspect.get_annotations(plain)
        names = [name for name, kind in kinds.items() if get_origin(kind) is not _CLASS_WIDE]
        left_out = {*names, "__dict__", "__weakref__"}  # defaults, and what only a class without slots has
        space = {name: value for name, value in plain.__dict__.items() if name not in left_out}
        inherited = set(chain.from_iterable(base.__dict__.get("__slots__", ()) for base in plain.__mro__[1:-1]))
        space |= {"__slots__": tuple(name for name in names if name not in inherited), "__dataclass_fields__": self}
        space["__qualname__"] = plain.__qualname__
        space |= {name: self._entrance(name) for name in self._entrances() if name not in space}
        if eq and not frozen:
            space.setdefault("__hash__", None)
        self.slotted = type(plain)(plain.__name__, plain.__bases__, space)

    def __get__(self, value: object, owner: type) -> Any:
        """The fields of the class, which is complete then."""
        self.complete()
        return getattr(owner, "__dataclass_fields__")  # noqa: B009 - not an attribute that types tell of

    def complete(self) -> None:
        """Give the class its methods, unless it has them."""
        with _completing:
            plain, self._plain = self._plain, None
            if plain is None:
                return
            plain.__doc__ = plain.__doc__ or plain.__name__  # else a signature would be made up at some cost
            made: type = dataclasses.dataclass(  # noqa: TID251 - here it comes late
                frozen=self._frozen, eq=self._eq, slots=True
            )(plain)
            for name in (*METHODS, *FACTS):
                if name in made.__dict__:
                    setattr(self.slotted, name, made.__dict__[name])

    def _entrances(self) -> tuple[str, ...]:
        """Methods by which a class without methods is met: that of its first value, and of one that was unpickled."""
        return ("__init__", "__repr__", *(["__eq__"] if self._eq else []), *(["__setstate__"] if self._frozen else []))

    def _entrance(self, name: str) -> Callable[..., Any]:
        def enter(value: object, *arguments: Any, **named: Any) -> Any:
            self.complete()
            return getattr(self.slotted, name)(value, *arguments, **named)

        return enter
