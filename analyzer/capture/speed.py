# SPDX-License-Identifier: GPL-2.0-only
"""One source, two speeds: the hot functions as they are for small captures, compiled by Numba for large ones."""

import functools
import importlib
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np

from analyzer.capture.columns import Octets

_OWN = "analyzer."
COMPILE_OCTETS = 16 << 20  # below, the plain pass is done before Numba is imported and its cache loaded, or soon after


@functools.cache
def plain(module: str) -> types.ModuleType:
    """The module as Python runs it."""
    return importlib.import_module(module)


@functools.cache
def compiled(module: str, *, allocates: bool = True) -> types.ModuleType:
    """A second instance of the module with every function compiled, on disk where a cache can be kept.

    Functions that make no array (`allocates` is False) go without Numba's counting of references, an atomic step for
    each array at each call: three quarters of the time of a pass of many small functions.
    """
    import numba  # noqa: PLC0415  half a second that small captures must not pay

    instance = types.ModuleType(module)
    origin = Path(str(plain(module).__file__))
    code = compile(origin.read_bytes(), str(_newest_source(module)), "exec", dont_inherit=True)
    exec(code, vars(instance))  # noqa: S102  our own module, a second time
    for name, function in list(vars(instance).items()):
        if not isinstance(function, types.FunctionType):
            continue
        if function.__module__ == module:
            setattr(instance, name, _compile(numba, function, allocates))
        elif function.__module__.startswith(_OWN):
            setattr(instance, name, getattr(compiled(function.__module__, allocates=allocates), name))
    return instance


def _newest_source(module: str) -> Path:
    """The newest of the files that the compiled module comes from: Numba's cache is as old as the file it is told."""
    used: set[str] = set()
    found = {module}
    while found:
        each = found.pop()
        used.add(each)
        functions = (value for value in vars(plain(each)).values() if isinstance(value, types.FunctionType))
        found |= {name for function in functions if (name := function.__module__).startswith(_OWN)} - used
    files = [Path(str(plain(each).__file__)) for each in sorted(used)]
    return max(files, key=lambda file: file.stat().st_mtime_ns)


def at_hand(module: str) -> types.ModuleType:
    """A module that makes no array: compiled where Numba is imported already, else plain; the results are one."""
    return compiled(module, allocates=False) if "numba" in sys.modules else plain(module)


def _compile(numba: Any, function: types.FunctionType, allocates: bool) -> Any:
    wanted = {"no_cfunc_wrapper": True} | ({} if allocates else {"_nrt": False})
    options = {name: value for name, value in wanted.items() if name in _known_options(numba)}
    try:
        kernel = numba.njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:  # no folder is writable for the cache
        return numba.njit(nogil=True, **options)(function)
    if not allocates:
        _load_at_once(kernel)
    return kernel


def _known_options(numba: Any) -> set[str]:
    """What this Numba can be told: options without documentation are left out where it has them no more."""
    return set(dir(getattr(numba.core.options, "DefaultOptions", None)))


def _load_at_once(kernel: Any) -> None:
    """Let what is compiled be loaded without all that Numba needs to compile: a sixth of a second, once a process.

    That includes its memory of arrays, so it is not for functions that make some.
    Where Numba's insides are others than those known here, everything stays as Numba has it.
    """
    cache: Any = getattr(kernel, "_cache", None)
    usual: Any = getattr(cache, "load_overload", None)
    quick: Any = getattr(cache, "_load_overload", None)
    if usual is None or quick is None:
        return

    def load(signature: Any, target: Any) -> Any:
        try:
            found = quick(signature, target)
        except _cache_faults():  # Numba's own way knows what to do
            found = None
        return usual(signature, target) if found is None else found

    cache.load_overload = load


def _cache_faults() -> tuple[type[Exception], ...]:
    """What reading a cache raises that is damaged, or was written by another version."""
    from pickle import PickleError  # noqa: PLC0415 - Numba has loaded it then

    return (OSError, EOFError, PickleError, ImportError, AttributeError, LookupError, TypeError, ValueError)


def view_plain(array: Any) -> memoryview:
    """An array as plain Python reads and writes it fastest."""
    return memoryview(array)


def view_array(buffer: Octets) -> Any:
    """Octets as the compiled pass reads them."""
    return np.frombuffer(buffer, dtype=np.uint8)
