"""Calls of the Azure DevOps REST API 7.1, one method per endpoint. HTTP only: no records are made here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import parse_qs, quote, urlsplit

import msgspec

from extractors.azure_devops.auth import ServicePrincipalAuth, make_auth
from extractors.azure_devops.sdk import Discovery
from extractors.connection import AzureDevOpsConnection
from extractors.errors import BadRequest, SchemaChanged
from extractors.http import Access, RetryPolicy, check_url
from extractors.session import Answer, SourceClient

T = TypeVar("T")
API_VERSION = "7.1"
FEED_PAGE = 1000  # the most that the revisions feed gives
BATCH = 200  # the most ids of one call (VS403474)
THREADS = 12  # requests at the same time, where they do not depend on one another
NODE_DEPTH = 14  # the deepest tree that the tool allows
_TOO_MUCH = ("VS402337", "VS402335")  # more than 20,000 results; longer than 30 seconds
_LATEST_VERSION = re.compile(r"supports is (\d+\.\d+)")


class FeedPage(msgspec.Struct, rename="camel"):
    """One answer of a reporting feed."""

    values: list[msgspec.Raw]
    is_last_batch: bool = False
    continuation_token: str | None = None
    next_link: str | None = None

    @property
    def token(self) -> str | None:
        """The token to go on from; older servers give it in the link only."""
        if self.continuation_token or not self.next_link:
            return self.continuation_token
        found = parse_qs(urlsplit(self.next_link).query).get("continuationToken")
        return found[0] if found else None


class Collection(msgspec.Struct):
    """The tool's wrapper of lists. Some endpoints call the list `values`."""

    value: list[msgspec.Raw] | None = None
    values: list[msgspec.Raw] | None = None

    @property
    def items(self) -> list[msgspec.Raw]:
        return (self.value if self.value is not None else self.values) or []


class _WorkItemReference(msgspec.Struct):
    id: int
    rev: int = 1


class _References(msgspec.Struct):
    """Of items that were asked for by id; null where one is not there or not visible."""

    value: list[_WorkItemReference | None]


class _Link(msgspec.Struct):
    target: _WorkItemReference
    source: _WorkItemReference | None = None  # None: the item itself, not one of its links


class _QueryResult(msgspec.Struct, rename="camel"):
    work_items: list[_WorkItemReference] = []
    work_item_relations: list[_Link] = []


class AzureDevOpsClient:
    """One organisation (or collection of a server). Threads may share it."""

    def __init__(self, connection: AzureDevOpsConnection, *, retry: RetryPolicy | None = None) -> None:
        self.connection = connection
        self.base_url = check_url(connection.id, connection.url)
        self.access = Access(
            connection=connection.id,
            origins=(self.base_url,),
            token_env=connection.token_env or connection.client_secret_env,
            ca_bundle=connection.ca_bundle,
            retry=retry or RetryPolicy(),
        )
        self._auth = make_auth(connection, self.access)
        if isinstance(self._auth, ServicePrincipalAuth):
            self.access = replace(self.access, renew=self._auth.renew)
        self.http = SourceClient(self.access, self.base_url, self._auth)
        self._version = API_VERSION
        self.server_time: datetime | None = None  # when the server sent its first answer, by its own clock

    def discovery(self) -> Discovery:
        return Discovery(self.access, self.base_url, self._auth)

    def revisions(self, fields: Sequence[str], token: str | None, page_size: int = FEED_PAGE) -> Answer[FeedPage]:
        """One page of the organisation's revisions. The token goes alone, never with a start date: that loses rows."""
        params = {
            "fields": ",".join(fields),
            "includeIdentityRef": "true",
            "includeDeleted": "true",
            "$maxPageSize": page_size,
            **({"continuationToken": token} if token else {}),
        }
        return self._get("/_apis/wit/reporting/workitemrevisions", FeedPage, params)

    def latest_only(self, token: str | None) -> Answer[FeedPage]:
        """One page of the last revisions of all items, with nothing but their numbers."""
        params = {
            "fields": "System.Id",
            "includeLatestOnly": "true",
            "includeDeleted": "true",
            "$maxPageSize": FEED_PAGE,
            **({"continuationToken": token} if token else {}),
        }
        return self._get("/_apis/wit/reporting/workitemrevisions", FeedPage, params)

    def links(self, token: str | None) -> Answer[FeedPage]:
        params = {"continuationToken": token} if token else {}
        return self._get("/_apis/wit/reporting/workitemlinks", FeedPage, params)

    def fields(self) -> list[dict[str, Any]]:
        return self._list("/_apis/wit/fields")

    def nodes(self, project_id: str) -> list[dict[str, Any]]:
        """The root nodes of areas and iterations with all their children."""
        return self._list(f"/{_part(project_id)}/_apis/wit/classificationnodes", {"$depth": NODE_DEPTH})

    def item_types(self, project_id: str) -> list[dict[str, Any]]:
        return self._list(f"/{_part(project_id)}/_apis/wit/workitemtypes")

    def item_states(self, project_id: str, item_type: str) -> list[dict[str, Any]]:
        return self._list(f"/{_part(project_id)}/_apis/wit/workitemtypes/{_part(item_type)}/states")

    def processes(self) -> list[dict[str, Any]]:
        """The processes of the organisation; needs a permission that extraction can do without."""
        return self._list("/_apis/work/processes")

    def process_types(self, process_id: str) -> list[dict[str, Any]]:
        """A process's work item types with their states."""
        return self._list(f"/_apis/work/processes/{_part(process_id)}/workItemTypes", {"$expand": "states"})

    def recycle_bin(self, project_id: str) -> list[int]:
        """Ids of the project's deleted items."""
        path = f"/{_part(project_id)}/_apis/wit/recyclebin"
        try:
            return [int(record["id"]) for record in self._unwrapped(path)]
        except (KeyError, TypeError, ValueError):
            raise SchemaChanged(self.connection.id, path, detail="An entry has no number") from None

    def deleted_items(self, project_id: str, ids: Sequence[int]) -> list[dict[str, Any]]:
        """Who deleted these items of the recycle bin, and when."""
        path, found = f"/{_part(project_id)}/_apis/wit/recyclebin", []
        for chunk in _chunks(ids):
            found += self._unwrapped(path, {"ids": ",".join(map(str, chunk))})
        return found

    def query_ids(self, project_id: str, wiql: str, top: int) -> list[int]:
        """Ids of live items in the order of the query."""
        path = f"/{_part(project_id)}/_apis/wit/wiql"
        answer = self._post(path, _QueryResult, {"query": wiql}, {"$top": top})
        return [item.id for item in answer.value.work_items]

    def query_links(self, wiql: str) -> list[tuple[int, int]]:
        """(source, target) of each link that the query finds, whatever projects they are in."""
        answer = self._post("/_apis/wit/wiql", _QueryResult, {"query": wiql})
        return [(link.source.id, link.target.id) for link in answer.value.work_item_relations if link.source]

    def existing(self, ids: Sequence[int]) -> set[int]:
        """Those of `ids` that are live and visible: the tool leaves out the others."""
        return {item.id for item in self._items(ids)}

    def revision_numbers(self, ids: Sequence[int]) -> list[int]:
        """How many revisions each of these items has, as far as they are live and visible."""
        return [item.rev for item in self._items(ids)]

    def _items(self, ids: Sequence[int]) -> Iterator[_WorkItemReference]:
        for chunk in _chunks(ids):
            body = {"ids": list(chunk), "fields": ["System.Id", "System.Rev"], "errorPolicy": "omit"}
            items = self._post("/_apis/wit/workitemsbatch", _References, body).value.value
            yield from (item for item in items if item is not None)

    def item_revisions(self, item_id: int) -> Iterator[Answer[Collection]]:
        """All revisions of one item, oldest first, in pages."""
        return self._item_pages(item_id, "revisions")

    def item_updates(self, item_id: int) -> Iterator[Answer[Collection]]:
        """What each revision of an item changed, links included, oldest first, in pages."""
        return self._item_pages(item_id, "updates")

    def _item_pages(self, item_id: int, what: str) -> Iterator[Answer[Collection]]:
        skip = 0
        while True:
            params = {"$top": BATCH, "$skip": skip}
            answer = self._get(f"/_apis/wit/workItems/{item_id}/{what}", Collection, params)
            if not answer.value.items:
                return
            yield answer
            skip += len(answer.value.items)

    def team(self, project_id: str, team_id: str, rest: str) -> Any:
        """One of the team's own resources below `…/_apis/work`, as JSON."""
        path = f"/{_part(project_id)}/{_part(team_id)}/_apis/work/{rest}"
        return msgspec.json.decode(self._get(path, msgspec.Raw).value)

    def team_list(self, project_id: str, team_id: str, rest: str) -> list[dict[str, Any]]:
        return self._list(f"/{_part(project_id)}/{_part(team_id)}/_apis/work/{rest}")

    def close(self) -> None:
        self.http.close()

    def _list(self, path: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        return [msgspec.json.decode(raw) for raw in self._get(path, Collection, params).value.items]

    def _get(self, path: str, form: type[T], params: Mapping[str, Any] | None = None) -> Answer[T]:
        return self._versioned(lambda version: self.http.get(path, form, {**(params or {}), "api-version": version}))

    def _post(self, path: str, form: type[T], body: Any, params: Mapping[str, Any] | None = None) -> Answer[T]:
        return self._versioned(
            lambda version: self.http.post(path, form, body, {**(params or {}), "api-version": version})
        )

    def _versioned(self, call: Callable[[str], Answer[T]]) -> Answer[T]:
        """An older server names the latest version that it knows; from then on we ask for that one."""
        asked = self._version
        try:
            answer = call(asked)
        except BadRequest as error:
            match = _LATEST_VERSION.search(error.detail)
            if match is None or match[1] == asked:
                raise
            self._version = match[1]
            answer = call(match[1])
        if self.server_time is None and "Date" in answer.headers:
            self.server_time = parsedate_to_datetime(answer.headers["Date"])
        return answer

    def _unwrapped(self, path: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """A list, bare or in the tool's wrapper: the recycle bin has answered with both."""
        body = msgspec.json.decode(self._get(path, msgspec.Raw, params).value)
        found = body.get("value") if isinstance(body, dict) else body
        if not isinstance(found, list):
            raise SchemaChanged(self.connection.id, path, detail="The answer is no list")
        return found


def asks_too_much(refusal: BadRequest) -> bool:
    """Whether the tool refused a query for its size or time, so that a part of it may be answered."""
    return any(code in refusal.detail for code in _TOO_MUCH)


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))


def _part(text: str) -> str:
    """One step of a path, whatever characters it has."""
    return quote(text, safe="")
