"""Makes fastbp known to threadpoolctl, which fastbp never imports by itself.

If threadpoolctl is imported already, fastbp registers at once; else a finder at the head of ``sys.meta_path`` waits for
its import, registers after it, and goes.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from fastbp import _core, threads

_NAME = "threadpoolctl"


class _Controller:
    """What threadpoolctl's ``LibController`` leaves to a library."""

    user_api = "fastbp"
    internal_api = "fastbp"
    filename_prefixes = ("_core.",)  # other packages have a _core too
    check_symbols = ("fastbp_version",)

    def get_num_threads(self) -> int:
        return threads.get_num_threads()

    def set_num_threads(self, num_threads: int) -> None:
        threads.limit_this_thread(max(1, int(num_threads)))  # GNU OpenMP too takes 0 for 1

    def get_version(self) -> str:
        return _core.__version__


def _register(threadpoolctl: ModuleType) -> None:
    if hasattr(threadpoolctl, "register"):  # since 3.2, which lists every _core; 3.3 looks for the symbol
        threadpoolctl.register(type("FastbpController", (_Controller, threadpoolctl.LibController), {}))


class _Finder:
    """Finds threadpoolctl where the finders after it do, and has its loader register fastbp."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != _NAME or self not in sys.meta_path:
            return None
        for finder in sys.meta_path[sys.meta_path.index(self) + 1 :]:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                if spec.loader is not None:  # else a folder of that name
                    loader: Any = _Loader(spec.loader, self)
                    spec.loader = loader
                return spec
        return None


class _Loader:
    """The loader of threadpoolctl in all but that it registers fastbp and takes itself and its finder away."""

    def __init__(self, loader: Any, finder: _Finder) -> None:
        self._loader, self._finder = loader, finder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)
        _register(module)


def register_once_imported() -> None:
    """Registers fastbp with threadpoolctl, now or as soon as somebody imports it."""
    main: Any = sys.modules.get("__main__")
    if getattr(getattr(main, "__spec__", None), "name", None) == _NAME:  # python -m threadpoolctl -i fastbp
        _register(main)
    if sys.modules.get(_NAME) is None:
        sys.meta_path.insert(0, _Finder())
    else:
        _register(import_module(_NAME))  # which waits where another thread is still importing it
