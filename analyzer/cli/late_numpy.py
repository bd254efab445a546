# SPDX-License-Identifier: GPL-2.0-only
"""NumPy, loaded when it is first used: a capture of some messages needs none, and is done before it would be there."""

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from threading import RLock
from types import ModuleType
from typing import Any

_loading = RLock()


def load_numpy_late() -> None:
    """Let `import numpy` give a module that is filled when something is first taken from it.

    `importlib.util.LazyLoader` would fill it at the next `import`, which looks for `__spec__`. Where there is no NumPy,
    importing it fails as ever.
    """
    spec = None if "numpy" in sys.modules else find_spec("numpy")
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        del module.__path__  # so that the import of a submodule fills it first
        module.__class__ = _Late
        sys.modules["numpy"] = module


class _Late(ModuleType):
    """A module that has not been executed; one that can't be is forgotten, and says why."""

    __spec__: ModuleSpec

    def __getattr__(self, name: str) -> Any:
        with _loading:
            if type(self) is _Late and "__path__" not in self.__dict__:
                self._fill()
        return ModuleType.__getattribute__(self, name)

    def _fill(self) -> None:
        spec = self.__spec__
        self.__path__ = spec.submodule_search_locations or []
        try:
            spec.loader.exec_module(self)  # type: ignore[union-attr]  # checked above
        except ImportError as error:
            del self.__path__
            sys.modules.pop(self.__name__, None)
            raise ImportError(f"NumPy can't be loaded: {error.__cause__ or error}", name=self.__name__) from error
        self.__class__ = ModuleType  # type: ignore[assignment]
