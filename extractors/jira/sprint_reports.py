"""Jira's own sprint report and velocity chart, to lay beside our figures. Optional: they stop nothing.

Both are answers that Jira's web pages ask for (`rest/greenhopper/1.0/rapid/charts/…`), in no published
description, so any site may refuse them, drop them or change them: then the coverage says so, and the
comparison is empty. They are read once for each close of a sprint, and only for the latest closed sprints
of a board (`sprint_reports` of the connection), so a run in which no sprint closed asks nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from msgspec import field as wire

from extractors.connection import Coverage
from extractors.errors import ExtractError
from extractors.jira.client import THREADS, JiraClient
from extractors.jira.metadata import short_reason
from extractors.jira.records import instant_of
from extractors.jira.site_rows import Board
from extractors.writing import Writer, in_parallel

STREAM = "jira/sprint_reports"
CHARTS = "/rest/greenhopper/1.0/rapid/charts"
Json = dict[str, Any]


class Number(Struct):
    value: float | None = None


class Statistic(Struct):
    value: Number | None = wire(default=None, name="statFieldValue")

    @property
    def number(self) -> float | None:
        return self.value.value if self.value else None


class ReportIssue(Struct):
    id: int | str
    key: str
    at_start: Statistic = wire(default_factory=Statistic, name="estimateStatistic")
    at_close: Statistic = wire(default_factory=Statistic, name="currentEstimateStatistic")


class Contents(Struct):
    completed: list[ReportIssue] = wire(name="completedIssues")
    not_completed: list[ReportIssue] = wire(name="issuesNotCompletedInCurrentSprint")
    removed: list[ReportIssue] = wire(name="puntedIssues")
    completed_elsewhere: list[ReportIssue] = wire(name="issuesCompletedInAnotherSprint")
    added: dict[str, bool] = wire(default_factory=dict, name="issueKeysAddedDuringSprint")


class SprintReport(Struct):
    contents: Contents


class VelocityEntry(Struct):
    estimated: Number | None = None
    completed: Number | None = None


class VelocityChart(Struct):
    entries: dict[str, VelocityEntry] = wire(default_factory=dict, name="velocityStatEntries")


class ClosedSprint(Struct, frozen=True):
    sprint_id: str
    board_id: str
    complete_at: datetime


class SprintReports:
    """Reads the reports of one run beside the issues, and lands them after."""

    def __init__(self, client: JiraClient, writer: Writer, *, is_again: bool = False) -> None:
        """`is_again`: read those that are known, too."""
        self._client = client
        self._writer = writer
        self._is_again = is_again
        self._limit = client.connection.sprint_reports
        self._known = {} if is_again or not self._limit else self._landed()
        self._wanted: list[ClosedSprint] = []
        self._missing: list[ClosedSprint] = []
        self._reports: list[tuple[ClosedSprint, SprintReport, VelocityChart]] = []
        self._reason: str | None = None

    def read(self, boards: Sequence[Board]) -> None:
        """Ask for what is missing. A report that cannot be read is a row of the coverage, never an error."""
        if not self._limit:
            return
        self._wanted = [sprint for board in boards for sprint in latest_closed(board, self._limit)]
        self._missing = [one for one in self._wanted if self._known.get(one.sprint_id) != one.complete_at]
        try:
            charts = dict(in_parallel(self._velocity, sorted({one.board_id for one in self._missing}), THREADS))
            for sprint, report in in_parallel(self._report, self._missing, THREADS):
                self._reports.append((sprint, report, charts[sprint.board_id]))
        except ExtractError as error:
            unread = "Jira's own sprint reports are an unpublished part of it, and cannot be read"
            self._reason = f"{unread}: {short_reason(error)}"

    def land(self) -> list[Coverage]:
        """Land what was read.

        There is a row in every run, also where nothing was missing: what a run no longer covers holds its connection.
        """
        if not self._limit:
            return [Coverage(STREAM, got=0, reason="not asked for: sprint_reports = 0")]
        read = {sprint.sprint_id for sprint, _, _ in self._reports}
        rows = [
            row
            for sprint, report, chart in self._reports
            for row in report_rows(sprint, report.contents, chart.entries.get(sprint.sprint_id))
        ]
        if read:
            self._writer.replace(STREAM, rows, lambda key: key.partition(":")[0] in read)
        count = len(self._wanted)
        if self._reason is None:
            return [Coverage(STREAM, expected=count, got=count)]
        missing = len(self._missing)
        return [Coverage(STREAM, expected=count, got=count - missing, skipped=missing, reason=self._reason)]

    def _landed(self) -> dict[str, datetime]:
        """The close for which each landed report was read, by sprint."""
        columns = ["record_id", "sprint_id", "complete_at", "is_deleted"]
        rows = self._writer.landing.latest(STREAM, self._client.connection.id, columns).to_pylist()
        return {row["sprint_id"]: row["complete_at"] for row in rows if row["complete_at"] and not row["is_deleted"]}

    def _velocity(self, board_id: str) -> VelocityChart:
        return self._client.http.get(f"{CHARTS}/velocity", VelocityChart, {"rapidViewId": board_id}).value

    def _report(self, sprint: ClosedSprint) -> SprintReport:
        asked = {"rapidViewId": sprint.board_id, "sprintId": sprint.sprint_id}
        return self._client.http.get(f"{CHARTS}/sprintreport", SprintReport, asked).value


def latest_closed(board: Board, limit: int) -> Iterator[ClosedSprint]:
    """The board's own closed sprints, the latest first. A sprint is reported by the board that it was made on."""
    closed = [
        ClosedSprint(str(raw["id"]), board.board_id, ended)
        for raw in board.sprints
        if raw.get("state") == "closed"
        and str(raw.get("originBoardId", board.board_id)) == board.board_id
        and (ended := instant_of(raw.get("completeDate") or raw.get("endDate"))) is not None
    ]
    yield from sorted(closed, key=lambda sprint: (sprint.complete_at, sprint.sprint_id), reverse=True)[:limit]


def report_rows(sprint: ClosedSprint, contents: Contents, entry: VelocityEntry | None) -> Iterator[Json]:
    """Rows of the stream: every issue of the report, then the sprint itself."""
    for outcome in ("completed", "not_completed", "removed", "completed_elsewhere"):
        issue: ReportIssue
        for issue in getattr(contents, outcome):
            yield _row(
                sprint,
                str(issue.id),
                {
                    "issue_id": str(issue.id),
                    "issue_key": issue.key,
                    "outcome": outcome,
                    "is_added": contents.added.get(issue.key, False),
                    "estimate_at_start": issue.at_start.number,
                    "estimate_at_close": issue.at_close.number,
                },
            )
    totals = {
        "committed_points": entry.estimated.value if entry and entry.estimated else None,
        "completed_points": entry.completed.value if entry and entry.completed else None,
    }
    yield _row(sprint, "*", {"complete_at": sprint.complete_at, **totals})


def _row(sprint: ClosedSprint, name: str, columns: Mapping[str, Any]) -> Json:
    told = {"sprint_id": sprint.sprint_id, "board_id": sprint.board_id, **columns}
    return {
        "record_id": f"{sprint.sprint_id}:{name}",
        "updated_at": None,
        "payload": msgspec.json.encode(told).decode(),
        **told,
    }
