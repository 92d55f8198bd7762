"""Jira's JSON → rows of the raw streams, a batch at a time. No I/O. The columns are made in columns.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
from msgspec import Raw

from extractors.decoding import decoder, passing_decoder
from extractors.jira.bulk import FetchedIssue
from extractors.jira.columns import Body, ChangeColumns, IssueColumns, column_of, instant_of
from extractors.jira.documents import (
    NOTHING,
    Comments,
    Fields,
    History,
    HistoryAuthor,
    Issue,
    PeopleOfIssue,
    Person,
    User,
)
from extractors.jira.fields import AttributeNames, FieldRoles
from extractors.jira.sprint_field import sprint_values
from extractors.rows import canonical_json, digest, digests
from extractors.text import repair_json

__all__ = ["IssueRows", "column_of", "instant_of", "issue_decoder", "number_of", "user_row"]

_MOST_CACHED = 20_000  # combinations of sprints whose JSON is known already
_OWN_FIELDS = ("points", "epic", "flagged", "sprint", "satisfaction", "satisfied_at")
Json = dict[str, Any]


class _OwnValues(NamedTuple):
    """What the site's custom fields say of one issue."""

    epic: str | None
    points: float | None
    is_flagged: bool
    sprints: list[str] | None
    satisfaction: float | None
    satisfied_at: datetime | None


class IssueRows:
    """Rows of a batch of issues: the issues themselves, their changes, links, users, and sprints seen in them."""

    def __init__(self, roles: FieldRoles, *, keeps_comments: bool = False) -> None:
        self._keeps_comments = keeps_comments
        self._attributes = AttributeNames(roles)
        self._decode_issue = issue_decoder(roles)
        self._decode_history = decoder(History).decode
        self._aliases = {name: [_alias(field_id) for field_id in roles.ids(name)] for name in _OWN_FIELDS}
        self._seen: set[str | None] = {None}
        self._sprint_fields: dict[bytes, list[Json] | None] = {}
        self.clear()

    def clear(self) -> None:
        self._issues = IssueColumns()
        self._changes = ChangeColumns()
        self.links: dict[str, Json] = {}
        self.users: dict[str, User] = {}
        self.sprints: dict[str, Json] = {}
        self.unreadable_sprints = 0
        self.bytes = 0  # of issues and histories as sent

    def __len__(self) -> int:
        return len(self._issues.issues)

    @property
    def issue_ids(self) -> list[str]:
        return [issue.id for issue in self._issues.issues]

    def add(self, fetched: FetchedIssue, *, is_final: bool = False) -> str | None:
        """Take in one issue, or return its id if its history does not lead to its current state (then ask again).

        With `is_final` it is taken as it is. Raises msgspec.ValidationError if it lacks what every issue has.
        """
        payload, issue = _decoded(self._decode_issue, fetched.payload)
        payload, comments = self._without_comments(payload, issue.fields.comment)
        histories, bodies = self._histories(fetched.histories)
        if not is_final and _disagrees(issue, histories, fetched.change_count):
            return str(issue.id)
        # All that can fail comes before the first column grows: else one odd issue would cost the whole run.
        fields = issue.fields
        people = [self._see(one, payload, _people) for one in (fields.assignee, fields.reporter, fields.creator)]
        authors = self._authors(histories, bodies)
        own = self._own_values(fields)
        hashes = self._add_histories(histories, bodies, authors)
        self._issues.comment_counts.append(comments)
        payload_hash = digest(payload, *hashes)
        self._add_issue(issue, payload, payload_hash, fetched, len(histories), people, own)
        if issue.fields.issuelinks:
            self._add_links(issue, fetched.sent_at)
        return None

    def _without_comments(self, payload: bytes, comments: Raw) -> tuple[bytes, int | None]:
        """The issue with the number of its comments in their place, and that number (None: the tool does not say)."""
        body = bytes(comments)
        if body == b"null":
            return payload, None
        total = _decode_comments(body).total
        if self._keeps_comments:
            return payload, total
        return payload.replace(body, msgspec.json.encode({"total": total}), 1), total

    def _histories(self, raws: Sequence[Raw]) -> tuple[list[History], Sequence[Body]]:
        """Decoded and as sent, in the order of the ids, each id once (the last one sent)."""
        bodies: Sequence[Body] = raws
        try:
            found = [self._decode_history(raw) for raw in raws]
        except UnicodeDecodeError:
            repaired = [_decoded(self._decode_history, raw) for raw in raws]
            bodies, found = [body for body, _ in repaired], [history for _, history in repaired]
        numbers = [int(history.id) for history in found]
        places = dict(zip(numbers, range(len(numbers)), strict=True))
        ordered = sorted(places)
        if ordered != numbers:
            found, bodies = [found[places[key]] for key in ordered], [bodies[places[key]] for key in ordered]
        return found, bodies

    def _authors(self, histories: Sequence[History], bodies: Sequence[Body]) -> list[str | None]:
        """Who wrote each history; who was not seen yet in this run is landed with this batch."""
        authors = [history.author.user_id if history.author is not None else None for history in histories]
        if not self._seen.issuperset(authors):
            for history, body in zip(histories, bodies, strict=True):
                self._see(history.author, body, _author)
        return authors

    def _add_histories(
        self, histories: Sequence[History], bodies: Sequence[Body], authors: Sequence[str | None]
    ) -> list[bytes]:
        """Take in an issue's histories; their hashes."""
        changes = self._changes
        hashes = digests(bodies)
        changes.hashes += hashes
        changes.histories += histories
        changes.payloads += bodies
        changes.authors += authors
        self.bytes += sum(map(len, bodies))
        return [text.encode() for text in hashes]

    def _add_issue(
        self,
        issue: Issue,
        payload: bytes,
        payload_hash: str,
        fetched: FetchedIssue,
        landed: int,
        people: Sequence[str | None],
        own: _OwnValues,
    ) -> None:
        columns = self._issues
        columns.issues.append(issue)
        columns.payloads.append(payload)
        self.bytes += len(payload)
        columns.hashes.append(payload_hash)
        columns.sent_at.append(fetched.sent_at)
        columns.change_counts.append(fetched.change_count)
        columns.landed_counts.append(landed)
        columns.assignees.append(people[0])
        columns.reporters.append(people[1])
        columns.epics.append(own.epic)
        columns.points.append(own.points)
        columns.flags.append(own.is_flagged)
        columns.sprints.append(own.sprints)
        columns.satisfactions.append(own.satisfaction)
        columns.satisfied_at.append(own.satisfied_at)

    def _own_values(self, fields: Fields) -> _OwnValues:
        return _OwnValues(
            _key_of(self._first(fields, "epic")),
            number_of(self._first(fields, "points")),
            bool(self._first(fields, "flagged")),
            self._sprints(fields),
            _rating_of(self._first(fields, "satisfaction")),
            instant_of(self._first(fields, "satisfied_at")),
        )

    def _first(self, fields: Fields, attribute: str) -> Any:
        """The value of the first field of an attribute that has one."""
        for alias in self._aliases[attribute]:
            value = getattr(fields, alias, None)
            if value is not None:
                return value
        return None

    def _sprints(self, fields: Fields) -> list[str] | None:
        """Ids of the sprints; None if the field has an unknown form. Issues of one sprint look the same in it."""
        values = (bytes(getattr(fields, alias)) for alias in self._aliases["sprint"])
        body = next((value for value in values if value != b"null"), None)
        if body is None:
            return []
        if body not in self._sprint_fields:
            if len(self._sprint_fields) > _MOST_CACHED:
                self._sprint_fields.clear()
            self._sprint_fields[body] = sprint_values(msgspec.json.decode(repair_json(body)))
        sprints = self._sprint_fields[body]
        if sprints is None:
            self.unreadable_sprints += 1
            return None
        ids = []
        for sprint in sprints:
            self.sprints[sprint["id"]] = sprint
            ids.append(sprint["id"])
        return ids

    def _see(self, person: Person | None, body: Body, people: Callable[[Body], Iterable[User | None]]) -> str | None:
        """The id of somebody in `body`; who was not seen yet in this run is landed with this batch."""
        user_id = person.user_id if person is not None else None
        if user_id is not None and user_id not in self._seen:
            found = {user.user_id: user for user in people(body) if user is not None}
            self.users[user_id] = found[user_id]
            self._seen.add(user_id)
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

    def tables(self) -> dict[str, pa.Table | list[Json]]:
        """Rows by stream, changes before the issues that they belong to."""
        return {
            "jira/users": [user_row(user_id, user) for user_id, user in self.users.items()],
            "jira/issue_changes": self._changes.table(self._issues, self._attributes),
            "jira/issue_links": list(self.links.values()),
            "jira/issues": self._issues.table(),
        }


_decode_comments = decoder(Comments).decode
_decode_author = decoder(HistoryAuthor).decode
_decode_people = decoder(PeopleOfIssue).decode


def _author(body: Body) -> Iterable[User | None]:
    return (_decoded(_decode_author, body)[1].author,)


def _people(body: Body) -> Iterable[User | None]:
    fields = _decoded(_decode_people, body)[1].fields
    return fields.assignee, fields.reporter, fields.creator


def _decoded(decode: Callable[[Any], Any], raw: Body) -> tuple[bytes, Any]:
    """A record as sent and decoded. Text that is no UTF-8 is repaired where it has to be read."""
    body = bytes(raw)
    try:
        return body, decode(body)
    except UnicodeDecodeError:
        body = repair_json(body)
        return body, decode(body)


def _disagrees(issue: Issue, histories: Sequence[History], change_count: int | None) -> bool:
    """Whether histories are missing: fewer than the tool says, or the last status change led elsewhere."""
    if change_count is not None and len(histories) < change_count:
        return True
    for history in reversed(histories):
        for item in reversed(history.items):
            if item.field == "status" and item.fieldtype != "custom":
                return item.to_id is not None and item.to_id != issue.fields.status.id
    return False


def issue_decoder(roles: FieldRoles) -> Callable[[Any], Issue]:
    """A typed decoder of issues that knows the site's custom fields. Sprints stay as sent: the same ones come again."""
    sprint = roles.ids("sprint")
    ids = sorted({field_id for attribute in roles.by_attribute.values() for field_id in attribute})
    custom: list[Any] = [
        (_alias(field_id), Raw, msgspec.field(default=NOTHING, name=field_id))
        if field_id in sprint
        else (_alias(field_id), Any, msgspec.field(default=None, name=field_id))
        for field_id in ids
        if field_id not in _SYSTEM_NAMES
    ]
    fields = msgspec.defstruct("SiteFields", custom, bases=(Fields,), gc=False)
    form = msgspec.defstruct("SiteIssue", [("fields", fields)], bases=(Issue,), gc=False)
    decode: Callable[[Any], Issue] = passing_decoder(form).decode  # type: ignore[assignment]
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


def _rating_of(value: Any) -> float | None:
    """What a customer said, which comes as an object."""
    return number_of(value.get("rating")) if isinstance(value, Mapping) else number_of(value)


def _key_of(value: Any) -> str | None:
    if isinstance(value, Mapping):
        value = value.get("key") or value.get("id")
    return str(value) if value else None


def user_row(user_id: str, user: User) -> Json:
    known = {"user_id": user_id, "display_name": user.display_name, "email": user.email, "is_active": user.active}
    payload = msgspec.json.encode(user).decode()
    return {"record_id": user_id, "updated_at": None, "payload": payload, "payload_hash": _hash(known), **known}


def _hash(known: Mapping[str, Any]) -> str:
    return digest(canonical_json(known).encode())
