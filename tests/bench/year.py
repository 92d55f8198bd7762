"""A year of hourly runs: what a run costs at its beginning and at its end, and what is on the disk.

`python -m tests.bench.year HOME [--runs 8760] [--seconds 400]` lands a first load and then small changes, hour after
hour, as a run does: look up what is known, append, count, commit, judge, tidy up, tell dbt. On Sundays it maintains.
No source and no dbt: this measures the landing alone. It goes on where an earlier call with this HOME has stopped.

Time goes by faster than the wall's clock: before each maintenance all files below raw are made a week older, so that
old logs go as they do in a year; files that no table needs any more are removed at once instead of a week later.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from extractors.connection import Coverage, ExtractReport, JiraConnection, Secret
from extractors.landing import Landing, Run
from extractors.maintenance import maintain, tidy_up
from extractors.writing import Writer

START = datetime(2026, 1, 1, tzinfo=UTC)
WEEK = 7 * 24  # runs
CHANGED = 8  # issues an hour
MEASURES = "measures.jsonl"
CONNECTION = JiraConnection(id="jira-a", url="https://jira.example", token=Secret("none"), username="me@example.com")


@dataclass(frozen=True)
class Measured:
    """One run. CPU in seconds of this process, children none; files and bytes are those below raw."""

    run: int
    cpu: float
    tidied: bool
    maintained_cpu: float | None = None
    files: int | None = None
    log_files: int | None = None
    megabytes: float | None = None


def issue(number: int, version: int) -> dict[str, Any]:
    payload = {"id": str(number), "fields": {"summary": f"issue {number}", "version": version, "text": "x" * 400}}
    return {
        "record_id": str(number), "updated_at": START + timedelta(hours=version), "payload": json.dumps(payload),
        "issue_id": str(number), "issue_key": f"PAY-{number}", "project_id": str(number % 5), "status": "Open",
    }  # fmt: skip


def change(number: int, version: int, place: int = 0) -> dict[str, Any]:
    history = version * 100 + place
    at = START + timedelta(hours=version)
    return {
        "record_id": f"{number}:{history}:0", "updated_at": at, "payload": '{"field":"status"}',
        "issue_id": str(number), "history_id": history, "attribute": "status", "changed_at": at,
    }  # fmt: skip


def first_load(home: Path, issues: int) -> None:
    """All issues with ten changes each."""
    landing = Landing(home)
    run = Run("run-0", START)
    for start in range(0, issues, 5_000):
        numbers = range(start, min(start + 5_000, issues))
        batch = landing.batch(run, CONNECTION.id, CONNECTION.kind)
        batch.append("jira/issues", [issue(number, 0) for number in numbers])
        batch.append("jira/issue_changes", [change(n, 0, place) for n in numbers for place in range(10)])
        batch.commit({"load": numbers[-1]}, is_final=numbers[-1] == issues - 1)
    landing.judge(CONNECTION.id, "accepted")


def hour(home: Path, number: int, issues: int) -> bool:
    """One run: some issues have changed; whether it tidied up."""
    dice = random.Random(number)  # noqa: S311 - the same year each time
    landing = Landing(home)
    run = Run(f"run-{number}", START + timedelta(hours=number))
    report = ExtractReport(CONNECTION.id, run.run_id)
    with landing.exclusive(CONNECTION.id):
        writer = Writer(landing, run, CONNECTION, report)
        changed = dice.sample(range(issues), CHANGED)
        new = issues + number
        landing.cursor(CONNECTION.id)
        landing.latest("jira/issues", CONNECTION.id, ["record_id", "updated_at"], [str(n) for n in changed])
        writer.append("jira/issues", [issue(n, number) for n in (*changed, new)])
        writer.append("jira/issue_changes", [change(n, number) for n in (*changed, new)])
        sprint = {"record_id": str(number // 336), "sprint_id": str(number // 336), "payload": f'{{"at":{number}}}'}
        writer.append("jira/sprints", [sprint])
        cursor = {"projects": {str(project): run.started_at.isoformat() for project in range(5)}}
        writer.commit_rows(cursor)
        held = landing.latest("jira/issues", CONNECTION.id, ["project_id", "is_deleted"]).num_rows
        writer.cover([Coverage("jira/issues", f"P{n}", held, held) for n in range(5)])
        writer.describe(deployment="cloud", name="Jira", url=CONNECTION.url, time_zone="UTC", tool_version=None)
        writer.commit(cursor, is_final=True)
    landing.judge(CONNECTION.id, "accepted")
    is_tidied = bool(tidy_up(landing))
    landing.write_inputs(home / "inputs")
    return is_tidied


def a_week_goes_by(home: Path) -> None:
    """Every file is a week older."""
    week = 7 * 86_400
    for path in (home / "raw").rglob("*"):
        if path.is_file():
            found = path.stat()
            os.utime(path, (found.st_atime - week, found.st_mtime - week))


def on_the_disk(home: Path) -> dict[str, Any]:
    paths = [path for path in (home / "raw").rglob("*") if path.is_file()]
    logs = sum("_delta_log" in path.parts for path in paths)
    size = sum(path.stat().st_size for path in paths) / 2**20
    return {"files": len(paths) - logs, "log_files": logs, "megabytes": round(size, 1)}


def live(home: Path, runs: int, issues: int, begun: int = 0, week: int = WEEK) -> Iterator[Measured]:
    """The runs from `begun` on, each with its measures."""
    for number in range(begun + 1, runs + 1):
        before = time.process_time()
        is_tidied = hour(home, number, issues)
        cpu = time.process_time() - before
        if number % week:
            yield Measured(number, cpu, is_tidied)
            continue
        a_week_goes_by(home)
        before = time.process_time()
        maintain(Landing(home), retention=timedelta(0))
        yield Measured(number, cpu, is_tidied, time.process_time() - before, **on_the_disk(home))


def report(found: list[Measured]) -> Iterator[str]:
    """Medians of four weeks at a time."""
    yield "runs         CPU a run, ms: median, most | weekly maintenance, ms | files | log files | MB"
    for start in range(0, len(found), 4 * WEEK):
        part = found[start : start + 4 * WEEK]
        cpu = sorted(one.cpu * 1000 for one in part)
        weekly = [one for one in part if one.maintained_cpu is not None]
        care = f"{max(1000 * (one.maintained_cpu or 0) for one in weekly):.0f}" if weekly else "-"
        disk = f"{weekly[-1].files} | {weekly[-1].log_files} | {weekly[-1].megabytes}" if weekly else "-"
        yield f"{part[0].run:>5}-{part[-1].run:<5} {statistics.median(cpu):6.0f} {cpu[-1]:7.0f} | {care} | {disk}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.year", description="A year of hourly runs.")
    parser.add_argument("home", type=Path)
    parser.add_argument("--runs", type=int, default=8_760)
    parser.add_argument("--issues", type=int, default=20_000, help="of the first load (default 20000)")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="then stop; call again to go on")
    given = parser.parse_args()
    given.home.mkdir(parents=True, exist_ok=True)
    path = given.home / MEASURES
    found = [Measured(**json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []
    if not path.exists():
        first_load(given.home, given.issues)
    end = time.monotonic() + given.seconds
    with path.open("a") as lines:
        for one in live(given.home, given.runs, given.issues, begun=len(found)):
            lines.write(json.dumps(asdict(one)) + "\n")
            found.append(one)
            if time.monotonic() > end:
                break
    sys.stdout.write("\n".join(report(found)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
