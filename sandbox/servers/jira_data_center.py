"""Jira Data Center's platform API, REST v2: offset paging, and the whole history inside the issue."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.servers.jira_site import JiraSite, ProblemError, body_of, selection, whole
from sandbox.store import joined

PAGE = 1_000  # jira.search.views.default.max
WINDOW = 10_000  # OpenSearch's max_result_window


def data_center_routes(site: JiraSite) -> list[Route]:
    """Search and issues. There is no search/jql (404) and no address for histories alone."""
    handlers, api = _DataCenter(site), "/rest/api/2"
    return [
        Route(f"{api}/search", handlers.search, methods=["GET", "POST"]),
        Route(f"{api}/issue/{{name}}", handlers.issue),
    ]


class _DataCenter:
    def __init__(self, site: JiraSite) -> None:
        self._site = site

    async def search(self, request: Request) -> Response:
        asked = await _search_body(request)
        start, size = int(asked.get("startAt") or 0), min(int(asked.get("maxResults", 50)), PAGE)
        if start + size > WINDOW:
            raise ProblemError(400, "Search limit exceeded: only the first 10,000 results of a search can be read.")
        condition = self._site.search(str(asked.get("jql") or ""), request)
        chosen = selection(tuple(asked.get("fields") or ()), "*navigable")
        histories = None if "changelog" in (asked.get("expand") or ()) else 0
        numbers = [number for number, _ in self._site.ids(condition, size, offset=start)]
        head = b'{"expand":"schema,names","startAt":%d,"maxResults":%d,"total":%d,"issues":' % (
            start, size, self._site.count(condition),
        )  # fmt: skip
        return self._site.respond(head + joined(self._site.documents(numbers, chosen, histories)) + b"}")

    async def issue(self, request: Request) -> Response:
        number = self._site.number_of(request.path_params["name"])
        if number is None:
            raise ProblemError(404, "Issue Does Not Exist")
        chosen = selection(tuple(request.query_params.getlist("fields")), "*all")
        histories = None if "changelog" in request.query_params.get("expand", "").split(",") else 0
        return self._site.respond(self._site.documents([number], chosen, histories)[0])


async def _search_body(request: Request) -> dict[str, Any]:
    if request.method == "POST":
        asked = body_of(await request.body())
    else:
        query = request.query_params
        asked = {
            "jql": query.get("jql"), "startAt": whole(query.get("startAt"), 0), "expand": query.get("expand"),
            "maxResults": whole(query.get("maxResults"), 50), "fields": query.getlist("fields"),
        }  # fmt: skip
    if isinstance(asked.get("expand"), str):
        asked["expand"] = asked["expand"].split(",")
    return asked
