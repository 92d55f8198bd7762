"""What Jira Cloud and Data Center share: people, fields, statuses, projects, releases, filters."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.servers.jira_site import JiraSite, ProblemError, body_of, selection, whole
from sandbox.store import joined

_LISTS = {"field": "field", "status": "status", "issuetype": "issuetype", "resolution": "resolution"}
_CATEGORIES = {"undefined": "TODO", "new": "TODO", "indeterminate": "IN_PROGRESS", "done": "DONE"}
CHANGED_WORKLOGS = 1_000
SANDBOX_CLOUD_ID = "5a6d0b5e-0000-4000-8000-000000000001"


def common_routes(site: JiraSite) -> list[Route]:
    handlers = _Common(site)
    api = f"/rest/api/{site.flavour.api}"
    lists = [Route(f"{api}/{path}", handlers.list_of(kind)) for path, kind in _LISTS.items()]
    cloud = [
        Route(f"{api}/statuses/search", handlers.statuses),
        Route(f"{api}/project/search", handlers.projects_paged),
        Route(f"{api}/project/{{name}}/version", handlers.versions_paged),
        Route(f"{api}/users/search", handlers.users),
        Route("/_edge/tenant_info", handlers.tenant),
    ]
    return [
        *lists,
        Route(f"{api}/serverInfo", handlers.server_info),
        # The jira package asks the server what it is over version 2, whatever version it then uses.
        Route("/rest/api/2/serverInfo", handlers.server_info),
        Route(f"{api}/myself", handlers.myself),
        Route(f"{api}/priority", handlers.list_of("priority")),
        *(cloud if site.flavour.is_cloud else []),
        Route(f"{api}/project", handlers.list_of("project")),
        Route(f"{api}/project/{{name}}/versions", handlers.versions),
        Route(f"{api}/project/{{name}}/statuses", handlers.project_statuses),
        Route(f"{api}/project/{{name}}/components", handlers.nothing),
        Route(f"{api}/project/{{name}}", handlers.project),
        Route(f"{api}/filter/{{number}}", handlers.filter),
        Route(f"{api}/issue/{{name}}/worklog", handlers.worklog),
        Route(f"{api}/worklog/updated", handlers.worklogs_since),
        Route(f"{api}/worklog/deleted", handlers.worklogs_deleted),
        Route(f"{api}/worklog/list", handlers.worklogs_listed, methods=["POST"]),
        Route("/rest/servicedeskapi/request/{name}/feedback", handlers.feedback),
    ]


class _Common:
    def __init__(self, site: JiraSite) -> None:
        self._site = site

    def list_of(self, kind: str) -> Any:
        async def handler(request: Request) -> Response:  # noqa: ARG001
            return self._site.respond(joined(self._site.store.resources(kind)))

        return handler

    async def nothing(self, request: Request) -> Response:  # noqa: ARG002
        return self._site.respond(b"[]")

    async def tenant(self, request: Request) -> Response:  # noqa: ARG002
        return self._site.respond_value({"cloudId": SANDBOX_CLOUD_ID})

    async def server_info(self, request: Request) -> Response:  # noqa: ARG002
        if self._site.flavour.is_cloud:
            known: dict[str, Any] = {
                "version": "1001.0.0-SNAPSHOT",
                "versionNumbers": [1001, 0, 0],
                "deploymentType": "Cloud",
            }
            known |= {"buildNumber": 100298, "serverTimeZone": "Etc/UTC", "displayUrl": self._site.base}
        else:
            known = {"version": "10.3.6", "versionNumbers": [10, 3, 6], "deploymentType": "Server"}
            known |= {"buildNumber": 10030006}
        now = self._site.now.isoformat("T", "milliseconds").replace("+00:00", "+0000")
        common = {"baseUrl": self._site.base, "serverTime": now, "buildDate": "2026-10-01T00:00:00.000+0000"}
        title = self._site.store.meta("name") or "Jira"
        return self._site.respond_value(common | known | {"scmInfo": "0" * 40, "serverTitle": title})

    async def myself(self, request: Request) -> Response:  # noqa: ARG002
        account = self._site.account | {"timeZone": self._site.zone.key, "locale": "en_US"}
        return self._site.respond_value(account)

    async def statuses(self, request: Request) -> Response:
        documents = [
            {
                "id": status["id"], "name": status["name"], "description": status.get("description") or "",
                "statusCategory": _CATEGORIES[status["statusCategory"]["key"]], "scope": {"type": "GLOBAL"},
            }
            for status in self._site.store.decoded("status")
        ]  # fmt: skip
        return self._site.page(request, [msgspec.json.encode(document) for document in documents], 200)

    async def projects_paged(self, request: Request) -> Response:
        wanted = request.query_params.getlist("status") or ["live"]
        states = {state for part in wanted for state in part.split(",")}
        documents = self._site.store.resources("project") if "live" in states else []
        keys = {key.lower() for key in request.query_params.getlist("keys")}
        if keys:
            documents = [doc for doc in documents if msgspec.json.decode(doc)["key"].lower() in keys]
        return self._site.page(request, documents, 100)

    def _project(self, request: Request) -> dict[str, Any]:
        name = str(request.path_params["name"])
        for document in self._site.store.decoded("project"):
            if name.lower() in (document["id"], document["key"].lower()):
                return document
        raise ProblemError(404, f"No project could be found with key '{name}'.")

    async def project(self, request: Request) -> Response:
        document = self._project(request)
        versions = self._site.store.decoded("version", document["id"])
        types = self._site.store.decoded("issuetype")
        more = {"versions": versions, "issueTypes": types, "components": []}
        return self._site.respond_value(document | more)

    async def versions(self, request: Request) -> Response:
        return self._site.respond(joined(self._site.store.resources("version", self._project(request)["id"])))

    async def versions_paged(self, request: Request) -> Response:
        return self._site.page(request, self._site.store.resources("version", self._project(request)["id"]), 50)

    async def project_statuses(self, request: Request) -> Response:
        self._project(request)
        statuses = self._site.store.decoded("status")
        return self._site.respond_value(
            [
                {"self": kind["self"], "id": kind["id"], "name": kind["name"], "subtask": kind["subtask"],
                 "statuses": statuses}
                for kind in self._site.store.decoded("issuetype")
            ]
        )  # fmt: skip

    async def users(self, request: Request) -> Response:
        start = whole(request.query_params.get("startAt"), 0)
        size = min(whole(request.query_params.get("maxResults"), 50), 1000)
        return self._site.respond(joined(self._site.store.resources("user")[start : start + size]))

    async def filter(self, request: Request) -> Response:
        document = self._site.store.resource("filter", str(request.path_params["number"]))
        if document is None:
            raise ProblemError(404, "The selected filter is not available to you, perhaps it has been deleted.")
        return self._site.respond(document)

    async def worklog(self, request: Request) -> Response:
        """All of an issue's worklogs: as the simulation has it never more than the issue itself shows."""
        number = self._site.number_of(request.path_params["name"])
        if number is None:
            raise ProblemError(404, "Issue Does Not Exist")
        document = self._site.documents([number], selection(("worklog",), "worklog"))[0]
        shown = msgspec.json.decode(document)["fields"].get("worklog") or {"total": 0, "worklogs": []}
        return self._site.respond_value(shown | {"startAt": 0, "maxResults": 5000})

    async def worklogs_since(self, request: Request) -> Response:
        since = whole(request.query_params.get("since"), 0)
        address = f"{self._site.base}{request.url.path}?since={since}"
        rows = self._site.store.rows(
            "select id, updated from worklogs where updated >= ? order by updated, id limit ?",
            (since, CHANGED_WORKLOGS),
        )
        values = [{"worklogId": number, "updatedTime": updated, "properties": []} for number, updated in rows]
        until = rows[-1][1] if rows else since
        document: dict[str, Any] = {"values": values, "since": since, "until": until, "self": address}
        document["lastPage"] = len(rows) < CHANGED_WORKLOGS
        if not document["lastPage"]:
            document["nextPage"] = f"{self._site.base}{request.url.path}?since={until}"
        return self._site.respond_value(document)

    async def worklogs_deleted(self, request: Request) -> Response:
        """Nobody deletes any."""
        since = whole(request.query_params.get("since"), 0)
        address = f"{self._site.base}{request.url.path}?since={since}"
        return self._site.respond_value(
            {"values": [], "since": since, "until": since, "self": address, "lastPage": True}
        )

    async def worklogs_listed(self, request: Request) -> Response:
        """At most 1,000 worklogs by id; unknown ones are left out."""
        numbers = [int(number) for number in body_of(await request.body()).get("ids") or []]
        if len(numbers) > CHANGED_WORKLOGS:
            raise ProblemError(400, f"The number of worklogs in the request exceeds the limit of {CHANGED_WORKLOGS}.")
        places = ", ".join("?" * len(numbers))
        rows = self._site.store.rows(f"select distinct issue_id from worklogs where id in ({places})", numbers)  # noqa: S608
        documents = self._site.documents([row[0] for row in rows], selection(("worklog",), "worklog"))
        shown = (log for doc in documents for log in msgspec.json.decode(doc)["fields"]["worklog"]["worklogs"])
        wanted = {str(number) for number in numbers}
        return self._site.respond_value([log for log in shown if log["id"] in wanted])

    async def feedback(self, request: Request) -> Response:
        """What the customer of a service request says of it."""
        number = self._site.number_of(request.path_params["name"])
        document = None if number is None else self._site.store.resource("feedback", str(number))
        if document is None:
            raise ProblemError(404, "The request does not exist, or nobody has rated it.")
        return self._site.respond(document)
