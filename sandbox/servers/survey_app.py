"""A page that lists the survey files of the organisation, to be downloaded."""

from __future__ import annotations

import html
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from sandbox.servers.faults import Answer

_TYPES = {".csv": "text/csv", ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


def survey_app(folder: Path) -> Starlette:
    """`/` lists the files, `/files/<name>` sends one."""

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

    return Starlette(routes=[Route("/", listing), Route("/files/{name}", download)])


def open_door(scheme: str | None, token: str, path: str) -> Answer | None:  # noqa: ARG001 - a door's signature
    """Anybody may come in."""
    return None
