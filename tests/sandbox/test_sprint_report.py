"""Jira's sprint report as the sandbox serves it: the worked example, what only Jira counts, and a served sprint."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sandbox.organisation import Organisation
from sandbox.render.common import milliseconds
from sandbox.servers.sprint_report import Life, SprintReport, State
from tests.sandbox.serving import Sandbox

TODO, DOING, DONE = 1, 2, 3
SPRINT = {
    "id": 7,
    "name": "S",
    "state": "closed",
    "startDate": "2024-03-04T09:00:00Z",
    "completeDate": "2024-03-18T10:00:00Z",
}
BOARD = {"columnConfig": {"columns": [{"statuses": [{"id": "1"}]}, {"statuses": [{"id": "3"}]}]}}
CHARTS = "/rest/greenhopper/1.0/rapid/charts"


def life(key: str, *states: tuple[str, bool, int, float | None]) -> Life:
    """States as (instant of 2024, in the sprint, status, estimate)."""
    told = [
        State(
            milliseconds(datetime.fromisoformat(f"2024-{at}").replace(tzinfo=UTC)),
            frozenset({7} if is_in else ()),
            status,
            points,
        )
        for at, is_in, status, points in states
    ]
    return Life(ord(key), key, "Story", told)


WORKED = [
    life("A", ("03-01", True, TODO, 5), ("03-05 10:00", True, DOING, 5), ("03-08 16:00", True, DONE, 5)),
    life("B", ("03-01", True, TODO, 3), ("03-07 12:00", True, DONE, 3), ("03-11 09:00", True, DOING, 3),
         ("03-16 11:00", True, DONE, 3)),
    life("C", ("03-01", True, TODO, 8)),
    life("D", ("03-05 08:00", False, TODO, 2), ("03-06 12:00", True, TODO, 2), ("03-08 10:00", True, DOING, 3),
         ("03-12 15:00", True, DONE, 3)),
    life("E", ("03-01", True, TODO, 5), ("03-07 09:00", False, TODO, 5)),
    life("F", ("03-01", True, TODO, 1), ("03-04 08:00", True, DONE, 1)),
    life("G", ("03-01", True, TODO, 2), ("03-05 11:00", False, TODO, 2), ("03-06 09:00", True, TODO, 2),
         ("03-18 11:00", True, DONE, 2)),
]  # fmt: skip


def listed(report: SprintReport) -> dict[str, str]:
    """Keys by list, in order."""
    contents = report.document()["contents"]
    return {
        name: "".join(issue["key"] for issue in found) for name, found in contents.items() if isinstance(found, list)
    }


def test_the_worked_example() -> None:
    report = SprintReport(SPRINT, BOARD, WORKED, "points")
    assert listed(report) == {
        "completedIssues": "ABD",
        "issuesNotCompletedInCurrentSprint": "CG",
        "puntedIssues": "E",
        "issuesCompletedInAnotherSprint": "F",
    }
    assert report.document()["contents"]["issueKeysAddedDuringSprint"] == {"D": True}
    velocity = report.velocity()
    assert (velocity["estimated"]["value"], velocity["completed"]["value"]) == (23, 11)


def test_changes_of_the_very_instant_of_start_and_close_count() -> None:
    at_start = life("H", ("03-01", False, TODO, 1), ("03-04 09:00", True, TODO, 1), ("03-18 10:00", True, DONE, 1))
    report = SprintReport(SPRINT, BOARD, [at_start], "points")
    assert listed(report)["completedIssues"] == "H"
    assert report.document()["contents"]["issueKeysAddedDuringSprint"] == {}


def test_every_closed_sprint_of_a_board_is_reported(sandbox: Sandbox) -> None:
    site = sandbox.data_center
    board = next(each for each in site.json("/rest/agile/1.0/board", type="scrum")["values"])
    sprints = site.json(f"/rest/agile/1.0/board/{board['id']}/sprint", state="closed")["values"]
    with Organisation(sandbox.home) as organised:
        books = {book.sprint_id: book for book in organised.books().sprints() if book.tool == "jira_dc"}
    for sprint in sprints:
        contents = site.json(f"{CHARTS}/sprintreport", rapidViewId=board["id"], sprintId=sprint["id"])["contents"]
        completed = [issue["key"] for issue in contents["completedIssues"]]
        # The report has no deleted issues, and counts what was closed as Won't Do or elsewhere as completed, too.
        book: Any = books[sprint["id"]]
        most = book.completed_items + book.cancelled_items + book.completed_elsewhere_items
        assert len(completed) <= most
        assert len(completed) + len(contents["issuesNotCompletedInCurrentSprint"]) > 0
    chart = site.json(f"{CHARTS}/velocity", rapidViewId=board["id"])
    assert len(chart["velocityStatEntries"]) == min(len(sprints), 7)


def test_an_unknown_board_is_not_found(sandbox: Sandbox) -> None:
    assert sandbox.cloud.call("GET", f"{CHARTS}/velocity", params={"rapidViewId": "999999"}).status_code == 404
