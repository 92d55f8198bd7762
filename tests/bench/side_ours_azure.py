"""Azure DevOps into Delta: `python -m tests.bench.side_ours_azure URL HOME whole|feed`. Prints what it counted.

`feed` lands the two reporting feeds alone, `whole` is a run as `pmo run` makes it. `cpu`: seconds without the imports.
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

from extractors.azure_devops.client import AzureDevOpsClient
from extractors.azure_devops.cursor import AzureDevOpsCursor
from extractors.azure_devops.feeds import Feeds
from extractors.azure_devops.items import landed_items
from extractors.azure_devops.people import People
from extractors.azure_devops.records import RevisionReader, field_names
from extractors.azure_devops.source import AzureDevOpsSource
from extractors.connection import SILENT, AzureDevOpsConnection, ExtractReport, Secret
from extractors.landing import Landing, Run
from extractors.writing import Writer

CONNECTION = "bench"


def whole(connection: AzureDevOpsConnection, landing: Landing, run: Run) -> ExtractReport:
    report = AzureDevOpsSource(connection).extract(landing, run)
    if not report.is_complete:
        raise SystemExit("\n".join(map(str, report.failures)))
    return report


def feed(connection: AzureDevOpsConnection, landing: Landing, run: Run) -> ExtractReport:
    client = AzureDevOpsClient(connection)
    report, cursor, people = ExtractReport(CONNECTION, run.run_id), AzureDevOpsCursor(), People()
    writer = Writer(landing, run, connection, report)
    feeds = Feeds(client, writer, people, cursor, lambda: writer.commit({}), SILENT)
    known = [record["referenceName"] for record in client.fields()]
    reader = RevisionReader(field_names(CONNECTION, {}, known)[0], people)
    revisions, links = feeds.pages_of_revisions(reader.asked_fields), feeds.pages_of_links()
    feeds.land_revisions(revisions, reader, None, landed_items(landing, CONNECTION))
    feeds.land_links(links, {}, None)
    writer.commit({}, is_final=True)
    report.requests = client.http.adapter.requests
    return report


def main(url: str, home: str, kind: str) -> None:
    started = time.process_time()
    connection = AzureDevOpsConnection(id=CONNECTION, url=url, token=Secret("sandbox"))
    landing, run = Landing(Path(home)), Run(uuid.uuid4().hex, datetime.now(UTC))
    report = (whole if kind == "whole" else feed)(connection, landing, run)
    landing.judge(CONNECTION, "accepted")
    landed = {name.partition("/")[2]: count.landed for name, count in report.streams.items()}
    cpu = time.process_time() - started
    sys.stdout.write(json.dumps({"requests": report.requests, "landed": landed, "cpu": cpu}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
