"""The small streams of a Jira site: its JSON → rows. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from extractors.jira.fields import FieldRoles
from extractors.jira.records import instant_of
from extractors.rows import digest, from_mappings
from extractors.streams import STREAMS

Json = dict[str, Any]
OF_CONFIGURATION = ("filter_id", "filter_jql", "is_filter_readable", "points_field_id")  # columns of a board


@dataclass
class Board:
    """A board with what could be read of it. `problems` say what could not, and why.

    `landed` are the columns OF_CONFIGURATION of its landed version: they stay where the configuration cannot be read.
    """

    board_id: str
    raw: Json
    configuration: Json | None = None
    jql: str | None = None
    sprints: list[Json] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    are_sprints_known: bool = True
    landed: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.raw.get("name") or self.board_id)

    @property
    def kind(self) -> str:
        return str(self.raw.get("type") or "")

    @property
    def filter_id(self) -> str | None:
        found = ((self.configuration or {}).get("filter") or {}).get("id")
        return str(found) if found is not None else None

    @property
    def points_field(self) -> str | None:
        estimation = (self.configuration or {}).get("estimation") or {}
        found = (estimation.get("field") or {}).get("fieldId")
        return str(found) if found else None

    def check(self) -> None:
        """Raises what an odd configuration leads to (oddities.UNREADABLE), before anything relies on it."""
        rows = column_rows(self)
        from_mappings(rows, STREAMS["jira/board_columns"].schema)
        _ = self.filter_id, self.points_field


def _id(raw: Mapping[str, Any]) -> str:
    """Raises KeyError if there is none."""
    found = raw["id"]
    if isinstance(found, bool) or not isinstance(found, str | int) or found == "":
        raise KeyError("id")
    return str(found)


def _row_of(raw: Mapping[str, Any], columns: Mapping[str, Any], record_id: str | None = None) -> Json:
    payload = msgspec.json.encode(raw).decode()
    return {"record_id": record_id or _id(raw), "updated_at": None, "payload": payload, **columns}


def project_row(raw: Json) -> Json:
    category = raw.get("projectCategory") or {}
    # Who leads it, its pictures and counts change without the project changing.
    known = {
        "project_id": _id(raw),
        "project_key": raw.get("key"),
        "name": raw.get("name"),
        "is_archived": bool(raw.get("archived")),
        "category": category.get("name"),
    }
    return _row_of(raw, known)


def field_row(raw: Json, roles: FieldRoles) -> Json:
    schema = raw.get("schema") or {}
    field_id = _id(raw)
    attribute = roles.attribute_of(field_id)
    known = {"field_id": field_id, "name": raw.get("name"), "custom_type": schema.get("custom"), "attribute": attribute}
    row = _row_of(raw, known)
    return row | {"payload_hash": _hash(row["payload"], attribute)}


def status_row(raw: Json) -> Json:
    scope = (raw.get("scope") or {}).get("project") or {}
    category = raw.get("statusCategory") or {}
    project_id = str(scope["id"]) if scope.get("id") is not None else None
    known = {
        "status_id": _id(raw),
        "name": raw.get("name"),
        "category": category.get("key"),
        "project_id": project_id,
    }
    return _row_of(raw, known)


def resolution_row(raw: Json) -> Json:
    return _row_of(raw, {"resolution_id": _id(raw), "name": raw.get("name")})


def issue_type_row(raw: Json) -> Json:
    level = raw.get("hierarchyLevel")
    known = {
        "issue_type_id": _id(raw),
        "name": raw.get("name"),
        "is_subtask": bool(raw.get("subtask")),
        "hierarchy_level": level if isinstance(level, int) else None,
    }
    return _row_of(raw, known)


def version_row(raw: Json, project_id: str) -> Json:
    known = {
        "version_id": _id(raw),
        "project_id": project_id,
        "name": raw.get("name"),
        "start_date": _date(raw.get("startDate")),
        "release_date": _date(raw.get("releaseDate")),
        "is_released": bool(raw.get("released")),
        "is_archived": bool(raw.get("archived")),
    }
    return _row_of(raw, known)


def board_row(board: Board) -> Json:
    location = board.raw.get("location") or {}
    project_id = location.get("projectId")
    known = {
        "board_id": board.board_id,
        "name": board.raw.get("name"),
        "board_type": board.kind or None,
        "project_id": str(project_id) if project_id is not None else None,
        "project_key": location.get("projectKey"),
        "filter_id": board.filter_id,
        "filter_jql": board.jql,
        "is_filter_readable": board.jql is not None,
        "points_field_id": board.points_field,
    }
    if board.configuration is None:
        known |= board.landed
    row = _row_of(board.raw | {"configuration": board.configuration}, known, board.board_id)
    return row | {"payload_hash": _hash(row["payload"], board.jql)}


def column_rows(board: Board) -> list[Json]:
    columns: Sequence[Json] = ((board.configuration or {}).get("columnConfig") or {}).get("columns") or []
    return [
        _row_of(
            raw,
            {
                "board_id": board.board_id,
                "column_number": number,
                "name": raw.get("name"),
                "status_ids": [str(status["id"]) for status in raw.get("statuses") or []],
                "minimum": raw.get("min"),
                "maximum": raw.get("max"),
            },
            f"{board.board_id}:{number}",
        )
        for number, raw in enumerate(columns)
    ]


def sprint_row(raw: Mapping[str, Any], listed_by: str | None = None) -> Json:
    """From the sprint resource, or from an issue's Sprint field (which calls the board boardId).

    Old servers do not say on which board a sprint was made: then it is the one that lists it.
    """
    told = (raw.get("originBoardId"), raw.get("boardId"), listed_by)
    board_id = next((one for one in told if one is not None), None)
    known = {
        "sprint_id": _id(raw),
        "board_id": str(board_id) if board_id is not None else None,
        "name": raw.get("name"),
        "goal": raw.get("goal") or None,
        "state": str(raw["state"]).lower() if raw.get("state") else None,
        "start_at": _instant(raw.get("startDate")),
        "end_at": _instant(raw.get("endDate")),
        "activated_at": _instant(raw.get("activatedDate")),
        "complete_at": _instant(raw.get("completeDate")),
    }
    return _row_of(raw, known)


def _instant(value: Any) -> Any:
    return instant_of(value) if value else None


def _date(value: Any) -> Any:
    instant = _instant(value)
    return instant.date() if instant else None


def _hash(payload: str, *more: str | None) -> str:
    return digest(payload.encode(), *((text or "").encode() for text in more))
