"""Great Expectations in a process of its own: its import takes seconds, which the extraction does not wait for."""

from __future__ import annotations

import atexit
import multiprocessing
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quality.marts import MartRequest
    from quality.raw import RawRequest
    from quality.result import CheckResult
    from quality.runner import Runner

_STATE: dict[str, Runner] = {}  # in the worker's process: the one runner


class Worker:
    """Judges in another process. Requests are answered one after the other."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(max_workers=1, mp_context=context)
        self._pool.submit(_runner_ready)

    def judge_raw(self, request: RawRequest) -> list[CheckResult]:
        return self._pool.submit(_judge_raw, request).result()

    def judge_marts(self, request: MartRequest) -> list[CheckResult]:
        return self._pool.submit(_judge_marts, request).result()

    def write_docs(self, folder: Path) -> Future[Path]:
        """Write the Data Docs of everything judged so far, while the caller goes on."""
        return self._pool.submit(_write_docs, folder)

    def close(self) -> None:
        self._pool.shutdown(wait=True)


class _Current:
    worker: Worker | None = None


def worker() -> Worker:
    """This process's worker, started if need be."""
    if _Current.worker is None:
        _Current.worker = Worker()
        atexit.register(stop_worker)
    return _Current.worker


def stop_worker() -> None:
    """Wait for what the worker is doing and end it."""
    if _Current.worker is not None:
        _Current.worker.close()
        _Current.worker = None


def _runner() -> Runner:
    from quality.runner import Runner

    if "runner" not in _STATE:
        _STATE["runner"] = Runner()
    return _STATE["runner"]


def _runner_ready() -> None:
    """Import everything ahead of the first request."""
    import duckdb

    _runner()
    _ = duckdb.__version__


def _judge_raw(request: RawRequest) -> list[CheckResult]:
    from quality.raw import judge_raw

    return judge_raw(_runner(), request)


def _judge_marts(request: MartRequest) -> list[CheckResult]:
    from quality.marts import judge_marts

    return judge_marts(_runner(), request)


def _write_docs(folder: Path) -> Path:
    return _runner().write_docs(folder)
