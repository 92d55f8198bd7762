"""One Jira site's store, read the way its API needs: searches, chosen fields, histories."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from sandbox.model import Tool
from sandbox.render.common import milliseconds
from sandbox.render.jira_words import Flavour, flavour_of
from sandbox.servers.clock import present
from sandbox.servers.jql import JqlError
from sandbox.servers.jql_sql import Condition, JqlReader
from sandbox.store import BASE, Store, joined

JSON = "application/json;charset=UTF-8"
_NOT_NAVIGABLE = {"comment", "worklog"}
_ID_FIELDS = {"id", "key", "issuekey"}
HEAD = 14  # 13 digits of epoch milliseconds and a blank before each stored history


class ProblemError(Exception):
    """An answer in Jira's error form."""

    def __init__(self, status: int, *messages: str) -> None:
        super().__init__(*messages)
        self.status, self.messages = status, messages


class Issue(msgspec.Struct, omit_defaults=True):
    """A stored issue, its fields left serialised."""

    expand: str
    id: str
    self: str
    key: str
    fields: dict[str, msgspec.Raw]


class Selection:
    """Which fields of an issue were asked for: names, *all, *navigable, -name."""

    def __init__(self, asked: Sequence[str], default: str) -> None:
        names = [name.strip() for part in asked for name in part.split(",") if name.strip()]
        wanted = [name for name in names if not name.startswith("-")] or [default]
        self.excluded = {name[1:] for name in names if name.startswith("-")}
        self.is_all = "*all" in wanted
        self.is_navigable = "*navigable" in wanted
        self.names = {name for name in wanted if not name.startswith("*")}
        self.is_ids_only = not (self.is_all or self.is_navigable) and self.names <= _ID_FIELDS
        self.is_bare = self.names == {"id"} and self.is_ids_only

    def apply(self, document: bytes) -> bytes:
        if self.is_all and not self.excluded:
            return document
        issue = _decode(document)
        issue.fields = {name: value for name, value in issue.fields.items() if self._wants(name)}
        return _encode(issue)

    def _wants(self, name: str) -> bool:
        if name in self.excluded:
            return False
        return self.is_all or name in self.names or (self.is_navigable and name not in _NOT_NAVIGABLE)


_decode = msgspec.json.Decoder(Issue).decode
_encode = msgspec.json.Encoder().encode


@lru_cache(maxsize=256)
def selection(asked: tuple[str, ...], default: str) -> Selection:
    return Selection(asked, default)


class JiraSite:
    """What the handlers of both flavours need. `base` is the address that documents carry."""

    def __init__(self, store: Store, base: str) -> None:
        self.store = store
        self.base = base
        self.flavour: Flavour = flavour_of(Tool(store.meta("flavour") or Tool.JIRA_CLOUD))

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.store.meta("time_zone") or "UTC")

    @property
    def now(self) -> datetime:
        return present(self.store)

    @property
    def account(self) -> dict[str, Any]:
        """The user whose token we use: the first one."""
        first = self.store.value("select doc from resources where kind = 'user' order by position limit 1")
        if first is None:
            return {"displayName": "Sandbox", "active": True, "accountId": "sandbox", "key": "sandbox"}
        return dict(msgspec.json.decode(first))

    def search(self, jql: str, request: Request) -> Condition:
        """Raises ProblemError 400 with Jira's words. A `hide` fault leaves out what changed lately."""
        account = str(self.account.get("accountId") or self.account.get("key"))
        try:
            condition = JqlReader(self.store, self.zone, self.now, account).read(jql)
        except JqlError as error:
            raise ProblemError(400, str(error)) from error
        hidden = getattr(request.state, "hidden_seconds", None)
        if hidden is None:
            return condition
        horizon = milliseconds(self.now) - round(1000 * hidden)
        return Condition(
            f"({condition.where}) and updated < {horizon}", condition.values, condition.order, condition.is_bounded
        )

    def count(self, condition: Condition) -> int:
        sql = f"select count(*) from issues where {condition.where}"  # noqa: S608 - values are bound
        return int(self.store.value(sql, condition.values))

    def ids(self, condition: Condition, limit: int, offset: int = 0, after: int | None = None) -> list[tuple[int, str]]:
        """(id, key) of the issues found; `after` goes on behind an id where the order is by id."""
        where, values = condition.where, list(condition.values)
        if after is not None:
            where = f"({where}) and id {'>' if condition.order.startswith('id asc') else '<'} ?"
            values.append(after)
        sql = f"select id, key from issues where {where} order by {condition.order} limit ? offset ?"  # noqa: S608 - values are bound
        return [(int(row[0]), str(row[1])) for row in self.store.rows(sql, (*values, limit, offset))]

    def documents(self, numbers: Sequence[int], chosen: Selection, newest_histories: int | None = 0) -> list[bytes]:
        """Issues in the order of `numbers`. `newest_histories`: how many to embed; None: all, oldest first."""
        places = ", ".join("?" * len(numbers))
        columns = "id, doc" if newest_histories == 0 else "id, doc, histories"
        rows = self.store.rows(f"select {columns} from documents where id in ({places})", numbers)  # noqa: S608 - places only
        found = {row[0]: row for row in rows}
        answers = []
        for number in numbers:
            if number not in found:
                continue
            document = chosen.apply(found[number][1])
            if newest_histories != 0:
                document = with_changelog(document, found[number][2], newest_histories)
            answers.append(document)
        return answers

    def number_of(self, name: str) -> int | None:
        """The id of an issue by id or key; keys that it had before a move find it too."""
        if name.isdigit():
            found = self.store.value("select id from issues where id = ?", (int(name),))
        else:
            found = self.store.value("select issue_id from issue_keys where key = ?", (name,))
        return None if found is None else int(found)

    def numbers_of(self, names: Sequence[str]) -> list[int]:
        """The ids of the issues among them, ascending."""
        digits = {int(name) for name in names if name.isdigit()}
        places = ", ".join("?" * len(digits))
        found = {row[0] for row in self.store.rows(f"select id from issues where id in ({places})", tuple(digits))}  # noqa: S608
        keys = (self.number_of(name) for name in names if not name.isdigit())
        return sorted(found | {number for number in keys if number is not None})

    def respond(self, body: bytes, status: int = 200) -> Response:
        return Response(body.replace(BASE.encode(), self.base.encode()), status, media_type=JSON)

    def respond_value(self, value: Any, status: int = 200) -> Response:
        return self.respond(msgspec.json.encode(value), status)

    def page(self, request: Request, documents: Sequence[bytes], most: int = 50) -> Response:
        """A page of a list as `startAt`/`maxResults` ask for: `values`, `isLast`, `total`."""
        start = whole(request.query_params.get("startAt"), 0)
        size = min(whole(request.query_params.get("maxResults"), 50), most)
        chosen = documents[start : start + size]
        is_last = b"true" if start + size >= len(documents) else b"false"
        head = b'{"maxResults":%d,"startAt":%d,"total":%d,"isLast":%s,"values":' % (
            size,
            start,
            len(documents),
            is_last,
        )
        return self.respond(head + joined(chosen) + b"}")


def whole(text: str | None, default: int) -> int:
    """A number of a query parameter. Raises ProblemError 400 where it is none."""
    if text is None or text == "":
        return default
    try:
        return max(int(text), 0)
    except ValueError as error:
        raise ProblemError(400, f"'{text}' is not a whole number.") from error


def history_documents(blob: bytes) -> list[bytes]:
    """Histories of an issue, oldest first."""
    return [line[HEAD:] for line in dated_lines(blob)]


def dated_lines(blob: bytes) -> list[bytes]:
    return blob.split(b"\n") if blob else []


def with_changelog(document: bytes, blob: bytes, newest: int | None) -> bytes:
    """The issue with its changelog as `expand=changelog` gives it: all oldest first, or the newest first."""
    histories = history_documents(blob)
    total = len(histories)
    shown: Iterable[bytes] = histories if newest is None else histories[::-1][:newest]
    size = total if newest is None else min(total, newest)
    head = b',"changelog":{"startAt":0,"maxResults":%d,"total":%d,"histories":' % (size, total)
    return document[:-1] + head + joined(shown) + b"}}"


def body_of(raw: bytes) -> dict[str, Any]:
    """A JSON body. Raises ProblemError 400."""
    try:
        value = msgspec.json.decode(raw or b"{}")
    except msgspec.DecodeError as error:
        raise ProblemError(400, "There was an error parsing JSON. Check that your request body is valid.") from error
    if not isinstance(value, dict):
        raise ProblemError(400, "Invalid request payload. Refer to the REST API documentation and try again.")
    return value
