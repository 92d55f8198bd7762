"""The lock of a run: one at a time per PMO_HOME, whoever started it, the command line or Dagster."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from extractors.locks import run_lock

_held: set[Path] = set()  # by this process


@contextlib.contextmanager
def one_run(root: Path) -> Iterator[None]:
    """Hold the run lock of `root`; where this process holds it already, that is enough.

    `pmo run` takes it before anything starts, and again in the Dagster job that it runs in the same process.
    Raises AlreadyRunning, which names the process that holds it.
    """
    if root in _held:
        yield
        return
    with run_lock(root):
        _held.add(root)
        try:
            yield
        finally:
            _held.discard(root)
