"""JSON of the revisions feed -> columns of azure_devops/revisions. No I/O.

A page of a thousand revisions is decoded typed, once, into columns; `payload` is the record's JSON as it
was sent. Fields are named by reference name, so renamed columns and translated processes do not matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import NoneType
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec.structs import astuple

from extractors.azure_devops.isolation import BrokenRevision
from extractors.azure_devops.people import People
from extractors.decoding import passing_decoder
from extractors.errors import ConfigError
from extractors.instants import instant_of_text
from extractors.rows import digest
from extractors.streams import STREAMS, TIMESTAMP

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
INDISPENSABLE = ("changed_at", "created_at", "project", "item_type", "state")  # of these, in every single revision
PERSONS = ("changed_by", "assigned_to")
ESTIMATES = ("points", "effort", "size")  # processes use one of them
HOURS = ("original_estimate_hours", "remaining_hours", "completed_hours")
US_DATE = "%m/%d/%Y %I:%M:%S %p"  # the recycle bin's form in Microsoft's own example


class RevisionReader:
    """Revisions -> rows, for the fields that a site has. `names` maps our names to reference names."""

    def __init__(self, names: Mapping[str, str], people: People) -> None:
        self.names = names
        self.people = people
        fields = [_field(name, names.get(name, f"-{name}")) for name in FIELDS]
        named = msgspec.defstruct("Fields", fields, gc=False)
        self.form = msgspec.defstruct("Revision", [("id", int), ("rev", int), ("fields", named)], gc=False)
        self._decoder: msgspec.json.Decoder[Any] = passing_decoder(self.form)
        self.broken: list[BrokenRevision] = []  # revisions that are in no table; whoever asks for tables looks here

    @property
    def asked_fields(self) -> list[str]:
        return list(self.names.values())

    def table(self, raws: Sequence[msgspec.Raw], sent_at: datetime) -> pa.Table:
        """Columns of azure_devops/revisions, in the order of the feed, without those revisions that are `broken`."""
        records, raws = self._decoded(raws)
        payloads = list(map(bytes, raws))
        see = self.people.see_json
        found = dict(zip(FIELDS, zip(*[astuple(record.fields) for record in records], strict=True), strict=False))
        of = {name: found.get(name, ()) for name in FIELDS}  # no record, no values
        ids, revisions = (pa.array([getattr(one, name) for one in records], pa.int64()) for name in ("id", "rev"))
        item_ids, changed, tags = ids.cast(pa.string()), instants(of["changed_at"]), list(map(tags_of, of["tags"]))
        columns: dict[str, Any] = {
            "record_id": pc.binary_join_element_wise(item_ids, revisions.cast(pa.string()), ":"),
            "updated_at": changed,
            "extracted_at": pa.repeat(pa.scalar(sent_at, TIMESTAMP), len(records)),
            "payload_hash": list(map(digest, payloads)),
            "payload": _as_text(payloads),
            "item_id": item_ids,
            "rev": revisions,
            "changed_at": changed,
            "changed_by_id": list(map(see, of["changed_by"])),
            "created_at": instants(of["created_at"]),
            "points": pc.coalesce(*(numbers(of[name]) for name in ESTIMATES)),
            "is_blocked": list(map(_is_blocked, of["blocked"], tags)),
            "tags": tags,
            "assigned_to_id": list(map(see, of["assigned_to"])),
            "is_board_column_done": list(map(flag_of, of["is_board_column_done"])),
            "comment_count": wholes(of["comment_count"]),
            "is_item_deleted": [flag_of(value) or False for value in of["is_item_deleted"]],
        }
        columns |= {name: texts(of[name]) for name in TEXT_FIELDS}
        columns |= {name: numbers(of[name]) for name in HOURS}
        schema = STREAMS[REVISIONS].schema
        table = pa.table({name: _as_column(values, schema.field(name).type) for name, values in columns.items()})
        return self._with_what_is_needed(table)

    def _decoded(self, raws: Sequence[msgspec.Raw]) -> tuple[list[Any], Sequence[msgspec.Raw]]:
        """Typed revisions and their JSON. All at once; one by one only if there is an odd one among them."""
        try:
            return list(map(self._decoder.decode, raws)), raws
        except msgspec.ValidationError:
            pairs = [(record, raw) for raw in raws if (record := self._decoded_one(raw)) is not None]
            return [record for record, _ in pairs], [raw for _, raw in pairs]

    def _decoded_one(self, raw: msgspec.Raw) -> Any:
        try:
            return self._decoder.decode(raw)
        except msgspec.ValidationError as error:
            content = msgspec.json.decode(raw)
            known = content if isinstance(content, dict) else {}
            item_id, rev = (value if type(value := known.get(name)) is int else None for name in ("id", "rev"))
            self.broken.append(BrokenRevision(item_id, rev, str(error)))
            return None

    def _with_what_is_needed(self, table: pa.Table) -> pa.Table:
        """Without revisions that no history can be made of."""
        for name in INDISPENSABLE:
            if not table[name].null_count:
                continue
            for row in table.filter(pc.is_null(table[name])).select(["item_id", "rev"]).to_pylist():
                problem = f"{self.names.get(name, name)} is missing, or in an unknown form"
                self.broken.append(BrokenRevision(int(row["item_id"]), row["rev"], problem))
            table = table.filter(pc.is_valid(table[name]))
        return table


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
    """Texts, empty ones as NULL; all at once where there are texts or whole numbers alone."""
    column = _plain(values, pa.string())
    if column is not None:
        return pc.if_else(pc.equal(column, ""), None, column) if "" in values else column
    numbered = _plain(values, pa.int64())
    return numbered.cast(pa.string()) if numbered is not None else pa.array(list(map(text_of, values)), pa.string())


def numbers(values: Sequence[Any]) -> pa.Array:
    """Numbers, what is none as NULL; all at once where there is nothing else."""
    column = _plain(values, pa.float64())
    return column if column is not None else pa.array(list(map(number_of, values)), pa.float64())


def wholes(values: Sequence[Any]) -> pa.Array:
    """Whole numbers, what is none as NULL; all at once where there is nothing else."""
    column = _plain(values, pa.int64())
    return column if column is not None else pa.array(list(map(whole_of, values)), pa.int64())


_OF_TYPE: Mapping[pa.DataType, set[type]] = {
    pa.string(): {str, NoneType},
    pa.int64(): {int, NoneType},
    pa.float64(): {int, float, NoneType},
}


def _plain(values: Sequence[Any], kind: pa.DataType) -> pa.Array | None:
    """The values as they are; None if any of them is of another type, or does not fit."""
    if values.count(None) == len(values):
        return pa.nulls(len(values), kind)
    if not _OF_TYPE[kind].issuperset(map(type, values)):
        return None
    try:
        return pa.array(values, kind)
    except (pa.ArrowInvalid, OverflowError, UnicodeError):
        return None


def instant_of(value: Any) -> datetime | None:
    """An instant in one of the forms that the tool writes; None if it is none of them."""
    return instant_of_text(value, US_DATE) if isinstance(value, str) else None


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


def _is_blocked(blocked: Any, tags: Sequence[str]) -> bool:
    has_flag = blocked is not None and flag_of(blocked) is True
    return has_flag or any(tag.casefold() == "blocked" for tag in tags)


def _as_text(payloads: list[bytes]) -> pa.Array:
    """UTF-8 bytes as a text column, without a detour over Python texts where they are valid."""
    try:
        return pa.array(payloads, pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([payload.decode(errors="replace") for payload in payloads], pa.string())


def _as_column(values: Any, kind: pa.DataType) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values, kind)
