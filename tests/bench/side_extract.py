"""One extraction into Delta: `python -m tests.bench.side_extract TOOL URL HOME [PROJECT]…`. Prints what it landed."""

from __future__ import annotations

import json
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

from extractors.azure_devops.source import AzureDevOpsSource
from extractors.connection import AzureDevOpsConnection, JiraConnection, Secret
from extractors.jira.source import JiraSource
from extractors.landing import Landing, Run


def main(tool: str, url: str, home: str, *projects: str) -> None:
    run, landing, token = Run(uuid.uuid4().hex, datetime.now(UTC)), Landing(Path(home)), Secret("sandbox")
    source: AzureDevOpsSource | JiraSource
    if tool == "azure_devops":
        source = AzureDevOpsSource(AzureDevOpsConnection(id="bench", url=url, token=token))
    else:
        user = "me@example.com" if tool == "jira_cloud" else ""
        source = JiraSource(JiraConnection(id="bench", url=url, token=token, username=user, projects=projects))
    report = source.extract(landing, run)
    if not report.is_complete:
        raise SystemExit("\n".join(map(str, report.failures)))
    landed = {name: count.landed for name, count in report.streams.items()}
    sys.stdout.write(json.dumps({"requests": report.requests, "landed": landed}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
