"""Neutral items → Jira issues."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from sandbox.model import Item, Link, Satisfaction, Worklog
from sandbox.render.common import milliseconds, named_id, number, releases_in, split_ids
from sandbox.render.jira_history import SECONDS_PER_HOUR, Histories
from sandbox.render.jira_words import IMPEDIMENT, PRIORITIES, RESOLUTIONS, TYPES, Words, user_id
from sandbox.store import BASE

WORKLOGS_SHOWN = 20
EXPAND = "renderedFields,names,schema,operations,editmeta,changelog,versionedRepresentations"


@dataclass(frozen=True)
class RenderedIssue:
    """An issue as the store takes it. `row` is the row of table issues, `histories` one line each."""

    row: tuple[Any, ...]
    document: bytes
    histories: list[bytes]
    keys: list[str]
    sprint_ids: list[int]
    version_ids: list[int]
    links: list[Link]
    worklogs: list[Worklog] = field(default_factory=list)
    satisfaction: Satisfaction | None = None


class Issues:
    """Renders the items of one site."""

    def __init__(self, words: Words, keys: Mapping[int, str]) -> None:
        self._words, self._keys = words, keys
        self._histories = Histories(words, keys)
        self._root = f"{BASE}/rest/api/{words.flavour.api}"

    def render(self, item: Item) -> RenderedIssue:
        document = {
            "expand": EXPAND,
            "id": str(item.item_id),
            "self": f"{self._root}/issue/{item.item_id}",
            "key": item.key,
            "fields": self._fields(item),
        }
        return RenderedIssue(
            row=self._row(item),
            document=msgspec.json.encode(document),
            histories=self._histories.lines(item),
            keys=[*item.former_keys, item.key],
            sprint_ids=split_ids(item.current.get("sprint")),
            version_ids=releases_in(item),
            links=item.links,
            worklogs=item.worklogs,
            satisfaction=item.satisfaction,
        )

    def _row(self, item: Item) -> tuple[Any, ...]:
        now, flavour = item.current, self._words.flavour
        resolved = _resolved_at(item)
        resolution, parent, assignee = now.get("resolution"), now.get("parent"), now.get("assignee")
        return (
            item.item_id, item.key, int(item.key.rpartition("-")[2]), int(now["project"] or 0),
            named_id(TYPES, now["type"] or ""), int(now["status"] or 0),
            named_id(RESOLUTIONS, resolution) if resolution else None,
            named_id(PRIORITIES, now.get("priority") or "Medium"),
            user_id(flavour, int(assignee)) if assignee else None, user_id(flavour, item.creator),
            int(parent) if parent else None,
            milliseconds(item.created_at), milliseconds(item.updated_at), milliseconds(resolved) if resolved else None,
            f" {now.get('labels') or ''} ", now.get("title") or "",
        )  # fmt: skip

    def _fields(self, item: Item) -> dict[str, Any]:
        words, now = self._words, item.current
        resolved, assignee, resolution = _resolved_at(item), now.get("assignee"), now.get("resolution")
        creator = words.users[item.creator]
        return {
            "summary": now.get("title") or "",
            "issuetype": words.type_doc(now["type"] or "", is_subtask=item.is_subtask),
            "project": words.project_docs[int(now["project"] or 0)],
            "status": words.status_docs[int(now["status"] or 0)],
            "statuscategorychangedate": words.clock(_last_change(item, "status") or item.created_at),
            "resolution": words.resolution_doc(resolution) if resolution else None,
            "resolutiondate": words.clock(resolved) if resolved else None,
            "priority": words.priority_doc(now.get("priority") or "Medium"),
            "created": words.clock(item.created_at),
            "updated": words.clock(item.updated_at),
            "assignee": words.users[int(assignee)] if assignee else None,
            "reporter": creator,
            "creator": creator,
            "labels": (now.get("labels") or "").split(),
            "components": [],
            "fixVersions": [self._version(release) for release in releases_in(item)],
            "versions": [],
            "duedate": None,
            "environment": None,
            "description": self._description(item.description),
            "workratio": -1,
            "lastViewed": None,
            "votes": {"self": f"{self._root}/issue/{item.key}/votes", "votes": 0, "hasVoted": False},
            "watches": {"self": f"{self._root}/issue/{item.key}/watchers", "watchCount": 1, "isWatching": False},
            "issuelinks": [],  # both ends show a link: render/jira_links.py fills it in when both are there
            "subtasks": [],
            "comment": {"comments": [], "maxResults": 0, "total": item.comment_count, "startAt": 0},
            "worklog": self._worklogs(item),
            **self._time_tracking(item),
            **self._parent(item),
            **self._custom(item),
        }

    def _time_tracking(self, item: Item) -> dict[str, Any]:
        original, remaining = (
            None if hours is None else round(hours * SECONDS_PER_HOUR)
            for hours in (number(values.get("remaining_hours")) for values in (item.initial, item.current))
        )
        hours = number(item.current.get("spent_hours"))
        spent = None if hours is None else round(hours * SECONDS_PER_HOUR)
        return {
            "timeoriginalestimate": original, "timeestimate": remaining, "timespent": spent,
            "aggregatetimeoriginalestimate": original, "aggregatetimeestimate": remaining, "aggregatetimespent": spent,
        }  # fmt: skip

    def _worklogs(self, item: Item) -> dict[str, Any]:
        """The issue shows the first twenty."""
        shown = [self._worklog(item, log) for log in item.worklogs[:WORKLOGS_SHOWN]]
        return {"startAt": 0, "maxResults": WORKLOGS_SHOWN, "total": len(item.worklogs), "worklogs": shown}

    def _worklog(self, item: Item, log: Worklog) -> dict[str, Any]:
        words, at = self._words, self._words.clock(log.at)
        author = words.users[log.author]
        return {
            "self": f"{self._root}/issue/{item.item_id}/worklog/{log.worklog_id}", "id": str(log.worklog_id),
            "issueId": str(item.item_id), "author": author, "updateAuthor": author, "created": at, "updated": at,
            "started": words.clock(log.started_at), "timeSpent": f"{log.hours:g}h",
            "timeSpentSeconds": round(log.hours * SECONDS_PER_HOUR),
        }  # fmt: skip

    def _parent(self, item: Item) -> dict[str, Any]:
        """The parent field (of sub-tasks, on Cloud of an epic's stories too) or Data Center's Epic Link."""
        flavour, parent = self._words.flavour, item.current.get("parent")
        epic_link = {} if flavour.is_cloud else {flavour.epic_link: None}
        if not parent or int(parent) not in self._keys:  # none, or deleted
            return epic_link
        key = self._keys[int(parent)]
        if not flavour.is_cloud and not item.is_subtask:
            return {flavour.epic_link: key}
        return {**epic_link, "parent": {"id": parent, "key": key, "self": f"{self._root}/issue/{parent}"}}

    def _custom(self, item: Item) -> dict[str, Any]:
        flavour, now = self._words.flavour, item.current
        option = {"self": f"{self._root}/customFieldOption/{IMPEDIMENT}", "value": "Impediment", "id": IMPEDIMENT}
        return {
            flavour.sprint: [self._words.sprint_docs[number] for number in split_ids(now.get("sprint"))] or None,
            flavour.points: number(now.get("points")),
            flavour.flagged: [option] if now.get("flagged") else None,
            flavour.rank: now.get("rank"),
            **self._rating(item),
        }

    def _rating(self, item: Item) -> dict[str, Any]:
        """What the customer says of a service request; other projects lack the field."""
        project = self._words.projects[int(item.current["project"] or 0)]
        if project.kind != "service_desk":
            return {}
        return {self._words.flavour.rating: {"rating": item.satisfaction.rating} if item.satisfaction else None}

    def _version(self, release_id: int) -> dict[str, Any]:
        release = self._words.releases[release_id]
        date = {"releaseDate": release.release_date.isoformat()} if release.release_date else {}
        address = f"{self._root}/version/{release_id}"
        state = {"archived": False, "released": release.is_released}
        return {"self": address, "id": str(release_id), "name": release.name, **state, **date}

    def _description(self, text: str) -> Any:
        """v3 has the Atlassian Document Format, v2 plain text."""
        if not text or not self._words.flavour.is_cloud:
            return text or None
        return {
            "type": "doc",
            "version": 1,
            "content": [{"type": "paragraph", "content": [{"type": "text", "text": text}]}],
        }


def _last_change(item: Item, attribute: str) -> datetime | None:
    for change_set in reversed(item.history):
        if any(change.attribute == attribute for change in change_set.changes):
            return change_set.at
    return None


def _resolved_at(item: Item) -> datetime | None:
    """When the resolution was set that it has now."""
    if not item.current.get("resolution"):
        return None
    return _last_change(item, "resolution") or item.created_at
