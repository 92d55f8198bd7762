"""Jira Software's agile API 1.0: boards, their configuration, sprints, and what a board holds."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.servers.jira_site import JiraSite, ProblemError, selection, whole
from sandbox.store import joined


def agile_routes(site: JiraSite) -> list[Route]:
    agile, root = _Agile(site), "/rest/agile/1.0"
    return [
        Route(f"{root}/board", agile.boards),
        Route(f"{root}/board/{{number}}", agile.board),
        Route(f"{root}/board/{{number}}/configuration", agile.configuration),
        Route(f"{root}/board/{{number}}/sprint", agile.sprints),
        Route(f"{root}/board/{{number}}/issue", agile.issues),
        Route(f"{root}/board/{{number}}/project", agile.projects),
        Route(f"{root}/sprint/{{number}}", agile.sprint),
    ]


class _Agile:
    def __init__(self, site: JiraSite) -> None:
        self._site = site

    async def boards(self, request: Request) -> Response:
        query, store = request.query_params, self._site.store
        documents = store.resources("board")
        if kind := query.get("type"):
            kinds = kind.split(",")
            documents = [doc for doc in documents if msgspec.json.decode(doc)["type"] in kinds]
        if place := query.get("projectKeyOrId"):
            documents = [doc for doc in documents if self._is_in(doc, place)]
        return self._site.page(request, documents)

    @staticmethod
    def _is_in(document: bytes, place: str) -> bool:
        location = msgspec.json.decode(document).get("location", {})
        return place.lower() in (str(location.get("projectId")), str(location.get("projectKey")).lower())

    def _resource(self, kind: str, request: Request) -> bytes:
        number = str(request.path_params["number"])
        document = self._site.store.resource(kind, number)
        if document is None:
            name = "Sprint" if kind == "sprint" else "Board"
            raise ProblemError(404, f"{name} does not exist or you do not have permission to see it.")
        return document

    async def board(self, request: Request) -> Response:
        return self._site.respond(self._resource("board", request))

    async def configuration(self, request: Request) -> Response:
        return self._site.respond(self._resource("configuration", request))

    async def sprint(self, request: Request) -> Response:
        return self._site.respond(self._resource("sprint", request))

    async def sprints(self, request: Request) -> Response:
        """Sprints that were made on the board, or that its issues are in. A Kanban board answers 400, as Jira does."""
        if msgspec.json.decode(self._resource("board", request))["type"] == "kanban":
            raise ProblemError(400, "The board does not support sprints")
        documents = self._site.store.resources("sprint", str(request.path_params["number"]))
        if states := request.query_params.get("state"):
            wanted = states.split(",")
            documents = [doc for doc in documents if msgspec.json.decode(doc)["state"] in wanted]
        return self._site.page(request, documents)

    async def projects(self, request: Request) -> Response:
        location = msgspec.json.decode(self._resource("board", request))["location"]
        document = self._site.store.resource("project", str(location["projectId"]))
        return self._site.page(request, [document] if document else [])

    async def issues(self, request: Request) -> Response:
        """The issues that the board's filter holds, and that `jql` holds too."""
        configuration = msgspec.json.decode(self._resource("configuration", request))
        jql = f"filter = {configuration['filter']['id']}"
        if more := request.query_params.get("jql"):
            jql = f"{jql} AND ({more})" if "order by" not in more.lower() else f"{jql} {more}"
        condition = self._site.search(f"{jql} ORDER BY id ASC" if "order by" not in jql.lower() else jql, request)
        start = whole(request.query_params.get("startAt"), 0)
        size = min(whole(request.query_params.get("maxResults"), 50), 5000 if self._site.flavour.is_cloud else 1000)
        chosen = selection(tuple(request.query_params.getlist("fields")), "*navigable")
        found = self._site.ids(condition, size, offset=start)
        head = b'{"expand":"schema,names","startAt":%d,"maxResults":%d,"total":%d,"issues":' % (
            start, size, self._site.count(condition),
        )  # fmt: skip
        documents = self._site.documents([number for number, _ in found], chosen)
        return self._site.respond(head + joined(documents) + b"}")
