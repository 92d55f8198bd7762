"""pyarrow as the extractors use it: without pandas, and beside an allocator that gives memory back.

`pyarrow.dataset` is to be imported from here.

The first value that pyarrow is given makes it import pandas, to see whether the value is one of its own. That is a
third of a second of CPU and tens of megabytes in every process, and nothing of ours ever is. So pyarrow is told once
that there is no pandas. Once pandas is imported all the same, by whomever, pyarrow learns of it and knows its values.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.abc
import os
import sys
import threading
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

import pyarrow as pa

__all__ = ["dataset"]

_MMAP_THRESHOLD, _ARENA_MAX = -3, -8  # glibc's words, of malloc.h
_LARGE_BYTES = 256 * 1024
_ARENAS = 2


class _NoPandas(importlib.abc.MetaPathFinder):
    """Lets pandas not be found, by the thread that made it only: others may be importing it at this moment."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the protocol's
        target: ModuleType | None = None,  # noqa: ARG002 - the protocol's
    ) -> ModuleSpec | None:
        if fullname == "pandas" and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(fullname, name=fullname)
        return None


class _WhenPandasComes(importlib.abc.MetaPathFinder):
    """Finds pandas as ever, and has pyarrow look for it again as soon as it is there."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the protocol's
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, None, target) if fullname == "pandas" else None
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = _then_seen_by_pyarrow(spec.loader)  # type: ignore[assignment, method-assign]
        return spec


def _then_seen_by_pyarrow(loader: importlib.abc.Loader) -> Callable[[ModuleType], None]:
    load = loader.exec_module

    def load_and_tell(module: ModuleType) -> None:
        load(module)
        with contextlib.suppress(ImportError):  # a pandas that is too old for pyarrow
            _ = pa.lib._pandas_api.pd  # noqa: SLF001 - asking for it is looking again

    return load_and_tell


def _look_for_pandas_once() -> None:
    if "pandas" in sys.modules:
        return
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(finder)
    sys.meta_path.insert(0, _WhenPandasComes())


def _give_large_blocks_back() -> None:
    """Answers take megabytes each, in twenty threads; glibc would keep what each thread has freed for the next one.

    Blocks of a quarter of a megabyte and more go back to the system at once instead. Elsewhere than on glibc there is
    no such switch.
    """
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)
        libc.mallopt(_ARENA_MAX, _ARENAS)


def _take_the_allocator_asked_for() -> None:
    """The one that `extractors/__init__.py` asks for, also where somebody had imported pyarrow before."""
    name = os.environ["ARROW_DEFAULT_MEMORY_POOL"]
    if name != pa.default_memory_pool().backend_name and name in pa.supported_memory_backends():
        pa.set_memory_pool(getattr(pa, f"{name}_memory_pool")())


_take_the_allocator_asked_for()
_look_for_pandas_once()
_give_large_blocks_back()

from pyarrow import dataset  # noqa: E402 - importing it makes the first value
