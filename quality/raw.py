"""Judge raw streams: DuckDB computes each suite's measures per connection, Great Expectations judges them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import duckdb
import pandas as pd

from quality.measuring import examples_sql, measures_sql
from quality.result import CheckResult
from quality.runner import Judged, Runner
from quality.suite import Suite
from quality.suites.raw import RAW_SUITES

_SESSION = "set TimeZone = 'UTC'; set memory_limit = '2GB'; set threads = 2; set preserve_insertion_order = false"


@dataclass(frozen=True)
class RawConnection:
    """One connection whose landed rows wait for a verdict.

    last_complete_read: start of the last run that read the source to its end, the present one included.
    previous_run_id: the run before this one whose data was accepted.
    """

    connection_id: str
    last_complete_read: datetime | None = None
    previous_run_id: str | None = None


@dataclass(frozen=True)
class RawRequest:
    """What to judge: the landed files of one tool's streams (and pmo/*), and which batches of them count.

    `visible_batches`: accepted and pending ones; `new_batches`: the pending ones alone. `now`: start of the run.
    """

    tool: str
    run_id: str
    connections: tuple[RawConnection, ...]
    now: datetime
    files: Mapping[str, tuple[str, ...]]
    visible_batches: tuple[str, ...] = ()
    new_batches: tuple[str, ...] = field(default=())


def judge_raw(runner: Runner, request: RawRequest) -> list[CheckResult]:
    """Results of every suite of the request's streams, one per measure and connection; freshness and coverage first."""
    order = sorted(request.files, key=lambda stream: (not stream.startswith("pmo/"), stream))
    with duckdb.connect() as session:
        session.execute(_SESSION)
        _load_batches(session, request)
        judged = [_measure(session, RAW_SUITES[stream], request) for stream in order if stream in RAW_SUITES]
        results = runner.judge(f"{request.run_id} {request.tool}", judged)
        return [_with_examples(session, result, request) for result in results]


def _load_batches(session: duckdb.DuckDBPyConnection, request: RawRequest) -> None:
    new = set(request.new_batches)
    batches = pd.DataFrame(
        [(batch, batch in new) for batch in request.visible_batches], columns=["batch_id", "is_new"]
    ).astype({"batch_id": "object", "is_new": "bool"})
    now = request.now.astimezone(UTC)
    connections = pd.DataFrame(
        [
            (
                each.connection_id,
                (now - each.last_complete_read).total_seconds() / 3600 if each.last_complete_read else None,
                each.previous_run_id,
            )
            for each in request.connections
        ],
        columns=["connection_id", "age_hours", "previous_run_id"],
    ).astype({"connection_id": "object", "age_hours": "float64", "previous_run_id": "object"})
    session.register("batch_frame", batches)
    session.register("connection_frame", connections)
    session.execute("create temp table batches as select batch_id::varchar as batch_id, is_new from batch_frame")
    session.execute(
        "create temp table connections as select connection_id::varchar as connection_id,"
        " age_hours, previous_run_id::varchar as previous_run_id from connection_frame"
    )


def _relation(files: tuple[str, ...], request: RawRequest) -> tuple[str, list[object]]:
    """The visible rows of a stream with what the measures ask for beside its columns."""
    sql = """
        select stream.*, batches.is_new, connections.age_hours, connections.previous_run_id,
               ?::varchar as this_run_id,
               -- The source's clock may be ahead of ours.
               greatest(?::timestamptz, ?::timestamptz - to_seconds(3600 * connections.age_hours)) as now_at
        from read_parquet(?, union_by_name = true) as stream
        inner join batches using (batch_id)
        inner join connections using (connection_id)
    """
    now = request.now.astimezone(UTC)
    return sql, [request.run_id, now, now, list(files)]


def _measure(session: duckdb.DuckDBPyConnection, suite: Suite, request: RawRequest) -> Judged:
    """The frame of a suite: one row per connection, also for one that has no row in the stream."""
    files = request.files[suite.asset]
    ids = [each.connection_id for each in request.connections]
    if files:
        relation, parameters = _relation(files, request)
        sql = measures_sql(suite, relation, by="connection_id")
        found = session.execute(sql, parameters).df().set_index("connection_id")
    else:
        found = pd.DataFrame(index=pd.Index([], name="connection_id"))
    frame = found.reindex(index=ids, columns=[measure.name for measure in suite.measures])
    # A connection without any row: it has 0 of everything, and its age is infinite.
    for measure in suite.measures:
        if measure.name not in found.columns or frame[measure.name].isna().any():
            nothing = 1e9 if measure.name == "hours_since_last_complete_read" else 0.0
            frame[measure.name] = frame[measure.name].astype("float64").fillna(nothing)
    return Judged(suite, frame.astype("float64").rename_axis("connection_id").reset_index())


def _with_examples(session: duckdb.DuckDBPyConnection, result: CheckResult, request: RawRequest) -> CheckResult:
    """Name a few of the rows that violate the measure."""
    suite = RAW_SUITES[result.asset]
    measure = next((each for each in suite.measures if each.name == result.name), None)
    if result.passed or measure is None or measure.examples is None or not request.files[result.asset]:
        return result
    relation, parameters = _relation(request.files[result.asset], request)
    sql = examples_sql(measure, f"select * from ({relation}) where connection_id = ?")  # noqa: S608 - our own texts
    found = [str(row[0]) for row in session.execute(sql, [*parameters, result.connection_id]).fetchall()]
    return result.with_examples(found)
