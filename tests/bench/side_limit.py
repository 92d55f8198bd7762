"""Status intervals and weekly throughput by hand: `python -m tests.bench.side_limit STREAMS_JSON DATABASE`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import duckdb

SQL = """
create view issues as
select * from read_parquet($issues)
qualify row_number() over (partition by record_id order by extracted_at desc) = 1 and not is_deleted;

create view moves as
select * from read_parquet($changes)
where attribute = 'status'
qualify row_number() over (partition by record_id order by extracted_at desc) = 1 and not is_deleted;

create table status_intervals as
with
    stays as (
        select issue_id, changed_at as entered_at, history_id, item_number, to_id as status_id from moves
        union all
        select
            issues.issue_id, issues.created_at, 0, 0,
            coalesce(
                (
                    select arg_min(from_id, (history_id, item_number)) from moves
                    where moves.issue_id = issues.issue_id
                ),
                issues.status_id
            )
        from issues
    )
select
    issue_id, status_id, entered_at,
    lead(entered_at) over (partition by issue_id order by entered_at, history_id, item_number) as left_at
from stays;

create table weekly_throughput as
with done as (
    select stay.issue_id, max(stay.entered_at) as done_at
    from status_intervals as stay join issues using (issue_id)
    where issues.status_category = 'done' and stay.left_at is null
    group by all
)
select date_trunc('week', done_at) as week, count(*) as items from done group by all;
"""


def main(streams: str, database: str) -> None:
    Path(database).unlink(missing_ok=True)
    files = {entry["stream"]: entry["files"] for entry in json.loads(Path(streams).read_bytes())}
    sql = SQL.replace("$issues", _listed(files["jira/issues"])).replace(
        "$changes", _listed(files["jira/issue_changes"])
    )
    with duckdb.connect(database, config={"threads": 2}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(sql)
        counts = connection.execute(
            "select (select count(*) from issues), (select count(*) from status_intervals), "
            "(select sum(items) from weekly_throughput)"
        ).fetchone()
    assert counts is not None
    issues, intervals, done = counts
    sys.stdout.write(json.dumps({"issues": issues, "intervals": intervals, "done": int(done or 0)}) + "\n")


def _listed(files: list[str]) -> str:
    return "[" + ", ".join("'" + file.replace("'", "''") + "'" for file in files) + "]"


if __name__ == "__main__":
    main(*sys.argv[1:])
