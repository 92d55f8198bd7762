"""What every source lands beside its records: the connection's own description, and its coverage."""

from __future__ import annotations

import dataclasses
from typing import Any

from extractors.connection import Connection, Coverage, ExtractReport
from extractors.landing import Batch
from extractors.rows import canonical_json

CONNECTIONS = "pmo/connections"
COVERAGE = "pmo/coverage"


def land_connection(
    batch: Batch,
    connection: Connection,
    *,
    deployment: str,
    name: str,
    url: str,
    time_zone: str | None,
    tool_version: str | None = None,
) -> int:
    """The row of pmo/connections: how the tool describes itself. `time_zone` is the one that is in force."""
    facts: dict[str, Any] = {
        "kind": connection.kind,
        "tool": connection.tool,
        "deployment": deployment,
        "name": name,
        "url": url,
        "time_zone": time_zone,
        "tool_version": tool_version,
    }
    return batch.append(CONNECTIONS, [{"record_id": connection.id, "payload": canonical_json(facts), **facts}])


def land_coverage(batch: Batch, report: ExtractReport) -> int:
    """The rows of pmo/coverage for this run."""
    return batch.append(COVERAGE, [_coverage_row(report.run_id, row) for row in report.coverage])


def _coverage_row(run_id: str, row: Coverage) -> dict[str, Any]:
    facts = dataclasses.asdict(row)
    return {"record_id": f"{run_id}:{row.stream}:{row.project}", "payload": canonical_json(facts), **facts}
