# SPDX-License-Identifier: GPL-2.0-only
"""A dataclass whose methods come later is, once it has a value, what the standard library would have made at once."""

import copy
import dataclasses
import importlib
import inspect
import pickle
import pkgutil
import subprocess
import sys
import weakref
from collections.abc import Callable
from dataclasses import field
from threading import Barrier, Thread
from typing import Any, ClassVar, NamedTuple, get_type_hints

import pytest

import analyzer
import dissectors
import reports
from dissectors.grammar import late_dataclass

Decorate = Callable[..., Callable[[type], type]]


class Classes(NamedTuple):
    """The shapes that occur, made by one decorator."""

    value: Any
    derived: Any
    changing: Any
    unequal: Any


def classes(decorate: Decorate) -> Classes:
    @decorate(frozen=True, slots=True)
    class Value:
        number: int
        text: str = "x"
        octets: bytes = field(default=b"", compare=False, repr=False)
        names: list[str] = field(default_factory=list, hash=False)
        kind: ClassVar[int] = 7

        @property
        def doubled(self) -> int:
            return 2 * self.number

    @decorate(frozen=True, slots=True)
    class Derived(Value):
        more: int = 0

        def __repr__(self) -> str:
            return f"more {self.more}"

    @decorate(slots=True)
    class Changing:
        """A state."""

        counts: dict[str, int] = field(default_factory=dict)
        total: int = 0

        def __post_init__(self) -> None:
            self.total += len(self.counts)

    @decorate(frozen=True, slots=True, eq=False)
    class Unequal:
        number: int

    return Classes(Value, Derived, Changing, Unequal)


def attempt(act: Callable[[], Any]) -> Any:
    """What it gives, or how it fails."""
    try:
        return act()
    except (TypeError, AttributeError) as error:
        return type(error), str(error)


def set_number(value: Any) -> None:
    value.number = 1


def matched(value: Any, made: Classes) -> Any:
    match value:
        case made.derived(number, text, more=more):
            return "derived", number, text, more
        case made.value(number, text="y"):
            return "y", number
        case made.value(number):
            return "value", number
    return None


def round_trip(value: Any) -> tuple[Any, Any]:
    """How pickle takes a value apart, and the value made of that: classes of a function have no name to be found by."""
    make, arguments, state = value.__reduce_ex__(5)[:3]
    again = make(*arguments)
    again.__setstate__(state)
    return state, again == value


USES: list[Callable[[Classes], Any]] = [
    lambda made: repr(made.value(1, octets=b"2")),
    lambda made: made.value(1) == made.value(1, octets=b"2"),
    lambda made: made.value(1) == made.derived(1),
    lambda made: hash(made.value(1)) == hash(made.value(1, "x")),
    lambda made: made.value(1).names is made.value(1).names,
    lambda made: attempt(made.value),
    lambda made: attempt(lambda: made.value(1, other=2)),
    lambda made: attempt(lambda: set_number(made.value(1))),
    lambda made: attempt(lambda: set_number(made.derived(1))),
    lambda made: attempt(lambda: made.value(1).__delattr__("number")),
    lambda made: attempt(lambda: object.__setattr__(made.value(1), "other", 1)),
    lambda made: (made.value.kind, made.value(1).kind, made.value(2).doubled),
    lambda made: [(each.name, each.default, each.compare) for each in dataclasses.fields(made.value)],
    lambda made: [each.name for each in dataclasses.fields(made.derived)],
    lambda made: [each.name for each in dataclasses.fields(made.derived(1))],
    lambda made: (dataclasses.is_dataclass(made.changing), made.value.__slots__, made.derived.__slots__),
    lambda made: dataclasses.astuple(dataclasses.replace(made.derived(1, "y"), more=3)),
    lambda made: repr(made.derived(1, more=4)),
    lambda made: (made.derived(1, more=4).text, made.derived.__match_args__),
    lambda made: repr(made.changing({"a": 1})),
    lambda made: made.changing({"a": 1}) == made.changing({"a": 1}, 0),
    lambda made: attempt(lambda: hash(made.changing())),
    lambda made: attempt(lambda: made.changing().other),
    lambda made: made.changing.__hash__,
    lambda made: made.unequal(1) == made.unequal(1),
    lambda made: isinstance(hash(made.unequal(1)), int),
    lambda made: repr(copy.copy(made.value(5, "z"))),
    lambda made: copy.deepcopy(made.changing({"a": 1})).counts,
    lambda made: made.value.__new__(made.value).__setstate__([1, "x", b"", []]),
    lambda made: issubclass(made.derived, made.value),
    lambda made: [
        matched(value, made) for value in (made.derived(1, "z", more=2), made.value(1, "y"), made.value(3), 4)
    ],
    lambda made: attempt(lambda: matched(made.changing(), made)),
    lambda made: round_trip(made.derived(1, "y", b"2", ["n"], 3)),
    lambda made: attempt(lambda: weakref.ref(made.value(1))),
    lambda made: attempt(lambda: made.value(1, "x", b"", [], 5)),
    lambda made: attempt(lambda: made.derived(1, number=2)),
    lambda made: attempt(lambda: hash(made.value(1)) and {made.value([1]): 2}),
    lambda made: attempt(lambda: dataclasses.replace(made.value(1), other=2)),
    lambda made: attempt(lambda: dataclasses.replace(1)),
    lambda made: dataclasses.asdict(made.changing({"a": 1})),
    lambda made: made.value(1) != made.value(2),
    lambda made: made.value(1) == 1,
    lambda made: attempt(lambda: made.value(1) < made.value(2)),
    lambda made: (made.derived(1) == made.derived(1, more=1), made.derived(1) == made.derived(1)),
    lambda made: hash(made.derived(1, more=1)) == hash(made.derived(1, more=1)),
    lambda made: made.value(1) and str(inspect.signature(made.value)),
    lambda made: get_type_hints(made.derived),
    lambda made: made.value.__mro__[1:] == (object,),
    lambda made: [(each.__name__, each.__module__, each.__qualname__) for each in made],
]


@pytest.mark.parametrize("use", USES, ids=[str(number) for number in range(len(USES))])
def test_a_class_is_what_the_standard_library_makes(use: Callable[[Classes], Any]) -> None:
    assert use(classes(late_dataclass.dataclass)) == use(classes(dataclasses.dataclass))


def test_a_value_that_was_unpickled_completes_its_class() -> None:
    """The first value of a process may have been made in another one."""
    from dissectors.grammar.fingerprint import Fingerprint

    value = Fingerprint("sha-256", b"1", (), "1")
    program = "import pickle, sys\nvalue = pickle.load(sys.stdin.buffer)\n"
    program += "print(value == type(value)('sha-256', b'1', (), '1'), value)"
    done = subprocess.run([sys.executable, "-c", program], input=pickle.dumps(value), capture_output=True, check=True)
    assert done.stdout.decode().strip() == f"True {value}"


def test_threads_may_meet_a_class_at_once() -> None:
    for _ in range(50):
        made = classes(late_dataclass.dataclass)
        start, values = Barrier(4), []

        def make(made: Classes = made, start: Barrier = start, values: list[Any] = values) -> None:
            start.wait()
            values.append(made.derived(1))

        threads = [Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert values == [made.derived(1)] * 4


def test_a_class_without_slots_is_refused() -> None:
    with pytest.raises(TypeError, match="slots"):
        late_dataclass.dataclass(frozen=True, slots=False)


def test_every_class_of_ours_has_the_slots_of_its_fields() -> None:
    met = 0
    for package in (analyzer, dissectors, reports):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if found.name.startswith("dissectors.layers") or found.name.endswith("__main__"):
                continue
            module = importlib.import_module(found.name)
            for _, cls in inspect.getmembers(
                module, lambda one: isinstance(one, type) and dataclasses.is_dataclass(one)
            ):
                if cls.__module__ != module.__name__:
                    continue
                slots = [name for base in reversed(cls.__mro__[:-1]) for name in base.__dict__.get("__slots__", ())]
                assert slots == [each.name for each in dataclasses.fields(cls)], cls
                met += 1
    assert met > 150
