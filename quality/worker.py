"""Great Expectations in a process of its own: its import takes seconds, which the extraction does not wait for."""

from __future__ import annotations

import atexit
import contextlib
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quality.marts import MartRequest
    from quality.raw import RawRequest
    from quality.result import CheckResult
    from quality.runner import Runner

LOG = logging.getLogger("pmo.quality")
_STATE: dict[str, Runner] = {}  # in the worker's process: the one runner


class Worker:
    """Judges in another process. Requests are answered one after the other."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        with _without_interrupts():
            self._pool = ProcessPoolExecutor(max_workers=1, mp_context=context)
            self._pool.submit(_runner_ready)
        self._has_judged = False
        self._docs: Future[Path] | None = None  # of everything judged so far

    def judge_raw(self, request: RawRequest) -> list[CheckResult]:
        self._has_judged, self._docs = True, None
        return self._pool.submit(_judge_raw, request).result()

    def judge_marts(self, request: MartRequest) -> Future[list[CheckResult]]:
        """The results once they are there: the caller has other things to do meanwhile."""
        self._has_judged, self._docs = True, None
        return self._pool.submit(_judge_marts, request)

    def write_docs(self, folder: Path) -> None:
        """Write the Data Docs of everything judged so far, while the caller goes on. A failure is logged."""
        if self._has_judged and self._docs is None:
            self._docs = self._pool.submit(_write_docs, folder)
            self._docs.add_done_callback(_log_failure)

    def docs_problem(self, folder: Path) -> str | None:
        """Wait until the Data Docs are there, written now if nobody did; what went wrong, else None."""
        self.write_docs(folder)
        error = self._docs.exception() if self._docs is not None else None
        if error is None:
            return None
        text = " ".join(str(error).split())[:300]
        return (
            f"The Data Docs in {folder} could not be written ({type(error).__name__}: {text}). They are not this run's."
        )

    def close(self) -> None:
        self._pool.shutdown(wait=True)

    def end(self) -> None:
        """End the process whatever it is doing."""
        for process in list((self._pool._processes or {}).values()):  # noqa: SLF001 - no public way before 3.14
            process.kill()
        self._pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """A process started meanwhile never gets Ctrl+C, which a terminal sends to all: its parent ends it."""
    _start_tracker()  # starting it later would unblock the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_tracker() -> None:
    """Start multiprocessing's helper so that it says nothing of what a stopped run left to it to clean up."""
    name = "PYTHONWARNINGS"
    before = os.environ.get(name)
    os.environ[name] = ",".join([*([before] if before else []), "ignore::UserWarning:multiprocessing.resource_tracker"])
    try:
        resource_tracker.ensure_running()
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


class _Current:
    worker: Worker | None = None
    is_over = False


def worker() -> Worker:
    """This process's worker, started if need be."""
    if _Current.is_over:
        raise RuntimeError("the run was stopped")
    if _Current.worker is None:
        _Current.worker = Worker()
        atexit.register(stop_worker)
    return _Current.worker


def stop_worker() -> None:
    """Wait for what the worker is doing and end it."""
    if _Current.worker is not None:
        _Current.worker.close()
        _Current.worker = None


def abandon_worker() -> None:
    """End it at once, whatever it is doing; no other starts in this process."""
    _Current.is_over = True
    if _Current.worker is not None:
        _Current.worker.end()
        _Current.worker = None


def _log_failure(docs: Future[Path]) -> None:
    if not docs.cancelled() and (error := docs.exception()) is not None:
        LOG.warning("the Data Docs could not be written", exc_info=error)


def _runner() -> Runner:
    from quality.runner import Runner

    if "runner" not in _STATE:
        _STATE["runner"] = Runner()
    return _STATE["runner"]


def _end_with_parent() -> None:
    """A run that is killed cannot stop its worker, which would wait for requests for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _runner_ready() -> None:
    """Import everything ahead of the first request."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
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
