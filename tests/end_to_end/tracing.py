"""The chain of `pmo explain`, followed for values of a real publication: evidence, steps, raw records, landed files."""

from __future__ import annotations

from pathlib import Path

import duckdb

from orchestration.explained_scope import Row
from orchestration.explanation import Explanation
from orchestration.paths import Home


def broken_links(home: Path, values: int = 40) -> list[str]:
    """What is missing between values and the files that they were landed in; a value of each KPI and type of scope."""
    found: list[str] = []
    with Explanation(Home.of({"PMO_HOME": str(home)})) as explanation:
        sample = explanation.rows(
            """
            select scorecard.*, sprint.name as sprint_name
            from kpi_scorecard as scorecard left join dim_sprint as sprint using (sprint_key)
            where value > 0
            qualify row_number() over (partition by kpi_id, scorecard.scope_type order by hash(figure_key)) = 1
            order by hash(figure_key) limit ?
            """,
            [values],
        )
        assert len(sample) == values
        for value in sample:
            evidence = explanation.evidence(value)
            named = f"{value['kpi_id']} of {value['scope_type']} {value['scope_name']} {value['period_start_date']}"
            if not evidence:
                found.append(f"{named}: no evidence")
            for row in evidence[:2]:
                found += [f"{named}: {fault}" for fault in _faults(explanation, value, row)]
    return found


def _faults(explanation: Explanation, value: Row, row: Row) -> list[str]:
    steps = explanation.history(value, row["item_key"]) if row["item_key"] else [row]
    records = explanation.raw_records((step["connection_id"], step["raw_record_key"]) for step in steps)
    found = [] if steps else [f"{row['item_ref']} has no history"]
    for step in steps:
        record = records.get((step["connection_id"], step["raw_record_key"]))
        if record is None:
            found.append(f"no record {step['raw_record_key']}")
        elif not _is_in_file(step, record):
            found.append(f"{record['landed_file']} does not hold {step['raw_record_key']}")
    return found


def _is_in_file(step: Row, record: Row) -> bool:
    """Whether the file that is named holds the record with the hash that is told, landed by the run that is told."""
    sql = """
        select count(*) from read_parquet(?)
        where connection_id = ? and record_id = ? and payload_hash = ? and run_id = ?
    """
    record_id = step["raw_record_key"].partition("|")[2]
    bound = [record["landed_file"], step["connection_id"], record_id, record["payload_hash"], record["run_id"]]
    row = duckdb.execute(sql, bound).fetchone()
    return row is not None and row[0] > 0
