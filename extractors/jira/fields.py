"""Which field means what on this site: found by schema, by the boards' configuration, or as configured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from extractors.jira.documents import HistoryItem
from extractors.rows import canonical_json, digest

# Only these are asked for: descriptions are personal data that no KPI needs. Of comments their number is kept.
SYSTEM_FIELDS = (
    "summary", "issuetype", "project", "status", "resolution", "resolutiondate", "priority", "created", "updated",
    "assignee", "reporter", "creator", "parent", "issuelinks", "labels", "fixVersions", "versions", "components",
    "duedate", "timeoriginalestimate", "timeestimate", "timespent",
    "comment",
)  # fmt: skip
_SPRINT = "com.pyxis.greenhopper.jira:gh-sprint"
_EPIC = "com.pyxis.greenhopper.jira:gh-epic-link"
_TEAM_MANAGED_POINTS = "com.pyxis.greenhopper.jira:jsw-story-points"
_SATISFACTION = "com.atlassian.servicedesk:sd-request-feedback"
_SATISFACTION_DATE = "com.atlassian.servicedesk:sd-request-feedback-date"
_NUMBER = "com.atlassian.jira.plugin.system.customfieldtypes:float"
_CHECKBOXES = "com.atlassian.jira.plugin.system.customfieldtypes:multicheckboxes"
OVERRIDABLE = ("sprint", "points", "epic", "flagged")

# Names of system fields in histories, as Cloud and the versions of Data Center write them.
_SYSTEM_ATTRIBUTES = {
    "status": "status", "resolution": "resolution", "timeestimate": "remaining", "project": "project", "key": "key",
    "issuetype": "item_type", "parent": "parent", "issueparentassociation": "parent", "parent issue": "parent",
    "assignee": "assignee", "priority": "priority", "fix version": "fix_version", "fixversions": "fix_version",
}  # fmt: skip


@dataclass(frozen=True)
class FieldRoles:
    """Field ids per attribute, the first one first. `names` are the fields' names, for histories without ids."""

    by_attribute: Mapping[str, tuple[str, ...]]
    names: Mapping[str, str]  # field id → name

    def ids(self, attribute: str) -> tuple[str, ...]:
        return self.by_attribute.get(attribute, ())

    def attribute_of(self, field_id: str) -> str | None:
        return next((name for name, ids in self.by_attribute.items() if field_id in ids), None)

    @property
    def requested(self) -> list[str]:
        """The fields that we ask issues for."""
        return [*SYSTEM_FIELDS, *sorted({field_id for ids in self.by_attribute.values() for field_id in ids})]

    @property
    def fingerprint(self) -> str:
        """Changes when issues that are landed were asked for other fields, or fields got another meaning."""
        return digest(canonical_json([self.requested, {k: list(v) for k, v in self.by_attribute.items()}]).encode())


class AttributeNames(dict[tuple[str, str | None, str | None], str | None]):
    """(field, fieldtype, fieldId) of a change item → attribute, by id where the tool sends it, else by name.

    A dictionary, because the same few come a million times in a first load.
    """

    def __init__(self, roles: FieldRoles) -> None:
        super().__init__()
        self._by_id = {field_id: name for name, ids in roles.by_attribute.items() for field_id in ids}
        self._by_name = {
            roles.names[field_id].lower(): name for field_id, name in self._by_id.items() if field_id in roles.names
        }

    def __missing__(self, key: tuple[str, str | None, str | None]) -> str | None:
        found = self[key] = self._find(*key)
        return found

    def of(self, item: HistoryItem) -> str | None:
        return self[item.field, item.fieldtype, item.field_id]

    def _find(self, field: str, fieldtype: str | None, field_id: str | None) -> str | None:
        name = field.lower()
        if fieldtype == "custom" or (field_id or "").startswith("customfield_"):
            return self._by_id.get(field_id) if field_id else self._by_name.get(name)
        return _SYSTEM_ATTRIBUTES.get(name) or (self._by_name.get(name) if fieldtype != "jira" else None)


def find_roles(
    fields: Iterable[Mapping[str, Any]], board_points: Iterable[str], configured: Mapping[str, str]
) -> FieldRoles:
    """Roles on a site with these `fields`. `board_points` are the boards' estimation fields, the commonest first."""
    known = {str(field["id"]): field for field in fields}
    points = [field_id for field_id in board_points if field_id in known and field_id.startswith("customfield_")]
    found = {
        "sprint": _with_type(known, _SPRINT),
        "epic": _with_type(known, _EPIC),
        "points": [
            *points,
            *_with_type(known, _TEAM_MANAGED_POINTS),
            *([] if points else _named(known, "Story Points", _NUMBER)),
        ],
        "flagged": _named(known, "Flagged", _CHECKBOXES),
        "satisfaction": _with_type(known, _SATISFACTION),
        "satisfied_at": _with_type(known, _SATISFACTION_DATE),
    }
    for attribute, field_id in configured.items():
        found[attribute] = [field_id]
    by_attribute = {name: tuple(dict.fromkeys(ids)) for name, ids in found.items() if ids}
    return FieldRoles(by_attribute, {field_id: str(field.get("name", "")) for field_id, field in known.items()})


def _custom_type(field: Mapping[str, Any]) -> str:
    schema = field.get("schema")
    return str(schema.get("custom") or "") if isinstance(schema, Mapping) else ""


def _with_type(known: Mapping[str, Mapping[str, Any]], custom_type: str) -> list[str]:
    return [field_id for field_id, field in known.items() if _custom_type(field) == custom_type]


def _named(known: Mapping[str, Mapping[str, Any]], name: str, custom_type: str) -> list[str]:
    return [
        field_id
        for field_id, field in known.items()
        if _custom_type(field) == custom_type and str(field.get("name", "")).lower() == name.lower()
    ]
