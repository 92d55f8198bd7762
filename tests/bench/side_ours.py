"""One extraction of a Jira site into Delta: `python -m tests.bench.side_ours URL HOME`. Prints what it counted."""

from __future__ import annotations

import json
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

from extractors.connection import JiraConnection, Secret
from extractors.jira.source import JiraSource
from extractors.landing import Landing, Run

CONNECTION = "bench"
STARTED = time.process_time()  # seconds of CPU that the start of the program and its imports took


def main(url: str, home: str) -> None:
    connection = JiraConnection(id=CONNECTION, url=url, token=Secret("sandbox"), username="me@example.com")
    landing = Landing(Path(home))
    report = JiraSource(connection).extract(landing, Run(uuid.uuid4().hex, datetime.now(UTC)))
    landing.judge(CONNECTION, "accepted")
    if not report.is_complete:
        raise SystemExit("\n".join(map(str, report.failures)))
    landed = {name: count.landed for name, count in report.streams.items()}
    sys.stdout.write(json.dumps({"requests": report.requests, "landed": landed, "start_cpu": STARTED}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
