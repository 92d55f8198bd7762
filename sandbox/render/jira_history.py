"""Neutral changes → items of Jira histories, as Jira writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from sandbox.model import Change, ChangeSet, Item
from sandbox.render.common import milliseconds, name_at, named_id, raw, split_ids
from sandbox.render.jira_words import IMPEDIMENT, PRIORITIES, RESOLUTIONS, TYPES, Words, user_id

Side = tuple[str | None, str | None]
"""from/fromString or to/toString."""

SECONDS_PER_HOUR = 3600
EPIC_FIELD = "Epic Link"


class Histories:
    """Renders the histories of items of one site. `keys` gives the current key of an item id."""

    def __init__(self, words: Words, keys: Mapping[int, str]) -> None:
        self._words, self._keys = words, keys
        flavour = words.flavour
        self._custom = {
            "sprint": ("Sprint", flavour.sprint),
            "points": ("Story Points", flavour.points),
            "flagged": ("Flagged", flavour.flagged),
            "rank": ("Rank", flavour.rank),
        }
        self._plain = {
            "status": "status", "resolution": "resolution", "assignee": "assignee", "type": "issuetype",
            "title": "summary", "priority": "priority", "labels": "labels", "remaining_hours": "timeestimate",
            "project": "project", "key": "Key", "spent_hours": "timespent",
        }  # fmt: skip
        self._sides: dict[str, Callable[[str | None, datetime], Side]] = {
            "status": self._status, "sprint": self._sprints, "assignee": self._person,
            "resolution": self._named(RESOLUTIONS), "priority": self._named(PRIORITIES), "type": self._named(TYPES),
            "flagged": self._flagged, "remaining_hours": self._seconds,
            "spent_hours": self._seconds, "labels": self._labels, "rank": self._rank,
            "project": self._project,
        }  # fmt: skip

    def lines(self, item: Item) -> list[bytes]:
        """One line a history, oldest first: epoch milliseconds, a blank, the history's JSON with `created` first."""
        lines = []
        for change_set in item.history:
            items = [entry for change in change_set.changes for entry in self._items(item, change, change_set.at)]
            if items:  # a change that Jira has no field for leaves no history
                lines.append(self._line(change_set, items))
        return lines

    def _line(self, change_set: ChangeSet, items: list[dict[str, Any]]) -> bytes:
        history = {
            "created": self._words.clock(change_set.at),
            "id": str(change_set.change_id),
            "author": self._words.users[change_set.author],
            "items": items,
        }
        return b"%013d " % milliseconds(change_set.at) + bytes(raw(history))

    def _items(self, item: Item, change: Change, at: datetime) -> Iterator[dict[str, Any]]:
        attribute = change.attribute
        if attribute == "parent":
            yield self._parent(item, change)
        elif attribute == "release":
            yield from self._releases(change)
        elif attribute in self._custom:
            name, field = self._custom[attribute]
            yield self._entry(name, "custom", field, self._side(attribute, change.old, at), change, at)
        elif attribute in self._plain:
            field = self._plain[attribute]
            yield self._entry(field, "jira", field, self._side(attribute, change.old, at), change, at)

    def _entry(
        self, name: str, kind: str, field: str | None, old: Side, change: Change, at: datetime
    ) -> dict[str, Any]:
        return self._pair(name, kind, field, old, self._side(change.attribute, change.new, at))

    def _pair(self, name: str, kind: str, field: str | None, old: Side, new: Side) -> dict[str, Any]:
        known = {"fieldId": field} if field and self._words.flavour.is_cloud else {}  # Data Center sends no ids
        ends = {"from": old[0], "fromString": old[1], "to": new[0], "toString": new[1]}
        return {"field": name, "fieldtype": kind, **known, **ends}

    def _side(self, attribute: str, value: str | None, at: datetime) -> Side:
        render = self._sides.get(attribute)
        return render(value, at) if render else (None, value)

    def _status(self, value: str | None, at: datetime) -> Side:
        if value is None:
            return None, None
        status = self._words.statuses[int(value)]
        return value, name_at(at, status.former_names, status.name)

    def _sprints(self, value: str | None, at: datetime) -> Side:
        sprints = [self._words.sprints[number] for number in split_ids(value)]
        names = [name_at(at, sprint.former_names, sprint.name) for sprint in sprints]
        return ", ".join(str(sprint.sprint_id) for sprint in sprints), ", ".join(names)

    def _person(self, value: str | None, at: datetime) -> Side:
        if not value:
            return None, None
        person = self._words.people[int(value)]
        return user_id(self._words.flavour, person.person_id), name_at(at, person.former_names, person.name)

    def _project(self, value: str | None, at: datetime) -> Side:  # noqa: ARG002 - projects keep their names
        return (value, self._words.projects[int(value)].name) if value else (None, None)

    @staticmethod
    def _named(known: dict[str, int]) -> Callable[[str | None, datetime], Side]:
        def side(value: str | None, at: datetime) -> Side:  # noqa: ARG001 - ids of names do not change
            return (str(named_id(known, value)), value) if value else (None, None)

        return side

    @staticmethod
    def _flagged(value: str | None, at: datetime) -> Side:  # noqa: ARG004
        return (f"[{IMPEDIMENT}]", "Impediment") if value else ("", "")

    @staticmethod
    def _seconds(value: str | None, at: datetime) -> Side:  # noqa: ARG004
        text = None if value is None else str(round(float(value) * SECONDS_PER_HOUR))
        return text, text

    @staticmethod
    def _rank(value: str | None, at: datetime) -> Side:  # noqa: ARG004
        return "", "Ranked higher" if value else ""  # Jira says no more

    @staticmethod
    def _labels(value: str | None, at: datetime) -> Side:  # noqa: ARG004
        return "", value or ""

    def _parent(self, item: Item, change: Change) -> dict[str, Any]:
        sides = [(value, self._keys.get(int(value))) if value else (None, None) for value in (change.old, change.new)]
        if item.is_subtask:
            return self._pair("Parent", "jira", "parent", *sides)
        if self._words.flavour.is_cloud:
            return self._pair("IssueParentAssociation", "jira", None, *sides)
        return self._pair(EPIC_FIELD, "custom", self._words.flavour.epic_link, *sides)

    def _releases(self, change: Change) -> Iterator[dict[str, Any]]:
        """Jira writes one item for each version that came or went."""
        before, after = split_ids(change.old), split_ids(change.new)
        nothing: Side = (None, None)
        for gone in (number for number in before if number not in after):
            yield self._pair("Fix Version", "jira", "fixVersions", self._release(gone), nothing)
        for come in (number for number in after if number not in before):
            yield self._pair("Fix Version", "jira", "fixVersions", nothing, self._release(come))

    def _release(self, number: int) -> Side:
        return str(number), self._words.releases[number].name
