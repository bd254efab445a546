# SPDX-License-Identifier: GPL-2.0-only
"""One source, two speeds: the hot functions as they are for small captures, compiled by Numba for large ones."""

import functools
import importlib
import importlib.util
import types
from typing import Any

import numpy as np

from analyzer.capture.columns import Octets

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

    spec = importlib.util.find_spec(module)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(module)
    instance = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(instance)
    for name, function in list(vars(instance).items()):
        if isinstance(function, types.FunctionType) and function.__module__ == module:
            setattr(instance, name, _compile(numba, function, allocates))
    return instance


def _compile(numba: Any, function: types.FunctionType, allocates: bool) -> Any:
    options = {} if allocates else {"_nrt": False}
    try:
        return numba.njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:  # no folder is writable for the cache
        return numba.njit(nogil=True, **options)(function)


def view_plain(array: Any) -> memoryview:
    """An array as plain Python reads and writes it fastest."""
    return memoryview(array)


def view_array(buffer: Octets) -> Any:
    """Octets as the compiled pass reads them."""
    return np.frombuffer(buffer, dtype=np.uint8)
