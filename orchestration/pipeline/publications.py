"""The log of what was published: Delta table `raw/pmo/publications`, one row per figure and change.

A figure is a value of the scorecard (its `figure_key`). A row is added when its value, what the value is made of, or
its being final has changed since the figure was last written, or when the figure is gone; so the log grows with
changes, not with publications, and the scorecard of any publication can be read back from it: the last row of each
figure up to then. Rows of restatements carry their causes. Publications as of an earlier date are not in it.
"""

from __future__ import annotations

import json
import os
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake

from orchestration.paths import Home

CAUSE = pa.struct(
    {
        "item_key": pa.string(),
        "response_key": pa.string(),
        "change": pa.string(),
        "old_contribution": pa.float64(),
        "new_contribution": pa.float64(),
        "record_count": pa.int64(),
        "raw_record_keys": pa.list_(pa.string()),
        "batch_ids": pa.list_(pa.string()),
        "extraction_run_ids": pa.list_(pa.string()),
    }
)
INSTANT = pa.timestamp("us", "UTC")
LOG = pa.schema(
    {
        "figure_key": pa.string(),
        "kpi_id": pa.string(),
        "scope_type": pa.string(),
        "scope_key": pa.string(),
        "scope_name": pa.string(),
        "connection_id": pa.string(),
        "period_type": pa.string(),
        "period_start_date": pa.date32(),
        "sprint_key": pa.string(),
        "policy_id": pa.string(),
        "policy_version": pa.int64(),
        "definition_version": pa.int32(),
        "value": pa.float64(),
        "unit": pa.string(),
        "numerator": pa.float64(),
        "denominator": pa.float64(),
        "sample_items": pa.int64(),
        "target_value": pa.float64(),
        "status": pa.string(),
        "trust_ratio": pa.float64(),
        "is_final": pa.bool_(),
        "is_withdrawn": pa.bool_(),
        "data_as_of_at": INSTANT,
        "run_id": pa.string(),
        "published_at": INSTANT,
        "publication": pa.string(),
        "cause": pa.string(),
        "cause_text": pa.string(),
        "cause_items": pa.int64(),
        "causes": pa.list_(CAUSE),
    }
)
# What dbt reads of the log, beside the figure's own columns.
LAST = pa.schema(
    [
        *[LOG.field(name) for name in LOG.names if name not in ("publication", "unit", "numerator", "denominator")],
        pa.field("old_value", pa.float64()),
        pa.field("old_published_at", INSTANT),
        pa.field("first_value", pa.float64()),
        pa.field("first_published_at", INSTANT),
        pa.field("last_published_at", INSTANT),
        pa.field("is_last", pa.bool_()),
        pa.field("is_restatement", pa.bool_()),
    ]
)
# Tables of the last publication that the next build compares with, and their columns.
COMPARED: dict[str, pa.Schema] = {
    "kpi_evidence": pa.schema(
        {
            "kpi_id": pa.string(),
            "policy_id": pa.string(),
            "event_date": pa.date32(),
            "sprint_key": pa.string(),
            "item_key": pa.string(),
            "event_sequence": pa.int64(),
            "response_key": pa.string(),
            "role": pa.string(),
            "contribution": pa.float64(),
        }
    ),
    "fct_state_interval": pa.schema(
        {
            "item_key": pa.string(),
            "sequence": pa.int64(),
            "connection_id": pa.string(),
            "team_key": pa.string(),
            "project_key": pa.string(),
            "item_type": pa.string(),
            "stage": pa.string(),
            "entered_at": pa.timestamp("us"),
            "left_at": pa.timestamp("us"),
        }
    ),
}
DIFFERS = """(
    ({0} is null) <> ({1} is null) or abs({0} - {1}) > 1e-9 * greatest(1, abs({0}), abs({1}))
)"""
FIGURE = [field.name for field in LOG if field.name not in ("is_withdrawn", "run_id", "published_at", "publication")]
STORED = [name for name in FIGURE if not name.startswith("cause")]


class PublicationLog:
    """The log of one PMO_HOME."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._table = home.root / "raw" / "pmo" / "publications"

    def _session(self) -> duckdb.DuckDBPyConnection:
        """In memory; what does not fit goes to the folder that dbt's build uses, which does not run meanwhile."""
        self._home.dbt_spill.parent.mkdir(parents=True, exist_ok=True)
        session = duckdb.connect(config={"temp_directory": str(self._home.dbt_spill)})
        session.execute("set TimeZone = 'UTC'")
        return session

    def record(self) -> int:
        """Append what the current publication has changed; how many rows. Does nothing if it is in the log already.

        A run that was killed between publishing and recording is made good by the next one, which calls this first.
        """
        receipt = self._receipt()
        if receipt is None:
            return 0
        with self._session() as session:
            self._open(session)
            seen = session.execute("select 1 from log where publication = ? limit 1", [receipt["version"]]).fetchone()
            if seen is not None:
                return 0
            rows = self._changes(session, receipt)
        if rows.num_rows:
            self._table.mkdir(parents=True, exist_ok=True)
            write_deltalake(self._table, rows, mode="append", schema_mode="merge")
        return int(rows.num_rows)

    def write_inputs(self, folder: Path, *, is_past: bool) -> None:
        """What dbt compares with: figures as last published and all restatements so far; tables as last published.

        A build of the past compares with nothing.
        """
        published = folder / "published"
        (published / "empty").mkdir(parents=True, exist_ok=True)
        for name, schema in COMPARED.items():
            empty = published / "empty" / f"{name}.parquet"
            if not empty.exists():
                pq.write_table(schema.empty_table(), empty)
            current = self._home.published / "parquet" / f"{name}.parquet"
            _link(empty if is_past or not current.exists() else current, published / f"{name}.parquet")
        last = LAST.empty_table() if is_past else self._last()
        part = folder / "publications.parquet.part"
        pq.write_table(last, part, compression="zstd")
        part.replace(folder / "publications.parquet")

    def _receipt(self) -> dict[str, Any] | None:
        file = self._home.published / "publication.json"
        scorecard = self._home.published / "parquet" / "kpi_scorecard.parquet"
        if not file.exists() or not scorecard.exists() or "figure_key" not in pq.read_schema(scorecard).names:
            return None
        receipt: dict[str, Any] = json.loads(file.read_bytes())
        return receipt

    def _open(self, session: duckdb.DuckDBPyConnection) -> None:
        """The views `log` (rows of this form of the log) and `last` (the latest row of each figure)."""
        files = DeltaTable(self._table).file_uris() if DeltaTable.is_deltatable(str(self._table)) else []
        session.register("empty_log", LOG.empty_table())
        session.execute("set variable files = ?", [files])
        if files:
            session.execute("create view landed as from read_parquet(getvariable('files'), union_by_name = true)")
        else:
            session.execute("create view landed as from empty_log")
        session.execute(
            "create view log as "
            "select * from (from empty_log union all by name from landed) where figure_key is not null"
        )
        session.execute(
            "create view last as from log "
            "qualify row_number() over (partition by figure_key order by published_at desc, publication desc) = 1"
        )

    def _changes(self, session: duckdb.DuckDBPyConnection, receipt: dict[str, Any]) -> pa.Table:
        folder = self._home.published / "parquet"
        self._read_causes(session, folder)
        session.execute(f"create view scorecard as from '{_quoted(folder / 'kpi_scorecard.parquet')}'")
        columns = ", ".join(f"now.{name}" for name in STORED)
        gone = ", ".join(f"last.{name}" if name not in VALUES else f"null as {name}" for name in STORED)
        numbers = ("value", "numerator", "denominator")
        changed = " or ".join(DIFFERS.format(f"now.{name}", f"last.{name}") for name in numbers)
        stamps = [datetime.fromisoformat(receipt["published_at"]), receipt["version"]]
        found: pa.Table = session.sql(
            f"""
            with changed as (
                select {columns}, false as is_withdrawn, now.run_id
                from scorecard as now left join last using (figure_key)
                where last.figure_key is null or last.is_withdrawn or {changed}
                    or now.is_final is distinct from last.is_final or now.status is distinct from last.status
                    or now.sample_items is distinct from last.sample_items
                    or now.definition_version is distinct from last.definition_version
                    or now.policy_version is distinct from last.policy_version
                union all
                select {gone}, true as is_withdrawn, (select any_value(run_id) from scorecard)
                from last anti join scorecard using (figure_key) where not last.is_withdrawn
            )
            select changed.*, cast(? as timestamptz) as published_at, ? as publication,
                causes.cause, causes.cause_text, causes.cause_items, causes.causes
            from changed left join causes using (figure_key, run_id)
            order by figure_key
            """,  # noqa: S608 - names of this file, values are bound
            params=stamps,
        ).to_arrow_table()
        return found.select(LOG.names).cast(LOG)

    def _read_causes(self, session: duckdb.DuckDBPyConnection, folder: Path) -> None:
        """The view `causes`: of each restatement of this publication why, and which items."""
        restatements, items = folder / "kpi_restatement.parquet", folder / "kpi_restatement_item.parquet"
        if not restatements.exists() or not items.exists():
            names = ("figure_key", "run_id", "cause", "cause_text", "cause_items", "causes")
            session.register("causes", pa.schema([LOG.field(name) for name in names]).empty_table())
            return
        packed = ", ".join(f"{name} := {name}" for name in [field.name for field in CAUSE])
        session.execute(
            f"""
            create view causes as
            select figure_key, run_id, cause, cause_text, cause_items, causes
            from '{_quoted(restatements)}'
            left join (
                select restatement_key, list(struct_pack({packed}) order by item_key, response_key) as causes
                from '{_quoted(items)}' group by restatement_key
            ) using (restatement_key)
            """  # noqa: S608 - paths of this program
        )

    def _last(self) -> pa.Table:
        receipt = self._receipt()
        published_at = datetime.fromisoformat(receipt["published_at"]) if receipt else None
        with self._session() as session:
            self._open(session)
            found: pa.Table = session.sql(
                f"""
                with ordered as (
                    select *, lag(value) over figure as old_value, lag(published_at) over figure as old_published_at,
                        coalesce(lag(is_final and not is_withdrawn) over figure, false) as was_final,
                        lead(figure_key) over figure is null as is_last,
                        first_value(case when is_final then value end ignore nulls) over whole as first_value,
                        min(case when is_final then published_at end) over whole as first_published_at
                    from log
                    window figure as (partition by figure_key order by published_at, publication),
                        whole as (figure rows between unbounded preceding and unbounded following)
                ),
                judged as (
                    select *, was_final and {DIFFERS.format("value", "old_value")} as is_restatement,
                        cast(? as timestamptz) as last_published_at
                    from ordered
                )
                select * from judged where is_last or is_restatement order by figure_key, published_at
                """,  # noqa: S608 - texts of this file, values are bound
                params=[published_at],
            ).to_arrow_table()
        return found.select(LAST.names).cast(LAST)


VALUES = {"value", "numerator", "denominator", "sample_items", "target_value", "status", "trust_ratio"}


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _link(file: Path, place: Path) -> None:
    """The same file under another name where the disk allows it, else a copy; a reader sees the old or the new one."""
    part = place.with_name(place.name + ".part")
    part.unlink(missing_ok=True)
    try:
        os.link(file.resolve(), part)
    except OSError:
        shutil.copyfile(file, part)
    part.replace(place)
