"""What the three stand-ins of survey tools share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from sandbox.servers.survey_desk import Desk, Reply

WRONG = "wrong"
"""The one token that is refused."""


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), status, headers, "application/json")


def bearer(request: Request) -> str | None:
    """The token; None if there is none, or it is the wrong one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" and token not in ("", WRONG) else None


def visible(request: Request, desk: Desk, form: str, lag: timedelta = timedelta(0)) -> list[Reply]:
    """The replies of a form, without those too new for the tool's index: its own lag, or that of the fault `hide`."""
    hidden = timedelta(seconds=float(request.scope.get("state", {}).get("hidden_seconds", 0)))
    newest = desk.now - max(lag, hidden)
    return [reply for reply in desk.replies(form) if reply.modified_at <= newest]


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
