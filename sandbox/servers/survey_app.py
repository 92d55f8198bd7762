"""The organisation's survey answers: its files to be downloaded, and the APIs of three survey tools."""

from __future__ import annotations

import html
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from sandbox.servers.faults import Answer
from sandbox.servers.qualtrics_app import Qualtrics
from sandbox.servers.survey_desk import Desk
from sandbox.servers.surveymonkey_app import Quota, SurveyMonkey
from sandbox.servers.typeform_app import Typeform

_TYPES = {".csv": "text/csv", ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


def survey_app(folder: Path, desk: Desk, quota: Quota | None = None) -> Starlette:
    """`/` lists the files, `/files/<name>` sends one; the tools' addresses begin with /API/v3, /v3 and /forms."""

    # Plain functions: Starlette runs them in a thread, for they read files.
    def listing(request: Request) -> Response:  # noqa: ARG001
        names = sorted(path.name for path in folder.iterdir() if path.suffix in _TYPES) if folder.is_dir() else []
        lines = "".join(f'<li><a href="/files/{html.escape(name)}">{html.escape(name)}</a></li>' for name in names)
        return HTMLResponse(f"<!DOCTYPE html><title>Survey files</title><h1>Survey files</h1><ul>{lines}</ul>")

    def download(request: Request) -> Response:
        path = folder / Path(request.path_params["name"]).name
        if path.suffix not in _TYPES or not path.is_file():
            return HTMLResponse("<h1>No such file</h1>", 404)
        return Response(path.read_bytes(), media_type=_TYPES[path.suffix])

    tools = [*Qualtrics(desk).routes(), *SurveyMonkey(desk, quota).routes(), *Typeform(desk).routes()]
    return Starlette(routes=[Route("/", listing), Route("/files/{name}", download), *tools])


def open_door(scheme: str | None, token: str, path: str) -> Answer | None:  # noqa: ARG001 - a door's signature
    """Anybody may come in; the tools look at their own kinds of tokens themselves."""
    return None
