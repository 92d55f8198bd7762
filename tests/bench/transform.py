"""The transformation at size: the whole `dbt build`, builds after which nothing changed, the heaviest tables by hand.

The records are made up and landed straight into the raw tables (records.py). A tenth of them is built as well, to see
how the time grows. By hand (by_hand.py) means: the SQL that dbt ran for a table and a hand-written query for the same
rows, by turns on the warehouse that was just built, each into a table of its own; they must give the same.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb

from extractors.landing import Landing, Run
from orchestration.dbt_files import dbt_environment, dbt_executable, ensure_manifest
from orchestration.paths import DBT_PROJECT, Home
from orchestration.seeds import merge_seeds
from tests.bench.by_hand import BY_HAND
from tests.bench.measure import Sample, SideFailedError, measured, ratios, table
from tests.bench.records import NOW, SOURCES, generate, write_inputs

HEAVIEST = 5
TURNS = 2  # of each side; the faster one counts
HEADER = ("", "wall s", "CPU s", "peak MB")


def compare(work: Path, items: int) -> Iterator[str]:
    """The lines of the report on `items` work items and on a tenth of them."""
    small, large = (_home(work / str(count), count) for count in (items // 10, items))
    first_small, first = build(small), build(large)
    seconds = _seconds(large)
    again = build(large)
    _let_a_day_pass(large)
    day_after = build(large)
    yield f"Transformation: {items:,} work items, {items * 12:,} changes, {len(seconds)} models, {_tests(large)} tests"
    yield table(
        [
            _row(f"dbt build of {items // 10:,} items", first_small),
            _row(f"dbt build of {items:,} items", first),
            (*ratios("ten times the items cost", [first], [first_small]), ""),
            _row("dbt build again, nothing changed", again),
            _row("dbt build a day later, nothing landed", day_after),
        ],
        HEADER,
    )
    yield ""
    heaviest = list(seconds)[:HEAVIEST]
    yield f"The heaviest models: {', '.join(f'{name} {seconds[name]:.1f} s' for name in heaviest)}"
    rows = list(_by_hand(large, [*heaviest, *(name for name in BY_HAND if name not in heaviest)]))
    yield table(rows, ("", "dbt's SQL s", "CPU s", "by hand s", "CPU s", "ratio", "CPU"))


def build(home: Home) -> Sample:
    """One `dbt build`, with its tests."""
    merge_seeds(None, home.dbt_seeds)
    command = [str(dbt_executable()), "--quiet", "build", "--exclude-resource-type", "unit_test"]
    return measured([*command, "--project-dir", str(DBT_PROJECT)], dbt_environment(home), cwd=DBT_PROJECT)


def _home(folder: Path, items: int) -> Home:
    home = Home.of({"PMO_HOME": str(folder)})
    generate(home, items)
    ensure_manifest(home)  # parsing is done once for a version of the project and not counted
    return home


def _let_a_day_pass(home: Home) -> None:
    """A run that found nothing new moves the watermarks, and so all ages."""
    landing = Landing(home.root)
    for connection_id in SOURCES:
        run = Run("bench-next", NOW + timedelta(days=1))
        landing.batch(run, connection_id, connection_id).commit({}, is_final=True)
        landing.judge(connection_id, "accepted")
    write_inputs(home, landing, "bench-next")


def _results(home: Home) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = json.loads((home.dbt_target / "run_results.json").read_bytes())["results"]
    if bad := [result["unique_id"] for result in results if result["status"] in ("error", "fail", "skipped")]:
        raise SideFailedError(f"dbt did not build {bad[:5]}")
    return results


def _seconds(home: Home) -> dict[str, float]:
    """Seconds of each model in the last build, the longest first."""
    models = [result for result in _results(home) if result["unique_id"].startswith("model.")]
    models.sort(key=lambda result: -result["execution_time"])
    return {result["unique_id"].split(".")[2]: result["execution_time"] for result in models}


def _tests(home: Home) -> int:
    return sum(result["unique_id"].startswith("test.") for result in _results(home))


def _row(name: str, sample: Sample) -> tuple[str, ...]:
    return (name, f"{sample.wall:.1f}", f"{sample.cpu:.1f}", f"{sample.peak_mb:,.0f}")


def _by_hand(home: Home, names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """A row for each of `names`."""
    compiled = {file.stem: file for file in (home.dbt_target / "compiled").rglob("*.sql")}
    listed = json.loads((home.dbt_inputs / "streams.json").read_bytes())
    files = {f"{{{each['stream']}}}": str(each["files"]) for each in listed}
    out = home.root / "by_hand.duckdb"
    settings = {"threads": 2, "memory_limit": "5GB", "preserve_insertion_order": "false"}
    with duckdb.connect(config={**settings, "temp_directory": str(home.dbt_spill)}) as session:
        session.execute("set TimeZone = 'UTC'")
        session.execute(f"attach '{home.warehouse}' as warehouse (read_only)")
        session.execute(f"attach '{out}' as out")
        session.execute("use warehouse")
        for name in names:
            if name in BY_HAND:
                yield _row_by_hand(session, name, compiled[name].read_text(), files)
            else:
                yield (f"{name}: nobody has written it by hand", *[""] * 6)
    out.unlink()


def _row_by_hand(session: duckdb.DuckDBPyConnection, name: str, sql: str, files: Mapping[str, str]) -> tuple[str, ...]:
    """Seconds and CPU seconds of both sides of one table."""
    query = BY_HAND[name]
    by_hand = query.sql
    for stream, paths in files.items():
        by_hand = by_hand.replace(stream, paths)
    turns = [(_timed(session, sql, query.keys), _timed(session, by_hand, query.keys)) for _ in range(TURNS)]
    rows = [one.rows for turn in turns for one in turn]
    if len(set(rows)) > 1:
        raise SideFailedError(f"{name} by hand gives other rows: {rows}")
    sides = [[turn[side] for turn in turns] for side in (0, 1)]
    wall = [min(one.wall for one in side) for side in sides]
    cpu = [min(one.cpu for one in side) for side in sides]
    figures = (wall[0], cpu[0], wall[1], cpu[1])
    ratios_shown = (f"{wall[0] / wall[1]:.2f}x", f"{cpu[0] / cpu[1]:.2f}x")
    return (f"{name}, {rows[0][0]:,} rows", *(f"{figure:.2f}" for figure in figures), *ratios_shown)


@dataclass(frozen=True)
class Made:
    """How a table was made: seconds, CPU seconds of all threads; how many rows it has, and a hash over their keys."""

    wall: float
    cpu: float
    rows: tuple[int, int]


def _timed(session: duckdb.DuckDBPyConnection, sql: str, keys: str) -> Made:
    wall, cpu = time.perf_counter(), time.process_time()
    session.execute(f"create or replace table out.made as {sql}")
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    row = session.execute(f"select count(*), sum(hash(k)) from (select {keys} from out.made) as k").fetchone()
    assert row is not None
    return Made(wall, cpu, (int(row[0]), int(row[1])))
