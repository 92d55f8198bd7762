"""Jira's JSON → rows of the raw streams. No I/O.

Rows are collected as tuples and become Arrow columns at once, a batch at a time: this is the hot path of
a first load.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pyarrow as pa
from msgspec import Raw

from extractors.jira.bulk import FetchedIssue
from extractors.jira.documents import Fields, History, Issue, User
from extractors.jira.fields import AttributeNames, FieldRoles
from extractors.jira.sprint_field import sprint_values
from extractors.rows import canonical_json, digest
from extractors.streams import STREAMS
from extractors.text import repair_json

_ISSUE_COLUMNS = (
    "record_id", "updated_at", "extracted_at", "payload_hash", "payload",
    "issue_id", "issue_key", "project_id", "project_key", "issue_type_id", "issue_type", "is_subtask",
    "status_id", "status", "status_category", "resolution_id", "resolution", "priority", "summary",
    "created_at", "resolved_at", "assignee_id", "reporter_id", "parent_id", "parent_key", "epic_ref", "points",
    "original_estimate_seconds", "remaining_estimate_seconds", "spent_seconds", "is_flagged", "sprint_ids", "labels",
    "fix_version_ids", "component_names", "due_date", "change_count", "landed_change_count",
)  # fmt: skip
_CHANGE_COLUMNS = (
    "record_id", "updated_at", "extracted_at", "payload_hash", "payload", "issue_id", "history_id", "item_number",
    "changed_at", "author_id", "attribute", "field", "field_id", "from_id", "from_text", "to_id", "to_text",
)  # fmt: skip
_EPOCH_MILLISECONDS = 100_000_000_000  # more than that many seconds is the year 5138


def table_of(stream: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    """Tuples of `columns` as an Arrow table with the stream's types."""
    schema = STREAMS[stream].schema
    values = zip(*rows, strict=True) if rows else [()] * len(columns)
    return pa.table(
        {name: column_of(list(column), schema.field(name).type) for name, column in zip(columns, values, strict=True)}
    )


def column_of(values: list[Any], kind: pa.DataType) -> pa.Array:
    """Values of one type as an Arrow column; times may be ISO text, epoch numbers or datetimes."""
    if not pa.types.is_timestamp(kind) or (values and isinstance(values[0], datetime)):
        return pa.array(values, kind)
    try:
        if values and isinstance(values[0], int):
            scale = 1000 if abs(values[0]) > _EPOCH_MILLISECONDS else 1_000_000
            return pa.array([scale * value for value in values], pa.int64()).cast(kind)
        return pa.array(values, pa.string()).cast(kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError):  # numbers, datetimes, odd texts among them
        return pa.array([instant_of(value) for value in values], kind)


def instant_of(value: Any) -> datetime | None:
    """An aware UTC instant of ISO text, epoch seconds or milliseconds; None of anything else."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, str) and value.isdigit():
        value = int(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value / 1000 if abs(value) > _EPOCH_MILLISECONDS else value, UTC)
    try:
        instant = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)


def sent(raw: Raw) -> bytes:
    """A record as sent, with invalid UTF-8 repaired (invalid escapes were repaired when the answer was decoded)."""
    body = bytes(raw)
    return body if _is_utf8(body) else repair_json(body)


def _is_utf8(body: bytes) -> bool:
    if body.isascii():
        return True
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


class IssueRows:
    """Rows of a batch of issues: the issues themselves, their changes, links, users, and sprints seen in them."""

    def __init__(self, roles: FieldRoles) -> None:
        self._roles = roles
        self._attributes = AttributeNames(roles)
        self._decode_issue = issue_decoder(roles)
        self._decode_history = msgspec.json.Decoder(History).decode
        self._aliases = {name: [_alias(f) for f in roles.ids(name)] for name in ("points", "epic", "flagged", "sprint")}
        self.clear()

    def clear(self) -> None:
        self.issues: list[tuple[Any, ...]] = []
        self.changes: list[tuple[Any, ...]] = []
        self.links: dict[str, dict[str, Any]] = {}
        self.users: dict[str, User] = {}
        self.sprints: dict[str, dict[str, Any]] = {}
        self.unreadable_sprints = 0

    def add(self, fetched: FetchedIssue, *, is_final: bool = False) -> str | None:
        """Take in one issue, or return its id if its history does not lead to its current state (then ask again).

        With `is_final` it is taken as it is. Raises msgspec.ValidationError if it lacks what every issue has.
        """
        payload = sent(fetched.payload)
        issue = self._decode_issue(payload)
        histories = {}
        for raw in fetched.histories:
            body = sent(raw)
            history = self._decode_history(body)
            histories[history.id] = (history, body)
        ordered = sorted(histories.values(), key=lambda pair: int(pair[0].id))
        if not is_final and _disagrees(issue, [history for history, _ in ordered], fetched.change_count):
            return issue.id
        hashes = [self._add_history(issue.id, history, body, fetched.sent_at) for history, body in ordered]
        payload_hash = digest(payload, *(text.encode() for text in hashes))
        self._add_issue(issue, payload, payload_hash, fetched, len(ordered))
        for user in (issue.fields.assignee, issue.fields.reporter, issue.fields.creator):
            self._see(user)
        self._add_links(issue, fetched.sent_at)
        return None

    def _add_history(self, issue_id: str, history: History, body: bytes, sent_at: datetime) -> str:
        author = self._see(history.author)
        payload_hash = digest(body)
        payload: str | None = body.decode()
        number = int(history.id)
        for position, item in enumerate(history.items):
            self.changes.append((
                f"{issue_id}:{history.id}:{position}", history.created, sent_at, payload_hash, payload,
                issue_id, number, position, history.created, author, self._attributes.of(item),
                item.field, item.field_id, item.from_id, item.from_text, item.to_id, item.to_text,
            ))  # fmt: skip
            payload = None
        return payload_hash

    def _add_issue(self, issue: Issue, payload: bytes, payload_hash: str, fetched: FetchedIssue, landed: int) -> None:
        fields = issue.fields
        category = fields.status.category
        resolution, parent = fields.resolution, fields.parent
        self.issues.append((
            issue.id, fields.updated, fetched.sent_at, payload_hash, payload.decode(),
            issue.id, issue.key, fields.project.id, fields.project.key, fields.issuetype.id, fields.issuetype.name,
            fields.issuetype.subtask, fields.status.id, fields.status.name, category.key if category else None,
            resolution.id if resolution else None, resolution.name if resolution else None,
            fields.priority.name if fields.priority else None, fields.summary, fields.created, fields.resolutiondate,
            fields.assignee.user_id if fields.assignee else None, fields.reporter.user_id if fields.reporter else None,
            parent.id if parent else None, parent.key if parent else None,
            _key_of(self._first(fields, "epic")), number_of(self._first(fields, "points")),
            fields.timeoriginalestimate, fields.timeestimate, fields.timespent,
            bool(self._first(fields, "flagged")), self._sprints(fields), fields.labels or [],
            [version.id for version in fields.fix_versions or []],
            [component.name for component in fields.components or []],
            _date_of(fields.duedate), fetched.change_count, landed,
        ))  # fmt: skip

    def _first(self, fields: Fields, attribute: str) -> Any:
        """The value of the first field of an attribute that has one."""
        values = (getattr(fields, alias, None) for alias in self._aliases[attribute])
        return next((value for value in values if value is not None), None)

    def _sprints(self, fields: Fields) -> list[str] | None:
        if not self._aliases["sprint"]:
            return []
        sprints = sprint_values(self._first(fields, "sprint"))
        if sprints is None:
            self.unreadable_sprints += 1
            return None
        self.sprints.update((sprint["id"], sprint) for sprint in sprints)
        return [sprint["id"] for sprint in sprints]

    def _see(self, user: User | None) -> str | None:
        if user is None or (user_id := user.user_id) is None:
            return None
        self.users[user_id] = user
        return user_id

    def _add_links(self, issue: Issue, sent_at: datetime) -> None:
        for link in issue.fields.issuelinks or []:
            other = link.outward or link.inward
            if other is None or other.id is None or link.id is None:
                continue
            ends = (issue.id, other.id) if link.outward else (other.id, issue.id)
            known = {
                "source_issue_id": ends[0],
                "target_issue_id": ends[1],
                "link_type": link.type.name,
                "outward_text": link.type.outward,
            }
            # Both ends show the link, each in its own words: the hash is over what it is.
            text = canonical_json(known | {"id": link.id})
            row = {"record_id": link.id, "updated_at": None, "extracted_at": sent_at, "payload": text, **known}
            self.links[link.id] = row

    def tables(self) -> dict[str, pa.Table | list[dict[str, Any]]]:
        """Rows by stream, changes before the issues that they belong to."""
        return {
            "jira/users": [user_row(user_id, user) for user_id, user in self.users.items()],
            "jira/issue_changes": table_of("jira/issue_changes", _CHANGE_COLUMNS, self.changes),
            "jira/issue_links": list(self.links.values()),
            "jira/issues": table_of("jira/issues", _ISSUE_COLUMNS, self.issues),
        }


def _disagrees(issue: Issue, histories: Sequence[History], change_count: int | None) -> bool:
    """Whether histories are missing: fewer than the tool says, or the last status change led elsewhere."""
    if change_count is not None and len(histories) < change_count:
        return True
    changes = (
        item.to_id
        for history in reversed(histories)
        for item in reversed(history.items)
        if item.field == "status" and item.fieldtype != "custom"
    )
    last = next(changes, None)
    return last is not None and last != issue.fields.status.id


def issue_decoder(roles: FieldRoles) -> Callable[[bytes], Issue]:
    """A typed decoder of issues that knows the site's custom fields."""
    ids = sorted({field_id for attribute in roles.by_attribute.values() for field_id in attribute})
    custom: list[Any] = [
        (_alias(field_id), Any, msgspec.field(default=None, name=field_id))
        for field_id in ids
        if field_id not in _SYSTEM_NAMES
    ]
    fields = msgspec.defstruct("SiteFields", custom, bases=(Fields,))
    form = msgspec.defstruct("SiteIssue", [("fields", fields)], bases=(Issue,))
    decode: Callable[[bytes], Issue] = msgspec.json.Decoder(form).decode  # type: ignore[assignment]
    return decode


_SYSTEM_NAMES = {info.encode_name: info.name for info in msgspec.structs.fields(Fields)}


def _alias(field_id: str) -> str:
    """The attribute of the decoded fields that holds a field."""
    return _SYSTEM_NAMES.get(field_id) or "custom_" + "".join(c if c.isalnum() else "_" for c in field_id)


def number_of(value: Any) -> float | None:
    """A number, also where the field has become a text field; None for anything else."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(str(value).replace(",", ".")) if isinstance(value, str) else float(value)
    except (ValueError, TypeError):
        return None
    return number if abs(number) < float("inf") else None


def _key_of(value: Any) -> str | None:
    if isinstance(value, Mapping):
        value = value.get("key") or value.get("id")
    return str(value) if value else None


def _date_of(value: str | None) -> Any:
    try:
        return datetime.fromisoformat(value[:10]).date() if value else None
    except ValueError:
        return None


def user_row(user_id: str, user: User) -> dict[str, Any]:
    known = {"user_id": user_id, "display_name": user.display_name, "email": user.email, "is_active": user.active}
    payload = msgspec.json.encode(user).decode()
    return {"record_id": user_id, "updated_at": None, "payload": payload, "payload_hash": _hash(known), **known}


def _hash(known: Mapping[str, Any]) -> str:
    return digest(canonical_json(known).encode())
