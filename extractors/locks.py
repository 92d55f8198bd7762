"""Locks between processes: one run per PMO_HOME, one writer per connection.

The operating system gives a lock back when its holder dies, however it dies.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from extractors.errors import AlreadyRunning


@contextlib.contextmanager
def exclusive(home: Path, name: str, *, connection: str = "*", wait_seconds: float = 0) -> Iterator[None]:
    """Hold the lock `name` of `home`, or raise AlreadyRunning, which names the process that holds it."""
    folder = home / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    holder = folder / f"{name}.pid"
    lock = FileLock(folder / f"{name}.lock", thread_local=False)
    try:
        lock.acquire(timeout=wait_seconds)
    except Timeout:
        raise AlreadyRunning(
            connection,
            f"{home.name} ({name})",
            remedy="Wait until that run has ended, or end that process if it hangs",
            detail=f"Already running: {_holder(holder)}",
        ) from None
    try:
        with contextlib.suppress(OSError):  # a full disk is told by who has something to store; the name is for help
            holder.write_text(str(os.getpid()), encoding="ascii")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _holder(file: Path) -> str:
    try:
        return f"process {int(file.read_text(encoding='ascii'))} holds the lock"
    except (OSError, ValueError):
        return "another process holds the lock"


@contextlib.contextmanager
def run_lock(home: Path, wait_seconds: float = 0) -> Iterator[None]:
    """The lock of a whole run of the pipeline: extraction, warehouse and publication."""
    with exclusive(home, "run", wait_seconds=wait_seconds):
        yield
