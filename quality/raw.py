"""Judge raw streams: DuckDB computes each suite's measures per connection, Great Expectations judges them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd

from quality.measuring import examples_sql, measures_sql
from quality.result import CheckResult
from quality.runner import Judged, Runner
from quality.suite import Suite
from quality.suites.raw import FRESHNESS, RAW_SUITES

_SESSION = "set TimeZone = 'UTC'; set memory_limit = '2GB'; set threads = 2; set preserve_insertion_order = false"


@dataclass(frozen=True)
class RawConnection:
    """One connection whose landed rows wait for a verdict.

    is_read: this run read it to its end, so its new rows are judged; of any other only the freshness.
    last_complete_read: by the source's clock, start of the last read to its end that counts; this run's if is_read.
    usual_lag: how far the source's clock was behind ours at earlier reads, at least; None if this is the first.
    previous_run_id: the run before this one whose data was accepted.
    reported_cuts: records whose history the tool itself gives only in part, as the run has reported.
    """

    connection_id: str
    last_complete_read: datetime | None = None
    previous_run_id: str | None = None
    is_read: bool = True
    usual_lag: timedelta | None = None
    reported_cuts: tuple[str, ...] = ()

    def age_hours(self, now: datetime) -> float | None:
        """Negative if the source's clock is ahead of ours."""
        return _hours(now - self.last_complete_read) if self.last_complete_read else None

    def fallen_behind_hours(self, now: datetime) -> float:
        """How much further the source is behind than it used to be. One that is ahead is not behind.

        A clock that has always been wrong by the same is no news; one that stands still is.
        """
        age = self.age_hours(now)
        if not self.is_read or age is None or self.usual_lag is None:
            return 0.0
        return max(0.0, age - max(0.0, _hours(self.usual_lag)))


@dataclass(frozen=True)
class RawRequest:
    """What to judge: the landed files of one tool's streams (and pmo/*), and which batches of them count.

    `visible_batches`: accepted and pending ones; `new_batches`: the pending ones alone. `now`: start of the run.
    `spill`: the folder for what does not fit into memory; made when it is needed, empty afterwards.
    """

    tool: str
    run_id: str
    connections: tuple[RawConnection, ...]
    now: datetime
    files: Mapping[str, tuple[str, ...]]
    spill: Path
    visible_batches: tuple[str, ...] = ()
    new_batches: tuple[str, ...] = field(default=())


def judge_raw(runner: Runner, request: RawRequest) -> list[CheckResult]:
    """Results of every suite of the request's streams, one per measure and connection; freshness and coverage first."""
    order = sorted(request.files, key=lambda stream: (not stream.startswith("pmo/"), stream))
    with in_memory(request.spill) as session:
        _load_batches(session, request)
        read = [each.connection_id for each in request.connections if each.is_read]
        streams = [stream for stream in order if stream in RAW_SUITES] if read else []
        judged = [_freshness(session), *(_measure(session, RAW_SUITES[stream], request, read) for stream in streams)]
        results = runner.judge(f"{request.run_id} {request.tool}", judged)
        return [_with_examples(session, result, request) for result in results]


def in_memory(spill: Path) -> duckdb.DuckDBPyConnection:
    """A session without a file; without a folder of its own it would write what it has no room for where it runs."""
    spill.parent.mkdir(parents=True, exist_ok=True)
    session = duckdb.connect(config={"temp_directory": str(spill)})
    session.execute(_SESSION)
    return session


def _hours(span: timedelta) -> float:
    return span.total_seconds() / 3600


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
                each.age_hours(now),
                each.fallen_behind_hours(now),
                each.previous_run_id,
            )
            for each in request.connections
        ],
        columns=["connection_id", "age_hours", "fallen_behind_hours", "previous_run_id"],
    ).astype({"connection_id": "object", "age_hours": "float64", "previous_run_id": "object"})
    cuts = pd.DataFrame(
        [(each.connection_id, record) for each in request.connections for record in each.reported_cuts],
        columns=["connection_id", "record_id"],
    ).astype("object")
    session.register("batch_frame", batches)
    session.register("connection_frame", connections)
    session.register("cut_frame", cuts)
    session.execute("create temp table batches as select batch_id::varchar as batch_id, is_new from batch_frame")
    session.execute(
        "create temp table connections as select connection_id::varchar as connection_id, age_hours,"
        " fallen_behind_hours, previous_run_id::varchar as previous_run_id, coalesce((select list(record_id::varchar)"
        " from cut_frame where cut_frame.connection_id::varchar = connection_frame.connection_id::varchar), [])"
        " as reported_cuts from connection_frame"
    )


def _relation(files: tuple[str, ...], request: RawRequest) -> tuple[str, list[object]]:
    """The visible rows of a stream with what the measures ask for beside its columns."""
    sql = """
        select stream.*, batches.is_new, connections.previous_run_id, connections.reported_cuts,
               ?::varchar as this_run_id,
               -- The source's clock may be ahead of ours.
               greatest(?::timestamptz, ?::timestamptz - to_seconds(3600 * connections.age_hours)) as now_at
        from read_parquet(?, union_by_name = true) as stream
        inner join batches using (batch_id)
        inner join connections using (connection_id)
    """
    now = request.now.astimezone(UTC)
    return sql, [request.run_id, now, now, list(files)]


def _freshness(session: duckdb.DuckDBPyConnection) -> Judged:
    """The frame of what the ledger says of every connection, read or not."""
    sql = measures_sql(FRESHNESS, "select * from connections", by="connection_id")
    return Judged(FRESHNESS, session.execute(sql).df())


def _measure(
    session: duckdb.DuckDBPyConnection, suite: Suite, request: RawRequest, connection_ids: list[str]
) -> Judged:
    """The frame of a suite: one row per connection, also for one that has no row in the stream.

    A measure that cannot be computed for a connection that has rows stays empty, which fails.
    """
    files = request.files[suite.asset]
    if files:
        relation, parameters = _relation(files, request)
        sql = measures_sql(suite, relation, by="connection_id")
        found = session.execute(sql, parameters).df().set_index("connection_id")
    else:
        found = pd.DataFrame(index=pd.Index([], name="connection_id"))
    frame = found.reindex(index=connection_ids, columns=[measure.name for measure in suite.measures]).astype("float64")
    frame.loc[~frame.index.isin(found.index)] = 0.0  # a connection without any row has 0 of everything
    return Judged(suite, frame.rename_axis("connection_id").reset_index())


def _with_examples(session: duckdb.DuckDBPyConnection, result: CheckResult, request: RawRequest) -> CheckResult:
    """Name a few of the rows that violate the measure."""
    suite = RAW_SUITES.get(result.asset)
    measure = next((each for each in suite.measures if each.name == result.name), None) if suite else None
    if result.passed or measure is None or measure.examples is None or not request.files[result.asset]:
        return result
    relation, parameters = _relation(request.files[result.asset], request)
    sql = examples_sql(measure, f"select * from ({relation}) where connection_id = ?")  # noqa: S608 - our own texts
    found = [str(row[0]) for row in session.execute(sql, [*parameters, result.connection_id]).fetchall()]
    return result.with_examples(found)
