# SPDX-License-Identifier: GPL-2.0-only
"""Dataclasses of the standard library whose methods are written when they are first wanted.

`dataclasses` compiles up to seven functions for each class. For a capture of some messages, which needs one class in
three, that is more than a quarter of what the program does in all. Here a class has its slots at once. What makes
values comes with the first one, what compares and shows them with the first that is compared or shown: the very methods
that `dataclasses` writes, copied out of the class that it makes of the same body.

What differs: before the first value `inspect.signature` knows no fields; a class without a docstring gets none.
"""

import dataclasses
import inspect
from collections.abc import Callable
from itertools import chain
from threading import RLock
from typing import TYPE_CHECKING, Any, ClassVar, get_origin

MAKING = ("__init__", "__setattr__", "__delattr__", "__getstate__", "__setstate__")
COMPARING = ("__repr__", "__eq__", "__hash__")
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
        self._bases, self._kind = plain.__bases__, type(plain)
        self._plain = {name: value for name, value in plain.__dict__.items() if name not in ("__dict__", "__weakref__")}
        self._plain["__qualname__"] = plain.__qualname__
        self._frozen, self._eq = frozen, eq
        self._stages = [self._write_making, self._write_comparing]
        kinds = inspect.get_annotations(plain)
        names = [name for name, kind in kinds.items() if get_origin(kind) is not _CLASS_WIDE]
        space = {name: value for name, value in self._plain.items() if name not in names}  # without defaults
        inherited = set(chain.from_iterable(base.__dict__.get("__slots__", ()) for base in plain.__mro__[1:-1]))
        space["__slots__"] = tuple(name for name in names if name not in inherited)
        space["__dataclass_fields__"] = self
        space |= {name: self._entrance(name, stage) for name, stage in self._entrances() if name not in space}
        if eq and not frozen:
            space.setdefault("__hash__", None)
        self.slotted = self._kind(plain.__name__, plain.__bases__, space)

    def __get__(self, value: object, owner: type) -> Any:
        """The fields of the class, which can make values then."""
        self._write(0)
        return getattr(owner, "__dataclass_fields__")  # noqa: B009 - not an attribute that types tell of

    def _entrances(self) -> list[tuple[str, int]]:
        """Methods by which a class is met that has not all of them yet, and the stage that brings each.

        A value need not have been made by `__init__`: it may have been unpickled.
        """
        found = [("__init__", 0), ("__repr__", 1)]
        if self._frozen:
            found.append(("__setstate__", 0))
        if self._eq:
            found += [("__eq__", 1), *([("__hash__", 1)] if self._frozen else [])]
        return found

    def _entrance(self, name: str, stage: int) -> Callable[..., Any]:
        def enter(value: object, *arguments: Any, **named: Any) -> Any:
            self._write(stage)
            return getattr(self.slotted, name)(value, *arguments, **named)

        return enter

    def _write(self, stage: int) -> None:
        with _completing:
            self._stages[stage]()
            self._stages[stage] = _do_nothing

    def _write_making(self) -> None:
        self._copy((*MAKING, *FACTS), init=True, repr=False, eq=False)

    def _write_comparing(self) -> None:
        self._copy((*COMPARING, "__dataclass_params__"), init=False, repr=True, eq=self._eq)

    def _copy(self, names: tuple[str, ...], *, init: bool, repr: bool, eq: bool) -> None:  # noqa: A002 - as they are called there
        """Copy attributes out of the class that `dataclasses` makes of the plain one."""
        plain = self._kind(self.slotted.__name__, self._bases, self._plain | {"__doc__": "x"})  # else one is made up
        made: type = dataclasses.dataclass(  # noqa: TID251 - here it comes late
            init=init, repr=repr, eq=eq, frozen=self._frozen, slots=True
        )(plain)
        for name in names:
            if name in made.__dict__:
                setattr(self.slotted, name, made.__dict__[name])


def _do_nothing() -> None:
    """What is left to do for a stage that is done."""
