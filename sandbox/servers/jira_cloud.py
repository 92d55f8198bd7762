"""Jira Cloud's platform API, REST v3, as far as reading goes. Facts: see sandbox/README.md."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.servers.jira_site import (
    HEAD,
    JiraSite,
    ProblemError,
    Selection,
    body_of,
    dated_lines,
    history_documents,
    selection,
    whole,
)
from sandbox.store import joined

IDS_PER_PAGE = 5_000
ISSUES_PER_PAGE = 100
EMBEDDED_IN_BULK = 40  # newest histories that search and bulkfetch embed
EMBEDDED_IN_ISSUE = 100
_REMOVED = (
    "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. A full migration guideline "
    "is available at https://developer.atlassian.com/changelog/#CHANGE-2046"
)
_UNBOUNDED = "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
_CREATED = b'{"created":"'  # how each stored history starts
_MISSING = "Issue does not exist or you do not have permission to see it."


def cloud_routes(site: JiraSite) -> list[Route]:
    """Search, issues and histories."""
    cloud = _Cloud(site)
    api = "/rest/api/3"
    return [
        Route(f"{api}/search/jql", cloud.search, methods=["GET", "POST"]),
        Route(f"{api}/search/approximate-count", cloud.approximate_count, methods=["POST"]),
        Route(f"{api}/search", cloud.removed, methods=["GET", "POST"]),
        Route("/rest/api/2/search", cloud.removed, methods=["GET", "POST"]),
        Route(f"{api}/issue/bulkfetch", cloud.bulk_fetch, methods=["POST"]),
        Route(f"{api}/changelog/bulkfetch", cloud.bulk_changelog, methods=["POST"]),
        Route(f"{api}/issue/{{name}}/changelog", cloud.changelog),
        Route(f"{api}/issue/{{name}}", cloud.issue),
    ]


class _Cloud:
    def __init__(self, site: JiraSite) -> None:
        self._site = site

    async def removed(self, request: Request) -> Response:  # noqa: ARG002
        return self._site.respond_value({"errorMessages": [_REMOVED], "errors": {}}, 410)

    async def search(self, request: Request) -> Response:
        asked = await _search_body(request)
        jql = str(asked.get("jql") or "")
        condition = self._site.search(jql, request)
        if not condition.is_bounded:
            raise ProblemError(400, _UNBOUNDED)
        chosen = selection(tuple(asked.get("fields") or ()), "id")
        embeds = _has(asked.get("expand"), "changelog")
        most = IDS_PER_PAGE if chosen.is_ids_only and not embeds else ISSUES_PER_PAGE
        size = min(max(int(asked.get("maxResults") or 50), 1), most)
        by_id = condition.order.startswith("id ")
        position = _read_token(asked.get("nextPageToken"), jql)
        if by_id:
            found = self._site.ids(condition, size + 1, after=position)
        else:
            found = self._site.ids(condition, size + 1, offset=position or 0)
        page, is_last = found[:size], len(found) <= size
        issues = joined(self._issues(page, chosen, embeds=embeds))
        if is_last:
            return self._site.respond(b'{"issues":' + issues + b',"isLast":true}')
        token = _token(page[-1][0] if by_id else (position or 0) + size, jql)
        return self._site.respond(b'{"issues":%b,"nextPageToken":"%b","isLast":false}' % (issues, token))

    def _issues(self, page: Sequence[tuple[int, str]], chosen: Selection, *, embeds: bool) -> Iterator[bytes]:
        if chosen.is_bare and not embeds:
            return (b'{"id":"%d"}' % number for number, _ in page)
        if chosen.is_ids_only and not embeds:
            form = '{{"expand":"","id":"{0}","self":"{1}/rest/api/3/issue/{0}","key":"{2}"}}'
            return (form.format(number, self._site.base, key).encode() for number, key in page)
        histories = EMBEDDED_IN_BULK if embeds else 0
        return iter(self._site.documents([number for number, _ in page], chosen, histories))

    async def approximate_count(self, request: Request) -> Response:
        condition = self._site.search(str(body_of(await request.body()).get("jql") or ""), request)
        if not condition.is_bounded:
            raise ProblemError(400, _UNBOUNDED)
        return self._site.respond_value({"count": self._site.count(condition)})

    async def bulk_fetch(self, request: Request) -> Response:
        """At most 100 issues in ascending order of id; unknown ones are left out in silence."""
        asked = body_of(await request.body())
        names = _names(asked, ISSUES_PER_PAGE)
        chosen = selection(tuple(asked.get("fields") or ()), "*navigable")
        histories = EMBEDDED_IN_BULK if _has(asked.get("expand"), "changelog") else 0
        documents = self._site.documents(self._numbers(names), chosen, histories)
        return self._site.respond(b'{"issues":' + joined(documents) + b',"issueErrors":[]}')

    async def bulk_changelog(self, request: Request) -> Response:
        """Histories of at most 1,000 issues by date, then issue id; a page may end in the middle of an issue."""
        asked = body_of(await request.body())
        names = _names(asked, 1_000)
        fields = {str(field) for field in asked.get("fieldIds") or ()}
        if len(fields) > 10:
            raise ProblemError(400, "The maximum number of field IDs is 10.")
        size = int(asked.get("maxResults") or 1_000)
        if not 1 <= size <= 10_000:
            raise ProblemError(400, "maxResults must be between 1 and 10000.")
        key = ",".join(names)
        start = _read_token(asked.get("nextPageToken"), key) or 0
        page, is_last = self._histories(self._numbers(names), fields, start, size)
        logs = joined(b'{"issueId":"%d","changeHistories":[%b]}' % log for log in page)
        token = b"" if is_last else b',"nextPageToken":"%b"' % _token(start + size, key)
        return self._site.respond(b'{"issueChangeLogs":' + logs + token + b"}")

    def _histories(
        self, numbers: Sequence[int], fields: set[str], start: int, size: int
    ) -> tuple[list[tuple[int, bytes]], bool]:
        """(issue id, its histories joined) for one page, and whether it is the last."""
        places = ", ".join("?" * len(numbers))
        rows = self._site.store.rows(
            f"select id, histories, history_count from documents where id in ({places}) order by id",  # noqa: S608
            numbers,
        )
        if start == 0 and not fields and sum(row[2] for row in rows) <= size:  # all of it: no need to take it apart
            return [(row[0], b",".join(map(_numbered, dated_lines(row[1])))) for row in rows if row[2]], True
        found = [
            (int(line[:HEAD]), int(number), line)
            for number, blob, _ in rows
            for line in dated_lines(blob)
            if not fields or _touches(line[HEAD:], fields)
        ]
        found.sort(key=lambda history: history[:2])  # stable: histories of one instant stay in their order
        by_issue: dict[int, list[bytes]] = {}
        for _, number, line in found[start : start + size]:
            by_issue.setdefault(number, []).append(_numbered(line))
        return [(number, b",".join(lines)) for number, lines in by_issue.items()], start + size >= len(found)

    def _numbers(self, names: Sequence[str]) -> list[int]:
        return self._site.numbers_of(names)

    async def changelog(self, request: Request) -> Response:
        number = self._known(request)
        histories = history_documents(self._site.store.value("select histories from documents where id = ?", (number,)))
        start = whole(request.query_params.get("startAt"), 0)
        size = min(whole(request.query_params.get("maxResults"), 100) or 100, 100)
        address = f"{self._site.base}/rest/api/3/issue/{request.path_params['name']}/changelog"
        head: dict[str, Any] = {"self": f"{address}?maxResults={size}&startAt={start}", "maxResults": size}
        head |= {"startAt": start, "total": len(histories), "isLast": start + size >= len(histories)}
        if not head["isLast"]:
            head["nextPage"] = f"{address}?maxResults={size}&startAt={start + size}"
        values = joined(histories[start : start + size])
        return self._site.respond(msgspec.json.encode(head)[:-1] + b',"values":' + values + b"}")

    async def issue(self, request: Request) -> Response:
        chosen = selection(tuple(request.query_params.getlist("fields")), "*all")
        histories = EMBEDDED_IN_ISSUE if _has(request.query_params.get("expand"), "changelog") else 0
        return self._site.respond(self._site.documents([self._known(request)], chosen, histories)[0])

    def _known(self, request: Request) -> int:
        number = self._site.number_of(request.path_params["name"])
        if number is None:
            raise ProblemError(404, _MISSING)
        return number


async def _search_body(request: Request) -> dict[str, Any]:
    if request.method == "POST":
        return body_of(await request.body())
    query = request.query_params
    return {
        "jql": query.get("jql"), "nextPageToken": query.get("nextPageToken"), "expand": query.get("expand"),
        "maxResults": whole(query.get("maxResults"), 50), "fields": query.getlist("fields"),
    }  # fmt: skip


def _names(asked: dict[str, Any], most: int) -> list[str]:
    names = asked.get("issueIdsOrKeys")
    if not isinstance(names, list) or not names:
        raise ProblemError(400, "issueIdsOrKeys must not be empty.")
    if len(names) > most:
        raise ProblemError(400, f"The number of issues in the request exceeds the limit of {most}.")
    return [str(name) for name in names]


def _has(expand: Any, name: str) -> bool:
    parts = expand if isinstance(expand, list) else str(expand or "").split(",")
    return name in [str(part).strip() for part in parts]


def _touches(document: bytes, fields: set[str]) -> bool:
    items = msgspec.json.decode(document)["items"]
    return any(item.get("fieldId") in fields for item in items)


def _numbered(line: bytes) -> bytes:
    """A stored history with `created` as epoch milliseconds: the specification's example has a number there."""
    end = line.index(b'"', HEAD + len(_CREATED)) + 1
    return b'{"created":' + line[: HEAD - 1].lstrip(b"0") + line[end:]


def _digest(query: str) -> str:
    return hashlib.sha256(query.encode()).hexdigest()[:8]


def _token(position: int, query: str) -> bytes:
    """An opaque token: a position in the answer to one query."""
    return base64.urlsafe_b64encode(f"{_digest(query)}:{position}".encode())


def _read_token(token: Any, query: str) -> int | None:
    if not token:
        return None
    try:
        digest, _, position = base64.urlsafe_b64decode(str(token)).decode().partition(":")
        if digest == _digest(query):
            return int(position)
    except ValueError:
        pass
    raise ProblemError(400, "The provided nextPageToken is invalid or expired, or belongs to another query.")
