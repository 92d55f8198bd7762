"""The sandbox's survey tools on a free port, around replies that a test puts down, edits and takes away."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
import uvicorn

from extractors.access import RetryPolicy
from extractors.connection import (
    ApiQuestion,
    ExtractReport,
    QualtricsConnection,
    Secret,
    SurveyMonkeyConnection,
    TypeformConnection,
)
from extractors.landing import Landing, Run
from extractors.surveys.api.source import SurveyApiSource
from extractors.surveys.qualtrics.client import Polling
from extractors.surveys.qualtrics.source import QualtricsSource
from extractors.surveys.surveymonkey.source import SurveyMonkeySource
from extractors.surveys.typeform.source import TypeformSource
from sandbox.servers.gate import Control, Gate
from sandbox.servers.run import listen
from sandbox.servers.survey_app import open_door, survey_app
from sandbox.servers.survey_desk import ListDesk, Reply
from sandbox.servers.surveymonkey_app import Quota

TOOLS = ("qualtrics", "surveymonkey", "typeform")
IDS = {
    "qualtrics": ("SV_nps00000000001", "SV_csat0000000001"),
    "surveymonkey": ("400000001", "400000002"),
    "typeform": ("npsForm1", "csatForm"),
}
CSAT_OF_QUALTRICS = ApiQuestion(metric="csat", question="Q1", survey=IDS["qualtrics"][1])
NPS_OF_QUALTRICS = ApiQuestion(metric="nps", question="QID1", survey=IDS["qualtrics"][0])
PATIENCE = RetryPolicy(wait_initial=0.01, wait_max=0.05, total_seconds=20)
TOKEN = "canary-token-of-the-survey-tool"


def reply(number: int, score: int | None, *, days_ago: float = 5, form: str = "nps", **changes: Any) -> Reply:
    """A reply of `form`, submitted so many days ago and not changed since."""
    at = (datetime.now(UTC) - timedelta(days=days_ago)).replace(microsecond=0)
    facts: dict[str, Any] = {"email": f"person{number}@example.org", "comment": f"words {number}", "team": "Rhine"}
    return Reply(id=number, form=form, submitted_at=at, modified_at=at, score=score, **facts | changes)


MANY = [reply(number, number % 11, days_ago=1 + number % 40) for number in range(1, 261)]


def counts(report: ExtractReport) -> list[tuple[str, int | None, int | None, int, int]]:
    """The coverage: survey, expected, got, deleted, skipped."""
    return [(row.project, row.expected, row.got, row.deleted, row.skipped) for row in report.coverage]


def edit(one: Reply, score: int | None, *, hours_ago: float = 0.5) -> None:
    one.score = score
    one.modified_at = (datetime.now(UTC) - timedelta(hours=hours_ago)).replace(microsecond=0)


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass
class Tools:
    """One served desk and a landing beside it."""

    desk: ListDesk
    url: str
    home: Path
    runs: int = 0
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.landing = Landing(self.home)

    def connection(self, tool: str, **changes: Any) -> Any:
        kinds = {
            "qualtrics": QualtricsConnection,
            "surveymonkey": SurveyMonkeyConnection,
            "typeform": TypeformConnection,
        }
        settings: dict[str, Any] = {
            "id": tool,
            "url": self.url,
            "token": Secret(TOKEN),
            "token_env": "SURVEY_TOKEN",
            "survey_ids": IDS[tool][:1],
            "scope_type": "team",
            "scope_field": "team",
            "pseudonym_key": Secret("canary-key"),
            "respondent_field": "email" if tool == "typeform" else None,
        }
        return kinds[tool](**{**settings, **self.settings, **changes})

    def source(self, tool: str, *, retry: RetryPolicy = PATIENCE, **changes: Any) -> SurveyApiSource:
        connection = self.connection(tool, **changes)
        if tool == "qualtrics":
            return QualtricsSource(connection, retry=retry, polling=Polling(first=0.01, longest=0.02, total=1))
        if tool == "surveymonkey":
            return SurveyMonkeySource(connection, retry=retry)
        return TypeformSource(connection, retry=retry)

    def run(self, tool: str, *, is_full: bool = False, is_census: bool = False, **changes: Any) -> ExtractReport:
        self.runs += 1
        run = Run(f"run-{self.runs}", datetime.now(UTC), is_full=is_full, is_census=is_census)
        report = self.source(tool, **changes).extract(self.landing, run)
        self.landing.judge(tool, "accepted")
        return report

    def rows(self, tool: str, stream: str = "surveys/responses") -> list[dict[str, Any]]:
        table = self.landing.latest(stream, tool, self.landing.table(stream).schema.names)
        return [row for row in table.to_pylist() if not row["is_deleted"]]

    def scores(self, tool: str) -> dict[int, float | None]:
        """Number of the reply -> its landed score."""
        return {number_of(tool, row["response_id"]): row["score"] for row in self.rows(tool)}

    def versions(self, tool: str) -> int:
        return sum(file.rows for file in self.landing.table("surveys/responses").files(tool))

    def fault(self, match: str, kind: str, **more: Any) -> None:
        faults = [{"match": match, "kind": kind, **more}]
        requests.post(f"{self.url}/_sandbox/faults", json=faults, timeout=10).raise_for_status()

    def heal(self) -> None:
        requests.delete(f"{self.url}/_sandbox/faults", timeout=10).raise_for_status()

    def asked(self) -> list[dict[str, Any]]:
        """Requests since the last time, the oldest first."""
        found: list[dict[str, Any]] = requests.get(f"{self.url}/_sandbox/requests", timeout=10).json()
        requests.delete(f"{self.url}/_sandbox/requests", timeout=10).raise_for_status()
        return found


def number_of(tool: str, response_id: str) -> int:
    if tool == "qualtrics":
        return int(response_id.removeprefix("R_"))
    return int(response_id) - 10**10 if tool == "surveymonkey" else int(response_id, 16)


@contextmanager
def served(home: Path, replies: Sequence[Reply] = (), *, quota: Quota | None = None) -> Iterator[Tools]:
    """The desk's clock is the wall's, but stands still."""
    desk = ListDesk(datetime.now(UTC), replies)
    with serving(desk, home, quota) as tools:
        yield tools


@contextmanager
def serving(desk: ListDesk, home: Path, quota: Quota | None = None) -> Iterator[Tools]:
    listener = listen(0)
    app = Gate("surveys", survey_app(home / "files", desk, quota), open_door, Control(), lambda: desk.now)
    server = _Server(uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield Tools(desk, f"http://127.0.0.1:{listener.getsockname()[1]}", home)
    finally:
        server.should_exit = server.force_exit = True  # idle connections are not waited for
        thread.join(10)
        listener.close()
