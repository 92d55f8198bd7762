"""A served organisation with a landing, and the runs between: what the tests of Azure DevOps work with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from extractors.azure_devops.source import AzureDevOpsSource
from extractors.connection import AzureDevOpsConnection, ExtractReport, Secret
from extractors.http import RetryPolicy
from extractors.landing import Landing, Run
from tests.extractors.azure_devops_server import AzureDevOpsServer, Organisation

HURRIED = RetryPolicy(attempts=3, first_attempts=2, total_seconds=20, wait_initial=0.01, wait_max=0.05)
NOW = datetime(2026, 2, 1, tzinfo=UTC)


class Site:
    """A served organisation with a landing, and the runs between."""

    def __init__(self, folder: Path, organisation: Organisation, server: AzureDevOpsServer) -> None:
        self.organisation, self.server = organisation, server
        self.landing = Landing(folder / "home")
        self.runs = 0

    def connection(self, **changes: Any) -> AzureDevOpsConnection:
        settings = {"id": "ado", "url": self.server.url, "token": Secret("good"), "token_env": "ADO_TOKEN"}
        return AzureDevOpsConnection(**{**settings, "authority": self.server.origin, **changes})

    def source(self, **changes: Any) -> AzureDevOpsSource:
        return AzureDevOpsSource(self.connection(**changes), retry=HURRIED)

    def run(self, *, is_full: bool = False, **changes: Any) -> ExtractReport:
        self.runs += 1
        run = Run(f"run-{self.runs}", NOW + timedelta(hours=self.runs), is_full=is_full)
        self.organisation.now = run.started_at
        report = self.source(**changes).extract(self.landing, run)
        self.landing.judge("ado", "accepted")
        return report

    def rows(self, stream: str) -> dict[str, dict[str, Any]]:
        name = f"azure_devops/{stream}" if "/" not in stream else stream
        table = self.landing.latest(name, "ado", self.landing.table(name).schema.names)
        return {row["record_id"]: row for row in table.to_pylist() if not row["is_deleted"]}

    def written(self, stream: str = "azure_devops/revisions") -> int:
        """Rows ever written."""
        return sum(file.rows for file in self.landing.table(stream).files("ado"))

    def expected_revisions(self) -> set[str]:
        return {f"{record['id']}:{record['rev']}" for record in self.organisation.feed}

    def feed_requests(self) -> list[str]:
        """Those of the feed of revisions, without the list of last revisions at the same address."""
        asked = self.organisation.requests
        return [one for one in asked if "workitemrevisions" in one and "includeLatestOnly" not in one]

    def asked(self, part: str) -> int:
        return sum(part in request for request in self.organisation.requests)


def coverage(
    report: ExtractReport, stream: str = "azure_devops/revisions"
) -> dict[str, tuple[int | None, int | None, int]]:
    return {row.project: (row.expected, row.got, row.deleted) for row in report.coverage if row.stream == stream}
