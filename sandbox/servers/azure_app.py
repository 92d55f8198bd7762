"""An Azure DevOps organisation as an ASGI application: its routes, its errors, and who may come in."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.render.azure_words import ORGANISATION
from sandbox.servers.azure_locations import locations
from sandbox.servers.azure_reporting import Reporting
from sandbox.servers.azure_site import JSON, AzureSite, ProblemError
from sandbox.servers.azure_wit import WorkItemTracking
from sandbox.servers.azure_work import Work
from sandbox.servers.faults import SIGN_IN, Answer

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
_SIGN_IN_PATH = "/oauth2/v2.0/token"
WRONG = "wrong"
"""The one token that is refused."""


def azure_app(site: AzureSite) -> ASGIApp:
    start = _Start(site)
    routes = [
        Route("/{tenant}/oauth2/v2.0/token", start.token, methods=["POST"]),
        Route(f"/{ORGANISATION}/_apis", start.locations, methods=["OPTIONS"]),
        Route(f"/{ORGANISATION}/_apis/resourceareas", start.areas),
        Route(f"/{ORGANISATION}/_apis/connectiondata", start.connection),
        *_work_routes(Work(site)),
        *_wit_routes(WorkItemTracking(site), Reporting(site)),
    ]
    return _CaseBlind(Starlette(routes=routes, exception_handlers={ProblemError: _problem, HTTPException: _no_page}))


def _work_routes(work: Work) -> list[Route]:
    team = f"/{ORGANISATION}/{{project}}/{{team}}/_apis/work"
    iteration = f"{team}/teamsettings/iterations/{{iteration}}"
    projects = f"/{ORGANISATION}/_apis/projects"
    return [
        Route(projects, work.projects),
        Route(f"{projects}/{{project}}", work.project),
        Route(f"{projects}/{{project}}/teams", work.teams),
        Route(f"{projects}/{{project}}/teams/{{team}}", work.team),
        Route(f"/{ORGANISATION}/_apis/teams", work.teams),
        Route(f"{team}/teamsettings", work.settings),
        Route(f"{team}/teamsettings/teamfieldvalues", work.field_values),
        Route(f"{team}/teamsettings/iterations", work.iterations),
        Route(iteration, work.iteration),
        Route(f"{iteration}/capacities", work.capacities),
        Route(f"{iteration}/teamdaysoff", work.days_off),
        Route(f"{team}/boards", work.boards),
        Route(f"{team}/boards/{{board}}", work.board),
        Route(f"{team}/boards/{{board}}/columns", work.columns),
    ]


def _wit_routes(wit: WorkItemTracking, reporting: Reporting) -> list[Route]:
    """Each address below the organisation and below a project; queries below a team too."""
    both: list[tuple[str, Handler, list[str]]] = [
        ("reporting/workitemrevisions", reporting.revisions, ["GET", "POST"]),
        ("reporting/workitemlinks", reporting.links, ["GET"]),
        ("wiql", wit.wiql, ["POST"]),
        ("workitemsbatch", wit.batch, ["POST"]),
        ("workitems", wit.batch, ["GET"]),
        ("workitems/{number:int}", wit.item, ["GET"]),
        ("workitems/{number:int}/updates", wit.updates, ["GET"]),
        ("workitems/{number:int}/revisions", wit.revisions, ["GET"]),
        ("recyclebin", wit.recycle_bin, ["GET"]),
        ("recyclebin/{number:int}", wit.recycled, ["GET"]),
        ("fields", wit.fields, ["GET"]),
    ]
    project = f"/{ORGANISATION}/{{project}}/_apis/wit"
    only_project: list[tuple[str, Handler]] = [
        ("workitemtypes", wit.types),
        ("workitemtypes/{type}", wit.type),
        ("workitemtypes/{type}/states", wit.states),
        ("classificationnodes", wit.nodes),
        ("classificationnodes/{group}", wit.node),
        ("classificationnodes/{group}/{path:path}", wit.node),
    ]
    return [
        *(Route(f"/{ORGANISATION}/_apis/wit/{path}", handler, methods=verbs) for path, handler, verbs in both),
        *(Route(f"{project}/{path}", handler, methods=verbs) for path, handler, verbs in both),
        Route(f"/{ORGANISATION}/{{project}}/{{team}}/_apis/wit/wiql", wit.wiql, methods=["POST"]),
        *(Route(f"{project}/{path}", handler) for path, handler in only_project),
    ]


class _Start:
    """What the azure-devops package asks before anything else."""

    def __init__(self, site: AzureSite) -> None:
        self._site = site

    async def locations(self, request: Request) -> Response:  # noqa: ARG002
        return self._site.respond_list([msgspec.json.encode(one) for one in locations()])

    async def token(self, request: Request) -> Response:
        """Entra's client-credentials flow, so that a service principal can be tried: `authority` is this address."""
        form = dict(parse_qsl((await request.body()).decode()))
        if form.get("client_secret") in (None, "", WRONG) or form.get("grant_type") != "client_credentials":
            text = "AADSTS7000215: Invalid client secret provided."
            answer = {"error": "invalid_client", "error_description": text, "error_codes": [7000215]}
            return Response(msgspec.json.encode(answer), 401, media_type=JSON)
        token = {"token_type": "Bearer", "expires_in": 3599, "access_token": f"entra-{secrets.token_hex(16)}"}
        return Response(msgspec.json.encode(token), media_type=JSON)

    async def areas(self, request: Request) -> Response:  # noqa: ARG002
        return self._site.respond_list([])  # none: every area is at this address

    async def connection(self, request: Request) -> Response:  # noqa: ARG002
        user = {"id": "00000000-0000-4000-8000-000000000001", "providerDisplayName": "Sandbox", "isActive": True}
        service = "00000000-0000-4000-8000-000000000002"
        return self._site.respond_value(
            {"authenticatedUser": user, "authorizedUser": user, "instanceId": service, "deploymentType": "hosted"}
        )


class _CaseBlind:
    """Azure DevOps does not mind upper and lower case behind /_apis."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        head, mark, tail = str(scope.get("path", "")).partition("/_apis")
        await self._app({**scope, "path": f"{head}{mark}{tail.lower()}".rstrip("/")}, receive, send)


async def _problem(request: Request, error: Exception) -> Response:  # noqa: ARG001
    assert isinstance(error, ProblemError)  # noqa: S101 - Starlette's signature is wider
    return Response(msgspec.json.encode(error.document()), error.status, media_type=JSON)


async def _no_page(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette's signature is wider
    text = f"The controller for path '{request.url.path}' was not found or does not take {request.method}."
    return Response(msgspec.json.encode(ProblemError(404, text).document()), error.status_code, media_type=JSON)


def azure_door(scheme: str | None, token: str, path: str) -> Answer | None:
    """An expired personal access token gets the sign-in page with status 203; a bearer token 401."""
    if (scheme and token not in ("", WRONG)) or path.endswith(_SIGN_IN_PATH):
        return None
    headers = {"content-type": "text/html; charset=utf-8"}
    if scheme == "bearer":
        page = b"<html><body>TF400813: The user '' is not authorized to access this resource.</body></html>"
        return Answer(401, headers | {"www-authenticate": 'Bearer realm="pmo"'}, page)
    return Answer(203, headers, SIGN_IN)
