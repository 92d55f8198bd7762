"""Everything that the steps of one run share: settings, places, landing, the run's identity and its record."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from extractors.landing import Landing, Run
from extractors.redaction import remember
from orchestration.config.default import load
from orchestration.errors import PmoError
from orchestration.paths import Home
from orchestration.pipeline.record import RunRecord, RunRecords
from orchestration.settings import Settings


@dataclass(frozen=True)
class RunOptions:
    """What a run was asked for. `extract` False: rebuild from what lies in raw.

    `is_full` reads everything again; `is_census` reads what changed, and compares which records there are.
    """

    config: Path | None = None
    only: tuple[str, ...] = ()
    is_full: bool = False
    is_census: bool = False
    as_of: date | None = None
    extract: bool = True
    transient_retries: int = 0

    @property
    def home(self) -> Home:
        """Where this run's build lies."""
        return Home.of(as_of=self.as_of.isoformat() if self.as_of else None)


@dataclass(frozen=True)
class Pipeline:
    """One run's context."""

    options: RunOptions
    settings: Settings
    home: Home
    run: Run
    salt: str

    @classmethod
    def open(cls, options: RunOptions, run_id: str) -> Pipeline:
        """Read the settings and join the run: the first step of a run fixes when it started."""
        home = options.home
        settings, key = load(options.config, home, os.environ)
        unknown = [each for each in options.only if settings.connection(each) is None]
        if unknown:
            known = ", ".join(connection.id for connection in settings.connections)
            raise PmoError(f"--only {unknown[0]}: {settings.file} has no connection of this name. It has: {known}.")
        for secret in [*settings.secrets(), key.key.reveal()]:
            remember(secret)
        record = RunRecords(home.root).begin(run_id, _present(settings, home))
        run = Run(run_id, record.started_at, is_full=options.is_full, is_census=options.is_census)
        return cls(options=options, settings=settings, home=home, run=run, salt=key.salt)

    @cached_property
    def landing(self) -> Landing:
        return Landing(self.home.root)

    @property
    def records(self) -> RunRecords:
        return RunRecords(self.home.root)

    @property
    def record(self) -> RunRecord:
        record = self.records.read(self.run.run_id)
        if record is None:
            raise PmoError(f"The record of run {self.run.run_id} is gone from {self.home.root / 'runs'}. Run again.")
        return record

    @property
    def as_of_at(self) -> datetime | None:
        """The end of the day `--as-of`, in the reporting time zone: what was known by then."""
        if self.options.as_of is None:
            return None
        zone = ZoneInfo(self.settings.reporting_time_zone or "UTC")
        return datetime.combine(self.options.as_of + timedelta(days=1), time(), tzinfo=zone).astimezone(UTC)


def _present(settings: Settings, home: Home) -> datetime:
    """Now. The simulated organisation may be ahead of the wall clock: `pmo sandbox advance` lets days happen."""
    now = datetime.now(UTC)
    if not settings.is_sandbox or not (home.sandbox / "organisation.sqlite").exists():
        return now
    from sandbox.organisation import Organisation

    with Organisation(home.sandbox) as organisation:
        return max(now, organisation.now)
