"""pyarrow as the extractors use it: without pandas. `pyarrow.dataset` is to be imported from here.

The first value that pyarrow is given makes it import pandas, to see whether the value is one of its own. That is a
third of a second of CPU and tens of megabytes in every process, and nothing of ours ever is. So pyarrow is told once
that there is no pandas. Others import it as ever, and so does pyarrow when it is asked for `to_pandas`.
"""

from __future__ import annotations

import importlib.abc
import sys
import threading
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

import pyarrow as pa

__all__ = ["dataset"]


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


def _look_for_pandas_once() -> None:
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(finder)


_look_for_pandas_once()

from pyarrow import dataset  # noqa: E402 - importing it makes the first value
