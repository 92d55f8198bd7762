"""JSON of the link feed, and of an item's updates -> rows of azure_devops/links. No I/O.

Hierarchy links are landed from the child's side, whichever way the tool gives them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from extractors.azure_devops.people import People
from extractors.azure_devops.records import instant_of
from extractors.rows import canonical_json, digest

LINKS = "azure_devops/links"
HIERARCHY = "System.LinkTypes.Hierarchy"
TO_PARENT = f"{HIERARCHY}-Reverse"
_ENDS = ("source", "target")
_STILL_GOING_ON = 9999  # the year of an update's `revisedDate` while it is the last one


def link_row(raw: msgspec.Raw, sent_at: datetime, project_names: Mapping[str, str], people: People) -> dict[str, Any]:
    """One event of the feed."""
    record = msgspec.json.decode(raw)
    facts = {**record, **(record.get("attributes") or {})}
    link_type = str(record.get("rel") or facts.get("linkType"))
    source, target = str(facts["sourceId"]), str(facts["targetId"])
    projects = [str(project_names.get(guid, guid)) if (guid := facts.get(f"{end}ProjectId")) else None for end in _ENDS]
    if link_type in {HIERARCHY, f"{HIERARCHY}-Forward"}:
        link_type, source, target = TO_PARENT, target, source
        projects.reverse()
    return {
        **_event(
            source, target, link_type, instant_of(facts.get("changedDate")), is_active=bool(facts.get("isActive"))
        ),
        "extracted_at": sent_at,
        "payload": bytes(raw).decode(errors="replace"),
        "changed_by_id": people.see(facts.get("changedBy")),
        "source_project": projects[0],
        "target_project": projects[1],
    }


def parent_rows(
    item_id: int, updates: Sequence[Mapping[str, Any]], project: str | None, people: People
) -> Iterator[dict[str, Any]]:
    """The comings and goings of an item's parents, as its updates tell them: for what the feed did not give."""
    for update in updates:
        relations = update.get("relations") or {}
        for side, is_active in (("removed", False), ("added", True)):
            for relation in relations.get(side) or []:
                if relation.get("rel") != TO_PARENT:
                    continue
                parent = str(relation["url"]).rstrip("/").rpartition("/")[2]
                yield {
                    **_event(str(item_id), parent, TO_PARENT, _instant(update), is_active=is_active),
                    "payload": canonical_json(relation),
                    "changed_by_id": people.see(update.get("revisedBy"), is_hint=True),
                    "source_project": project,
                }


def _event(source: str, target: str, link_type: str, changed_at: datetime | None, *, is_active: bool) -> dict[str, Any]:
    stamp = changed_at.isoformat() if changed_at else ""
    record_id = f"{source}:{target}:{link_type}:{stamp}:{str(is_active).lower()}"
    return {
        "record_id": record_id,
        "payload_hash": digest(record_id.encode()),  # an event never changes, whoever tells it
        "updated_at": changed_at,
        "source_id": source,
        "target_id": target,
        "link_type": link_type,
        "changed_at": changed_at,
        "is_active": is_active,
    }


def _instant(update: Mapping[str, Any]) -> datetime | None:
    """When it was made: `revisedDate` says when the next one replaced it, and 9999 for the last."""
    changed = ((update.get("fields") or {}).get("System.ChangedDate") or {}).get("newValue")
    moment = instant_of(changed or update.get("revisedDate"))
    return moment if moment is not None and moment.year < _STILL_GOING_ON else None
