"""Jira's sprint report and velocity chart: the unpublished answers behind two pages of a board.

What they say is in `sprint_report.py`. Histories are read whole, once after each advance, when somebody asks.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.servers.jira_site import JiraSite, ProblemError
from sandbox.servers.sprint_report import Life, SprintReport, State, instant_of, sprint_document, states_of

SHOWN_SPRINTS = 7  # the velocity chart shows the latest closed ones
ALL_ISSUES = 10_000_000


class IssueType(msgspec.Struct):
    name: str = ""
    subtask: bool = False


def greenhopper_routes(site: JiraSite) -> list[Route]:
    charts, root = _Charts(site), "/rest/greenhopper/1.0/rapid/charts"
    return [Route(f"{root}/sprintreport", charts.report), Route(f"{root}/velocity", charts.velocity)]


class _Charts:
    def __init__(self, site: JiraSite) -> None:
        self._site = site
        self._read_at: tuple[str | None, ...] = ("never",)
        self._lives: dict[int, list[Life]] = {}

    async def report(self, request: Request) -> Response:
        board, sprint = self._board(request), self._sprint(request)
        report = SprintReport(sprint, board, self._of(sprint, board, request), self._site.flavour.points)
        return self._site.respond_value(report.document())

    async def velocity(self, request: Request) -> Response:
        board = self._board(request)
        documents = [msgspec.json.decode(doc) for doc in self._site.store.resources("sprint", str(board["id"]))]
        closed = sorted((doc for doc in documents if doc["state"] == "closed"), key=_closed_at, reverse=True)
        shown = closed[:SHOWN_SPRINTS]
        reports = [
            SprintReport(each, board, self._of(each, board, request), self._site.flavour.points) for each in shown
        ]
        return self._site.respond_value(
            {
                "sprints": [sprint_document(each) for each in shown],
                "velocityStatEntries": {
                    str(each["id"]): report.velocity() for each, report in zip(shown, reports, strict=True)
                },
            }
        )

    def _board(self, request: Request) -> dict[str, Any]:
        return self._resource("configuration", request.query_params.get("rapidViewId"), "rapid view")

    def _sprint(self, request: Request) -> dict[str, Any]:
        return self._resource("sprint", request.query_params.get("sprintId"), "sprint")

    def _resource(self, kind: str, name: str | None, called: str) -> dict[str, Any]:
        document = self._site.store.resource(kind, name or "")
        if document is None:
            raise ProblemError(404, f"The requested {called} does not exist or you do not have permission to see it.")
        found: dict[str, Any] = msgspec.json.decode(document)
        return found

    def _of(self, sprint: dict[str, Any], board: dict[str, Any], request: Request) -> list[Life]:
        """The issues that were ever in the sprint and that the board shows today."""
        store = self._site.store
        version = (store.meta("version"), store.meta("now"))
        if version != self._read_at:
            self._lives, self._read_at = self._read(), version
        lives = self._lives.get(int(sprint["id"]), [])
        filtered = self._site.search(f"filter = {board['filter']['id']} ORDER BY id ASC", request)
        numbers = {number for number, _ in self._site.ids(filtered, ALL_ISSUES)} if lives else set()
        return [life for life in lives if life.number in numbers]

    def _read(self) -> dict[int, list[Life]]:
        """Every issue that was ever in a sprint, by sprint."""
        store, points = self._site.store, self._site.flavour.points
        current: dict[int, set[int]] = defaultdict(set)
        for sprint_id, number in store.rows("select sprint_id, issue_id from issue_sprints"):
            current[number].add(sprint_id)
        found: dict[int, list[Life]] = defaultdict(list)
        rows = store.rows(
            "select i.id, i.key, i.status_id, i.created, d.doc, d.histories from issues as i "
            "join documents as d on d.id = i.id order by i.id"
        )
        for number, key, status, created, document, histories in rows:
            if number not in current and b'"Sprint"' not in histories:
                continue
            fields = _document.decode(document).fields
            issue_type = _issue_type.decode(fields["issuetype"])
            if issue_type.subtask:
                continue
            estimate = msgspec.json.decode(fields[points]) if points in fields else None
            last = State(0, frozenset(current.get(number, ())), status, estimate)
            life = Life(number, key, issue_type.name, list(states_of(created, last, histories)))
            for sprint_id in {sprint for state in life.states for sprint in state.sprints}:
                found[sprint_id].append(life)
        return found


class _Document(msgspec.Struct):
    fields: dict[str, msgspec.Raw]


_document = msgspec.json.Decoder(_Document)
_issue_type = msgspec.json.Decoder(IssueType)


def _closed_at(sprint: dict[str, Any]) -> int:
    return instant_of(sprint.get("completeDate")) or 0
