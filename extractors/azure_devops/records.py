"""JSON of the revisions feed -> columns of azure_devops/revisions. No I/O.

A page of a thousand revisions is decoded typed, once, into columns; `payload` is the record's JSON as it
was sent. Fields are named by reference name, so renamed columns and translated processes do not matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from extractors.azure_devops.people import People
from extractors.errors import ConfigError
from extractors.rows import digest
from extractors.streams import STREAMS

REVISIONS = "azure_devops/revisions"

# What we read of a revision -> the field's reference name. Settings (`fields = {points = "Custom.Size"}`) override it.
FIELDS: Mapping[str, str] = {
    "changed_at": "System.ChangedDate",
    "changed_by": "System.ChangedBy",
    "created_at": "System.CreatedDate",
    "project": "System.TeamProject",
    "item_type": "System.WorkItemType",
    "state": "System.State",
    "reason": "System.Reason",
    "resolved_reason": "Microsoft.VSTS.Common.ResolvedReason",
    "title": "System.Title",
    "area_id": "System.AreaId",
    "area_path": "System.AreaPath",
    "iteration_id": "System.IterationId",
    "iteration_path": "System.IterationPath",
    "points": "Microsoft.VSTS.Scheduling.StoryPoints",
    "effort": "Microsoft.VSTS.Scheduling.Effort",
    "size": "Microsoft.VSTS.Scheduling.Size",
    "original_estimate_hours": "Microsoft.VSTS.Scheduling.OriginalEstimate",
    "remaining_hours": "Microsoft.VSTS.Scheduling.RemainingWork",
    "completed_hours": "Microsoft.VSTS.Scheduling.CompletedWork",
    "blocked": "Microsoft.VSTS.CMMI.Blocked",
    "tags": "System.Tags",
    "priority": "Microsoft.VSTS.Common.Priority",
    "severity": "Microsoft.VSTS.Common.Severity",
    "assigned_to": "System.AssignedTo",
    "board_column": "System.BoardColumn",
    "is_board_column_done": "System.BoardColumnDone",
    "board_lane": "System.BoardLane",
    "comment_count": "System.CommentCount",
    "is_item_deleted": "System.IsDeleted",
}
# Without these a revision says nothing; the others may be absent from an older server or another process.
NEEDED = ("changed_at", "changed_by", "created_at", "project", "item_type", "state", "area_path", "iteration_path")
PERSONS = ("changed_by", "assigned_to")
ESTIMATES = ("points", "effort", "size")  # processes use one of them
US_DATE = "%m/%d/%Y %I:%M:%S %p"  # the recycle bin's form in Microsoft's own example


class RevisionReader:
    """Revisions -> rows, for the fields that a site has. `names` maps our names to reference names."""

    def __init__(self, names: Mapping[str, str], people: People) -> None:
        self.names = names
        self.people = people
        fields = [_field(name, names.get(name, f"-{name}")) for name in FIELDS]
        form = msgspec.defstruct("Revision", [("id", int), ("rev", int), ("fields", msgspec.defstruct("F", fields))])
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(form)

    @property
    def asked_fields(self) -> list[str]:
        return list(self.names.values())

    def table(self, raws: Sequence[msgspec.Raw], sent_at: datetime) -> pa.Table:
        """Columns of azure_devops/revisions, in the order of the feed."""
        records = [self._decoder.decode(raw) for raw in raws]
        payloads = [bytes(raw) for raw in raws]
        see = self.people.see_json
        fields = [record.fields for record in records]
        changed = instants([one.changed_at for one in fields])
        columns: dict[str, Any] = {
            "record_id": [f"{record.id}:{record.rev}" for record in records],
            "updated_at": changed,
            "extracted_at": [sent_at] * len(records),
            "payload_hash": [digest(payload) for payload in payloads],
            "payload": _as_text(payloads),
            "item_id": [str(record.id) for record in records],
            "rev": [record.rev for record in records],
            "changed_at": changed,
            "changed_by_id": [see(one.changed_by) for one in fields],
            "created_at": instants([one.created_at for one in fields]),
            "points": [number_of(*points) for points in ((one.points, one.effort, one.size) for one in fields)],
            "is_blocked": [_is_blocked(one.blocked, one.tags) for one in fields],
            "tags": [tags_of(one.tags) for one in fields],
            "assigned_to_id": [see(one.assigned_to) for one in fields],
            "is_board_column_done": [flag_of(one.is_board_column_done) for one in fields],
            "comment_count": [whole_of(one.comment_count) for one in fields],
            "is_item_deleted": [flag_of(one.is_item_deleted) or False for one in fields],
        }
        for name in TEXT_FIELDS:
            columns[name] = texts(list(map(attrgetter(name), fields)))
        for name in ("original_estimate_hours", "remaining_hours", "completed_hours"):
            columns[name] = numbers(list(map(attrgetter(name), fields)))
        schema = STREAMS[REVISIONS].schema
        return pa.table({name: _as_column(values, schema.field(name).type) for name, values in columns.items()})


def _field(ours: str, theirs: str) -> tuple[str, Any, Any]:
    """Persons stay JSON, because the same few come again and again."""
    if ours in PERSONS:
        return ours, msgspec.Raw, msgspec.field(name=theirs, default=msgspec.Raw(b"null"))
    return ours, Any, msgspec.field(name=theirs, default=None)


TEXT_FIELDS = (
    "project",
    "item_type",
    "state",
    "reason",
    "resolved_reason",
    "title",
    "area_id",
    "area_path",
    "iteration_id",
    "iteration_path",
    "priority",
    "severity",
    "board_column",
    "board_lane",
)


def field_names(
    connection_id: str, overrides: Mapping[str, str], known: Sequence[str] | None
) -> tuple[dict[str, str], list[str]]:
    """Our names -> reference names that the site has, and the reference names that it lacks.

    `known` are all fields of the site, None if it does not tell. The feed refuses a request that names an unknown
    field, so those are left out; a missing needed or configured one is a ConfigError.
    """
    unknown_keys = sorted(set(overrides) - set(FIELDS))
    if unknown_keys:
        raise ConfigError(
            connection_id, f"fields, key '{unknown_keys[0]}'", remedy=f"The keys are {', '.join(sorted(FIELDS))}"
        )
    wanted = {**FIELDS, **overrides}
    if known is None:
        return wanted, []
    by_fold = {name.casefold(): name for name in known}
    names = {ours: by_fold[theirs.casefold()] for ours, theirs in wanted.items() if theirs.casefold() in by_fold}
    has_points = any(ours in names for ours in ESTIMATES)
    lacking = [
        theirs for ours, theirs in wanted.items() if ours not in names and not (ours in ESTIMATES and has_points)
    ]
    must = [wanted[ours] for ours in (*NEEDED, *overrides) if ours not in names]
    if must:
        raise ConfigError(
            connection_id,
            f"the field {must[0]}",
            remedy="Correct the reference name under `fields`, or give the token's account access to the process",
            detail="The organisation has no such field",
        )
    return names, lacking


def instants(values: Sequence[Any]) -> pa.Array:
    """ISO texts -> UTC instants; all at once where they are plain."""
    kind = pa.timestamp("us", tz="UTC")
    try:
        return pa.array(values, pa.string()).cast(kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([instant_of(value) for value in values], kind)


def texts(values: Sequence[Any]) -> pa.Array:
    """Texts, empty ones as NULL; all at once where there is nothing else."""
    try:
        column = pa.array(values, pa.string())
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([text_of(value) for value in values], pa.string())
    return pc.if_else(pc.equal(column, ""), None, column)


def numbers(values: Sequence[Any]) -> pa.Array:
    """Numbers, what is none as NULL; all at once where there is nothing else."""
    try:
        return pa.array(values, pa.float64())
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([number_of(value) for value in values], pa.float64())


def instant_of(value: Any) -> datetime | None:
    """An instant in one of the forms that the tool writes; None if it is none of them."""
    if not isinstance(value, str) or not value:
        return None
    for parse in (datetime.fromisoformat, lambda text: datetime.strptime(text, US_DATE)):  # noqa: DTZ007 - see below
        try:
            moment = parse(value)
        except ValueError:
            continue
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


def text_of(value: Any) -> str | None:
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def number_of(*candidates: Any) -> float | None:
    """The first candidate that is a number."""
    for value in candidates:
        if isinstance(value, bool) or value is None or value == "":
            continue
        try:
            return float(value)
        except (TypeError, ValueError):
            continue
    return None


def whole_of(value: Any) -> int | None:
    number = number_of(value)
    return int(number) if number is not None else None


def flag_of(value: Any) -> bool | None:
    """true/false, 1/0 or Yes/No, as a flag."""
    if isinstance(value, str):
        return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(value.casefold())
    return bool(value) if value is not None else None


def tags_of(value: Any) -> list[str]:
    return [tag for part in value.split(";") if (tag := part.strip())] if isinstance(value, str) else []


def _is_blocked(blocked: Any, tags: Any) -> bool:
    return flag_of(blocked) is True or any(tag.casefold() == "blocked" for tag in tags_of(tags))


def _as_text(payloads: list[bytes]) -> pa.Array:
    """UTF-8 bytes as a text column, without a detour over Python texts where they are valid."""
    try:
        return pa.array(payloads, pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([payload.decode(errors="replace") for payload in payloads], pa.string())


def _as_column(values: Any, kind: pa.DataType) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values, kind)
