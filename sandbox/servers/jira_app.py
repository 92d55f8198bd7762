"""A Jira site as an ASGI application: its routes, its errors, and who may come in."""

from __future__ import annotations

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from sandbox.servers.agile import agile_routes
from sandbox.servers.faults import Answer
from sandbox.servers.greenhopper import greenhopper_routes
from sandbox.servers.jira_cloud import cloud_routes
from sandbox.servers.jira_common import SANDBOX_CLOUD_ID, common_routes
from sandbox.servers.jira_data_center import data_center_routes
from sandbox.servers.jira_site import JSON, JiraSite, ProblemError
from sandbox.store import Store

_OPEN = ("/serverInfo", "/_edge/tenant_info")  # anybody may ask these
WRONG = "wrong"
"""The one token that is refused."""


def jira_app(store: Store, base: str) -> Starlette:
    """`base`: scheme, host and port that documents carry."""
    site = JiraSite(store, base)
    if not site.flavour.is_cloud:
        routes: list[Route | Mount] = [*_routes(site)]
    else:
        prefix = f"/ex/jira/{SANDBOX_CLOUD_ID}"  # where scoped tokens go
        scoped = JiraSite(store, base + prefix)
        routes = [Mount(prefix, routes=_routes(scoped)), *_routes(site)]
    return Starlette(routes=routes, exception_handlers={ProblemError: _problem, HTTPException: _no_page})


def _routes(site: JiraSite) -> list[Route]:
    own = cloud_routes(site) if site.flavour.is_cloud else data_center_routes(site)
    # Jira's addresses of issues take anything for a key: the fixed ones go first.
    return [*common_routes(site), *own, *agile_routes(site), *greenhopper_routes(site)]


async def _problem(request: Request, error: Exception) -> Response:  # noqa: ARG001
    assert isinstance(error, ProblemError)  # noqa: S101 - Starlette's signature is wider
    body = {"errorMessages": list(error.messages), "errors": {}}
    return Response(msgspec.json.encode(body), error.status, media_type=JSON)


async def _no_page(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette's signature is wider
    text = f"No endpoint {request.method} {request.url.path}."
    return Response(msgspec.json.encode({"errorMessages": [text]}), error.status_code, media_type=JSON)


def cloud_door(scheme: str | None, token: str, path: str) -> Answer | None:
    """Cloud answers plain text to wrong Basic credentials and JSON to a wrong bearer token."""
    if path.endswith(_OPEN) or (scheme and token not in ("", WRONG)):
        return None
    if scheme == "bearer":
        return Answer(401, {"content-type": "application/json"}, b'{"code":401,"message":"Unauthorized"}')
    headers = {
        "content-type": "text/html;charset=UTF-8",
        "www-authenticate": 'OAuth realm="https%3A%2F%2Fsandbox.invalid"',
        "x-seraph-loginreason": "AUTHENTICATED_FAILED",
    }
    return Answer(401, headers, b"Client must be authenticated to access this resource.")


def data_center_door(scheme: str | None, token: str, path: str) -> Answer | None:
    """Data Center answers an HTML page to wrong Basic credentials and JSON to a wrong personal access token."""
    if path.endswith(_OPEN) or (scheme and token not in ("", WRONG)):
        return None
    if scheme == "basic":
        page = b"<html><head><title>Unauthorized (401)</title></head><body>Basic Authentication Failure</body></html>"
        return Answer(401, {"content-type": "text/html;charset=UTF-8"}, page)
    body = b'{"message":"Client must be authenticated to access this resource.","status-code":401}'
    return Answer(401, {"content-type": "application/json;charset=UTF-8"}, body)
