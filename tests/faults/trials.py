"""Extractions in processes of their own, killed from outside the product: at a counted commit, or at an instant.

A fork server holds the imported product, so that a trial costs its work and not its imports. The product knows nothing
of this: what writes to the disk is wrapped in the child before it begins.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import random
import resource
import signal
import tempfile
import time
import traceback
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.table import TableAlterer, TableOptimizer

import extractors.ledger
from extractors.azure_devops import feeds
from extractors.azure_devops.client import AzureDevOpsClient
from extractors.errors import ExtractError, LandingError
from extractors.jira import bulk, issues
from extractors.landing import Landing, Run
from extractors.surveys.api import source as survey_api
from extractors.surveys.qualtrics import client as qualtrics
from extractors.surveys.surveymonkey import client as surveymonkey
from extractors.surveys.typeform import client as typeform
from tests.faults.sites import Site

T = TypeVar("T")
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.faults.trials"])

WRITES: list[tuple[Any, str]] = [
    (pq, "write_table"),
    (DeltaTable, "create"),
    (DeltaTable, "create_write_transaction"),
    (DeltaTable, "update"),
    (TableAlterer, "add_columns"),
    (TableOptimizer, "compact"),
    (extractors.ledger, "write_deltalake"),
]
"""Everything through which the landing changes the disk; a file is also cut in the middle."""


SMALL_BATCHES: list[tuple[Any, str, Any]] = [
    (issues, "BATCH_ISSUES", 6),
    (bulk, "BULK", 6),
    (bulk, "CHUNKS_TOGETHER", 1),
    (bulk, "DC_ISSUES_PER_PAGE", 6),
    (AzureDevOpsClient.revisions, "__defaults__", (40,)),  # its page size, which is bound with the function
    (feeds, "APPEND_ROWS", 40),
    (feeds, "COMMIT_ROWS", 40),
    (survey_api, "COMMIT_RESPONSES", 40),
    (qualtrics, "EXPORT_RESPONSES", 40),
    (surveymonkey, "PAGE", 40),
    (typeform, "PAGE", 40),
]
"""So that the few records of a trial become several batches, and a kill falls between two of them."""


ALL = "PMO_ALL_KILLS"


def sampled(trials: Sequence[T], few: int, seed: str) -> list[T]:
    """A seeded sample, one of each of `few` stretches; all, if the environment variable PMO_ALL_KILLS is 1.

    `2/5` is the second of five parts of them all, each spread over the whole run.
    """
    part, _, parts = os.environ.get(ALL, "").partition("/")
    if part:
        return list(trials[int(part) - 1 :: int(parts or 1)])
    if few >= len(trials):
        return list(trials)
    dice = random.Random(seed)  # noqa: S311
    return [trials[int((stretch + dice.random()) * len(trials) / few)] for stretch in range(few)]


def extract(site: Site, home: Path) -> list[str]:
    """One run: extraction and verdict, in many small batches; the parts that failed."""
    tempfile.tempdir = str(home.parent)  # what a killed process leaves there goes with the test
    for module, name, few in SMALL_BATCHES:
        assert getattr(module, name) > few, name
        setattr(module, name, few)
    landing = Landing(home)
    report = site.source().extract(landing, Run(uuid.uuid4().hex, datetime.now(UTC), is_census=site.is_census))
    landing.judge(site.connection_id, "accepted")
    return [str(failure) for failure in report.failures]


def run_to_end(site: Site, home: Path) -> int:
    """An undisturbed run; how many points it has at which it can be killed."""
    receiver, sender = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_counted, args=(site, home, sender, None))
    process.start()
    sender.close()
    points: int | str = receiver.recv()
    process.join()
    assert isinstance(points, int), points
    assert process.exitcode == 0
    return points


def kill_at_point(site: Site, home: Path, point: int) -> None:
    """Killed right before or in the middle of a write, as `point` counts them. After one is before the next."""
    process = CONTEXT.Process(target=_counted, args=(site, home, None, point))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL, f"point {point} was not reached"


def kill_after(site: Site, home: Path, seconds: float) -> bool:
    """Killed so long after the extraction began, wherever it is then; False if it had ended before."""
    receiver, sender = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_announced, args=(site, home, sender))
    process.start()
    receiver.recv()
    time.sleep(seconds)
    process.kill()
    process.join()
    return process.exitcode == -signal.SIGKILL


def run_on_full_disk(site: Site, home: Path, file_bytes: int) -> str:
    """A run in which no file may grow beyond `file_bytes`; the error that it ends with."""
    receiver, sender = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_limited, args=(site, home, sender, file_bytes))
    process.start()
    sender.close()
    told: str = receiver.recv()
    process.join()
    assert process.exitcode == 0
    return told


def _limited(site: Site, home: Path, sender: Any, file_bytes: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then a write beyond the limit fails as on a full disk
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    try:
        extract(site, home)
    except LandingError as error:
        sender.send(str(error))
    else:
        sender.send("")


def run_and_tell(site: Site, home: Path) -> str:
    """A run that fails; what it says: its error, or the first part of the report that failed."""
    receiver, sender = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_telling, args=(site, home, sender))
    process.start()
    sender.close()
    told: str = receiver.recv()
    process.join()
    assert process.exitcode == 0
    return told


def _telling(site: Site, home: Path, sender: Any) -> None:
    try:
        failures = extract(site, home)
    except ExtractError as error:
        sender.send(str(error))
    else:
        sender.send(failures[0] if failures else "")


def seconds_to_end(site: Site, home: Path) -> float:
    """How long an undisturbed run takes, without the start of its process."""
    receiver, sender = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_announced, args=(site, home, sender))
    process.start()
    receiver.recv()
    begun = time.monotonic()
    process.join()
    assert process.exitcode == 0
    return time.monotonic() - begun


def _announced(site: Site, home: Path, sender: Any) -> None:
    sender.send("begun")
    extract(site, home)


def _counted(site: Site, home: Path, sender: Any, fatal: int | None) -> None:
    counter = _Counter(fatal)
    for owner, name in WRITES:
        setattr(owner, name, counter.wrapped(owner, name))
    try:
        extract(site, home)
    except BaseException:
        if sender is not None:
            sender.send(traceback.format_exc())  # or the test would only say that nothing came
        raise
    if sender is not None:
        sender.send(counter.points)


class _Counter:
    """Counts the points around the writes, and ends the process at the fatal one."""

    def __init__(self, fatal: int | None) -> None:
        self.points = 0
        self._fatal = fatal

    def point(self, before: Callable[[], object] = lambda: None) -> None:
        self.points += 1
        if self.points == self._fatal:
            before()
            os.kill(os.getpid(), signal.SIGKILL)

    def wrapped(self, owner: Any, name: str) -> Any:
        static = vars(owner)[name] if isinstance(owner, type) else None
        original = getattr(owner, name)

        @functools.wraps(original)
        def write(*arguments: Any, **settings: Any) -> Any:
            self.point()
            result = original(*arguments, **settings)
            if name == "write_table" and isinstance(arguments[1], Path):
                self.point(lambda: os.truncate(arguments[1], arguments[1].stat().st_size // 2))
            return result

        return staticmethod(write) if isinstance(static, classmethod) else write
