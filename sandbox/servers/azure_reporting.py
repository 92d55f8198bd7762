"""The reporting feeds: every revision and every link event, in the order in which they happened."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from sandbox.render.common import milliseconds
from sandbox.servers.azure_site import AzureSite, ProblemError, body_of, chosen, flag, whole
from sandbox.store import joined

PAGE, MOST = 200, 1_000
LINKS_PER_PAGE = 1_000


class Reporting:
    def __init__(self, site: AzureSite) -> None:
        self._site = site

    async def revisions(self, request: Request) -> Response:
        """A batch. GET with parameters, or POST with `fields` and `types` in the body."""
        asked = await _asked(request)
        conditions, values = self._scope(request, asked["types"])
        if token := request.query_params.get("continuationToken"):
            conditions.append("(r.changed, r.item_id, r.rev) > (?, ?, ?)")
            values += _position(token, 3)
        elif start := request.query_params.get("startDateTime"):
            conditions.append("r.changed >= ?")
            values.append(_instant(start))
        if not asked["includeDeleted"]:
            conditions.append("r.item_id not in (select id from work_items where is_deleted)")
        if asked["includeLatestOnly"]:
            conditions.append("r.rev = (select w.rev from work_items as w where w.id = r.item_id)")
        if (hidden := self._site.hidden_from(request)) is not None:
            conditions.append("r.changed < ?")
            values.append(hidden)
        size = min(max(whole(request, "$maxPageSize", PAGE), 1), MOST)
        rows = self._site.store.rows(
            "select r.changed, r.item_id, r.rev, r.doc from revisions as r "  # noqa: S608 - values are bound
            f"where {' and '.join(conditions) or '1'} order by r.changed, r.item_id, r.rev limit ?",
            (*values, size + 1),
        )
        documents = [
            chosen(
                row[3], asked["fields"], with_identities=asked["includeIdentityRef"],
                with_long_texts=request.query_params.get("$expand") == "fields" or bool(asked["fields"]),
            )
            for row in rows[:size]
        ]  # fmt: skip
        last = rows[:size][-1][:3] if rows else None
        return self._batch(request, documents, last, is_last=len(rows) <= size)

    def _scope(self, request: Request, types: list[str]) -> tuple[list[str], list[Any]]:
        """A feed of one project or type loses revisions of items that moved or were re-typed, as the real one does."""
        conditions, values = [], []
        if project := self._site.project(request):
            conditions.append("r.project = ?")
            values.append(project["name"])
        if types:
            places = ", ".join("?" * len(types))
            conditions.append(f"r.item_id in (select id from work_items where type in ({places}))")  # noqa: S608
            values += types
        return conditions, values

    async def links(self, request: Request) -> Response:
        conditions, values = ["1"], []
        if project := self._site.project(request):
            conditions.append("project = ?")
            values.append(project["name"])
        if kinds := [kind for part in request.query_params.getlist("linkTypes") for kind in part.split(",")]:
            conditions.append(f"kind in ({', '.join('?' * len(kinds))})")
            values += [kind.removesuffix("-Forward").removesuffix("-Reverse") for kind in kinds]
        if token := request.query_params.get("continuationToken"):
            conditions.append("(changed, number) > (?, ?)")
            values += _position(token, 2)
        elif start := request.query_params.get("startDateTime"):
            conditions.append("changed >= ?")
            values.append(_instant(start))
        rows = self._site.store.rows(
            f"select changed, number, doc from links where {' and '.join(conditions)} "  # noqa: S608 - values are bound
            "order by changed, number limit ?",
            (*values, LINKS_PER_PAGE + 1),
        )
        shown = rows[:LINKS_PER_PAGE]
        last = shown[-1][:2] if shown else None
        return self._batch(request, [row[2] for row in shown], last, is_last=len(rows) <= LINKS_PER_PAGE)

    def _batch(
        self, request: Request, documents: list[bytes], last: tuple[Any, ...] | None, *, is_last: bool
    ) -> Response:
        """The last batch has a token too: to ask for what comes later."""
        token = _token(last) if last else request.query_params.get("continuationToken") or _token((0, 0, 0))
        kept = {name: value for name, value in request.query_params.items() if name != "startDateTime"}
        address = f"{self._site.base}{request.url.path}?{urlencode(kept | {'continuationToken': token})}"
        head = f'{{"continuationToken":"{token}","isLastBatch":{"true" if is_last else "false"},"nextLink":"{address}"'
        return self._site.respond(head.encode() + b',"values":' + joined(documents) + b"}")


async def _asked(request: Request) -> dict[str, Any]:
    """Fields, types and switches, from the body of a POST or the parameters of a GET."""
    switches = ("includeDeleted", "includeIdentityRef", "includeLatestOnly")
    if request.method == "POST":
        body = await body_of(request)
        return {"fields": body.get("fields") or None, "types": body.get("types") or []} | {
            name: bool(body.get(name)) for name in switches
        }
    fields = [name for part in request.query_params.getlist("fields") for name in part.split(",") if name]
    types = [name for part in request.query_params.getlist("types") for name in part.split(",") if name]
    return {"fields": fields or None, "types": types} | {name: flag(request, name) for name in switches}


def _token(position: tuple[Any, ...]) -> str:
    return base64.urlsafe_b64encode(";".join(map(str, position)).encode()).decode().rstrip("=")


def _position(token: str, length: int) -> list[int]:
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
        position = [int(part) for part in text.split(";")]
    except ValueError as error:
        raise ProblemError(400, "VS402625: The continuation token is not valid.") from error
    return (position + [0] * length)[:length]


def _instant(text: str) -> int:
    try:
        instant = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError as error:
        raise ProblemError(400, f"The value '{text}' is not valid for parameter 'startDateTime'.") from error
    return milliseconds(instant if instant.tzinfo else instant.replace(tzinfo=UTC))
