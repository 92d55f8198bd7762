"""Projects and teams of Azure DevOps 7.1: settings, iterations, capacities, boards."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from sandbox.servers.azure_site import AzureSite, ProblemError, whole

PAGE = 100


class Work:
    def __init__(self, site: AzureSite) -> None:
        self._site = site

    async def projects(self, request: Request) -> Response:
        """At most 100 a page; where more come, `x-ms-continuationtoken` says where to go on."""
        state = request.query_params.get("stateFilter", "wellFormed").lower()
        documents = [
            document
            for document in self._site.store.resources("project")
            if state in ("all", msgspec.json.decode(document)["state"].lower())
        ]
        start = whole(request, "continuationToken", whole(request, "$skip", 0))
        size = whole(request, "$top", PAGE)
        more = {"x-ms-continuationtoken": str(start + size)} if start + size < len(documents) else {}
        return self._site.respond_list(documents[start : start + size], more)

    async def project(self, request: Request) -> Response:
        return self._site.respond_value(self._site.project(request))

    async def teams(self, request: Request) -> Response:
        project = self._site.project(request)
        documents = self._site.store.resources("team", project["id"] if project else None)
        start, size = whole(request, "$skip", 0), whole(request, "$top", PAGE)
        return self._site.respond_list(documents[start : start + size])

    async def team(self, request: Request) -> Response:
        return self._site.respond_value(self._site.team(request))

    def _of_team(self, kind: str, request: Request) -> Response:
        return self._site.respond(self._site.store.resource(kind, self._site.team(request)["id"]) or b"{}")

    async def settings(self, request: Request) -> Response:
        return self._of_team("settings", request)

    async def field_values(self, request: Request) -> Response:
        return self._of_team("fieldvalues", request)

    async def iterations(self, request: Request) -> Response:
        documents = self._site.store.resources("iteration", self._site.team(request)["id"])
        if frame := request.query_params.get("$timeframe"):
            documents = [doc for doc in documents if msgspec.json.decode(doc)["attributes"]["timeFrame"] == frame]
        return self._site.respond_list(documents)

    def _of_iteration(self, kind: str, request: Request) -> Response:
        team, name = self._site.team(request), str(request.path_params["iteration"])
        known = {msgspec.json.decode(doc)["id"] for doc in self._site.store.resources("iteration", team["id"])}
        document = self._site.store.resource(kind, name)
        if name not in known or document is None:
            raise ProblemError(404, f"The iteration with id '{name}' does not exist.", "InvalidTeamSettingsException")
        return self._site.respond(document)

    async def iteration(self, request: Request) -> Response:
        return self._of_iteration("iteration", request)

    async def capacities(self, request: Request) -> Response:
        return self._of_iteration("capacity", request)

    async def days_off(self, request: Request) -> Response:
        return self._of_iteration("daysoff", request)

    async def boards(self, request: Request) -> Response:
        boards = self._site.store.decoded("board", self._site.team(request)["id"])
        shown = [{name: board[name] for name in ("id", "name", "url")} for board in boards]
        return self._site.respond_list([msgspec.json.encode(board) for board in shown])

    def _board(self, request: Request) -> bytes:
        name = str(request.path_params["board"]).lower()
        for document in self._site.store.resources("board", self._site.team(request)["id"]):
            board = msgspec.json.decode(document)
            if name in (board["id"], board["name"].lower()):
                return document
        raise ProblemError(404, f"TF400486: The board '{name}' does not exist.", "BoardDoesNotExistException")

    async def board(self, request: Request) -> Response:
        return self._site.respond(self._board(request))

    async def columns(self, request: Request) -> Response:
        columns = msgspec.json.decode(self._board(request))["columns"]
        return self._site.respond_list([msgspec.json.encode(column) for column in columns])
