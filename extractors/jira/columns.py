"""Decoded issues and histories → Arrow tables, column by column: the hot path of a first load. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Raw

from extractors.instants import instant_of_text
from extractors.jira.documents import Fields, History, HistoryItem, Issue
from extractors.jira.fields import AttributeNames
from extractors.streams import STREAMS, TIMESTAMP
from extractors.text import repair_json

Ints = np.ndarray[Any, np.dtype[np.int64]]
Body = bytes | Raw  # a record as sent; a slice of the answer that it came with, as long as nothing had to be repaired
_EPOCH_MILLISECONDS = 100_000_000_000  # more than that many seconds is the year 5138


@dataclass
class IssueColumns:
    """Values of a batch of issues, one entry an issue. What needs the site's custom fields is given by the caller."""

    issues: list[Issue] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    sent_at: list[datetime] = field(default_factory=list)
    change_counts: list[int | None] = field(default_factory=list)
    landed_counts: list[int] = field(default_factory=list)
    assignees: list[str | None] = field(default_factory=list)
    reporters: list[str | None] = field(default_factory=list)
    epics: list[str | None] = field(default_factory=list)
    points: list[float | None] = field(default_factory=list)
    flags: list[bool] = field(default_factory=list)
    sprints: list[list[str] | None] = field(default_factory=list)
    comment_counts: list[int | None] = field(default_factory=list)
    satisfactions: list[float | None] = field(default_factory=list)
    satisfied_at: list[datetime | None] = field(default_factory=list)

    def table(self) -> pa.Table:
        """Rows of jira/issues."""
        ids = [issue.id for issue in self.issues]
        fields = [issue.fields for issue in self.issues]
        columns = {
            "record_id": ids,
            "extracted_at": self.sent_at,
            "payload_hash": self.hashes,
            "payload": as_text(self.payloads),
            "issue_id": ids,
            "issue_key": [issue.key for issue in self.issues],
            "assignee_id": self.assignees,
            "reporter_id": self.reporters,
            "epic_ref": self.epics,
            "points": self.points,
            "is_flagged": self.flags,
            "sprint_ids": self.sprints,
            "change_count": self.change_counts,
            "landed_change_count": self.landed_counts,
            "comment_count": self.comment_counts,
            "satisfaction": self.satisfactions,
            "satisfied_at": pa.array(self.satisfied_at, TIMESTAMP),
            **_system_columns(fields),
        }
        return arrow("jira/issues", columns)


def _system_columns(fields: Sequence[Fields]) -> dict[str, Any]:
    """What every Jira has."""
    updated = column_of([one.updated for one in fields], TIMESTAMP)
    return {
        "updated_at": updated,
        "project_id": [one.project.id for one in fields],
        "project_key": [one.project.key for one in fields],
        "issue_type_id": [one.issuetype.id for one in fields],
        "issue_type": [one.issuetype.name for one in fields],
        "is_subtask": [one.issuetype.subtask for one in fields],
        "status_id": [one.status.id for one in fields],
        "status": [one.status.name for one in fields],
        "status_category": [one.status.category.key if one.status.category else None for one in fields],
        "resolution_id": [one.resolution.id if one.resolution else None for one in fields],
        "resolution": [one.resolution.name if one.resolution else None for one in fields],
        "priority": [one.priority.name if one.priority else None for one in fields],
        "summary": [one.summary for one in fields],
        "created_at": [one.created for one in fields],
        "resolved_at": [one.resolutiondate for one in fields],
        "parent_id": [one.parent.id if one.parent else None for one in fields],
        "parent_key": [one.parent.key if one.parent else None for one in fields],
        "original_estimate_seconds": [one.timeoriginalestimate for one in fields],
        "remaining_estimate_seconds": [one.timeestimate for one in fields],
        "spent_seconds": [one.timespent for one in fields],
        "labels": [one.labels or [] for one in fields],
        "fix_version_ids": [[version.id for version in one.fix_versions or ()] for one in fields],
        "component_names": [[component.name for component in one.components or ()] for one in fields],
        "due_date": [_date_of(one.duedate) for one in fields],
    }


@dataclass
class ChangeColumns:
    """Values of a batch of histories, one entry a history, in the order in which they are landed."""

    histories: list[History] = field(default_factory=list)
    payloads: list[Body] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    authors: list[str | None] = field(default_factory=list)

    def table(self, issues: IssueColumns, attributes: AttributeNames) -> pa.Table:
        """Rows of jira/issue_changes: one an item; the payload of a history stands on its first item.

        `issues` are those of the histories, in the same order; `landed_counts` says how many each one has.
        """
        items: list[HistoryItem] = [item for history in self.histories for item in history.items]
        counts = np.fromiter((len(history.items) for history in self.histories), np.int64, len(self.histories))
        of = np.repeat(np.arange(len(counts)), counts)  # item → history
        of_issue = np.repeat(np.arange(len(issues.issues)), issues.landed_counts)[of]  # item → issue
        position = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)
        issue_id = _spread(pa.array([issue.id for issue in issues.issues], pa.string()), of_issue)
        history_id = _spread(pa.array([int(history.id) for history in self.histories], pa.int64()), of)
        changed_at = _spread(column_of([history.created for history in self.histories], TIMESTAMP), of)
        number = pa.array(position)
        columns = {
            "record_id": pc.binary_join_element_wise(
                issue_id, history_id.cast(pa.string()), number.cast(pa.string()), ":"
            ),
            "updated_at": changed_at,
            "extracted_at": _spread(pa.array(issues.sent_at, TIMESTAMP), of_issue),
            "payload_hash": _spread(pa.array(self.hashes, pa.string()), of),
            "payload": as_text(self.payloads, counts),
            "issue_id": issue_id,
            "history_id": history_id,
            "item_number": number,
            "changed_at": changed_at,
            "author_id": _spread(pa.array(self.authors, pa.string()), of),
            **_field_columns(items, attributes),
            "from_id": [item.from_id for item in items],
            "from_text": [item.from_text for item in items],
            "to_id": [item.to_id for item in items],
            "to_text": [item.to_text for item in items],
        }
        return arrow("jira/issue_changes", columns)


def _field_columns(items: Sequence[HistoryItem], attributes: AttributeNames) -> dict[str, pa.Array]:
    """What changed. There are few fields and many changes, so each field's names are looked up and written once."""
    kinds = _Numbered()
    of = np.fromiter([kinds[item.field, item.fieldtype, item.field_id] for item in items], np.int64, len(items))
    return {
        "attribute": _spread(pa.array([attributes[kind] for kind in kinds], pa.string()), of),
        "field": _spread(pa.array([kind[0] for kind in kinds], pa.string()), of),
        "field_id": _spread(pa.array([kind[2] for kind in kinds], pa.string()), of),
    }


class _Numbered(dict[tuple[str, str | None, str | None], int]):
    """Numbers what is looked up, from 0 in the order in which it came first."""

    def __missing__(self, key: tuple[str, str | None, str | None]) -> int:
        number = self[key] = len(self)
        return number


def _spread(values: pa.Array, of: Ints) -> pa.Array:
    return values.take(pa.array(of))


def arrow(stream: str, columns: dict[str, Any]) -> pa.Table:
    """Columns (lists or Arrow arrays) with the stream's types."""
    schema = STREAMS[stream].schema
    return pa.table(
        {
            name: values if isinstance(values, pa.Array) else column_of(values, schema.field(name).type)
            for name, values in columns.items()
        }
    )


def as_text(bodies: Sequence[Body], rows: Ints | None = None) -> pa.Array:
    """JSON as it was sent, with invalid UTF-8 repaired (invalid escapes were when the answer was decoded).

    `rows` says how many rows each body has: the first one holds it, the others are NULL. The text is copied once.
    """
    if rows is None:
        rows = np.ones(len(bodies), np.int64)
    kept = [body for body, count in zip(bodies, rows.tolist(), strict=True) if count]
    first = np.cumsum(rows) - rows
    sizes, is_first = np.zeros(int(rows.sum()), np.int64), np.zeros(int(rows.sum()), bool)
    sizes[first[rows > 0]], is_first[first[rows > 0]] = [len(body) for body in kept], True
    ends = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    buffers = [np.packbits(is_first, bitorder="little"), ends, b"".join(kept)]
    found = pa.Array.from_buffers(pa.large_binary(), len(sizes), [pa.py_buffer(buffer) for buffer in buffers])
    try:
        return found.cast(pa.string())
    except pa.ArrowInvalid:
        repaired = [repair_json(bytes(body)).decode() for body in kept]
        places = np.cumsum(is_first) - 1
        return pa.array(repaired, pa.string()).take(pa.array(places, mask=~is_first))


def column_of(values: list[Any], kind: pa.DataType) -> pa.Array:
    """Values of one type as an Arrow column; times may be ISO text, epoch numbers or datetimes."""
    if not pa.types.is_timestamp(kind) or (values and isinstance(values[0], datetime)):
        return pa.array(values, kind)
    try:
        if values and isinstance(values[0], int):
            scale = 1000 if abs(values[0]) > _EPOCH_MILLISECONDS else 1_000_000
            return pc.multiply(pa.array(values, pa.int64()), scale).cast(kind)
        return pa.array(values, pa.string()).cast(kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError):  # numbers, datetimes, odd texts among them
        return pa.array([instant_of(value) for value in values], kind)


def instant_of(value: Any) -> datetime | None:
    """An aware UTC instant of ISO text, epoch seconds or milliseconds; None of anything else."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return instant_of_text(value) if isinstance(value, str) else None
    try:
        return datetime.fromtimestamp(value / 1000 if abs(value) > _EPOCH_MILLISECONDS else value, UTC)
    except (ValueError, OverflowError, OSError):  # no instant, or one that no calendar has
        return None


def _date_of(value: str | None) -> date | None:
    try:
        return datetime.fromisoformat(value[:10]).date() if value else None
    except ValueError:
        return None
