"""A Jira site whose issues a test changes while it is served: `python -m tests.extractors.jira_life STORE PORT`.

The server is the sandbox's: it reads JQL in the account's zone, to the minute. The present is what the test says, so
that it can stand around a change of the clocks.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from sandbox.model import Tool, Worklog
from sandbox.render.common import milliseconds
from sandbox.render.jira_item import RenderedIssue
from sandbox.render.jira_stored import forget_issues, rows_of
from sandbox.servers.gate import Control
from sandbox.servers.jira_app import cloud_door, data_center_door, jira_app
from sandbox.servers.jira_site import JiraSite
from sandbox.servers.run import HOST, Served, run_sites
from sandbox.store import BASE, Store
from tests.extractors.sandbox_site import ROOT
from tests.ports import free_ports

PROJECTS = {"10001": "RED", "10002": "BLUE"}
STATUSES = {"1": ("Open", "new"), "2": ("Doing", "indeterminate"), "3": ("Done", "done")}
Json = dict[str, Any]


@dataclass
class Issue:
    """An issue as it is now. `histories` are (id, at, items)."""

    number: int
    project: str
    key: str
    created: datetime
    updated: datetime
    status: str = "1"
    former_keys: list[str] = field(default_factory=list)
    histories: list[tuple[int, datetime, list[Json]]] = field(default_factory=list)
    summary: str = "plain"
    assignee: Json | None = None
    worklogs: list[Worklog] = field(default_factory=list)
    sprints: list[int] = field(default_factory=list)


class Life:
    """What happens on a site. Every event takes place at `now`, and the store shows it at once."""

    def __init__(self, store: Store, tool: Tool, zone: str, now: datetime, dice: random.Random) -> None:
        self.store, self.tool, self.dice = store, tool, dice
        self.issues: dict[int, Issue] = {}
        self.hidden: dict[int, Issue] = {}
        self._next, self._last_history, self._last_worklog = 10_100, 50_000, 70_000
        self._numbers = dict.fromkeys(PROJECTS, 0)
        store.set_meta("flavour", tool.value)
        store.set_meta("time_zone", zone)
        store.set_meta("clock", "stands")
        self._put_site()
        self.at(now)

    def at(self, now: datetime) -> None:
        self.now = now
        self.store.set_meta("now", now.isoformat())

    def _put_site(self) -> None:
        api = "3" if self.tool is Tool.JIRA_CLOUD else "2"
        root = f"{BASE}/rest/api/{api}"
        put = self.store.put_resources
        put("project", [(i, "", {"id": i, "key": key, "name": key, "self": f"{root}/project/{i}"})
                        for i, key in PROJECTS.items()])  # fmt: skip
        put("status", [(i, "", _status(i)) for i in STATUSES])
        put("issuetype", [("1", "", {"id": "1", "name": "Story", "subtask": False})])
        put("resolution", [])
        put("user", [("u1", "", {"accountId": "u1", "key": "u1", "displayName": "Someone", "active": True})])
        put("field", [(i, "", {"id": i, "name": i, "schema": {"type": "string"}}) for i in ("summary", "status")])

    def create(self) -> Issue:
        self._next += self.dice.randint(1, 40)
        project = self.dice.choice(list(PROJECTS))
        issue = Issue(self._next, project, self._key(project), self.now, self.now)
        self.issues[issue.number] = issue
        self._write(issue)
        return issue

    def _key(self, project: str) -> str:
        self._numbers[project] += 1
        return f"{PROJECTS[project]}-{self._numbers[project]}"

    def change(self, issue: Issue) -> None:
        """Another status, as a history."""
        status = self.dice.choice([one for one in STATUSES if one != issue.status])
        self._note(issue, [history_item("status", issue.status, status)])
        issue.status = status
        self._touch(issue)

    def comment(self, issue: Issue) -> None:
        """`updated` moves, and no history tells why."""
        self._touch(issue)

    def log_work(self, issue: Issue) -> None:
        """Some hours; `updated` moves with it."""
        self._last_worklog += 1
        issue.worklogs.append(Worklog(self._last_worklog, self.now, 0, self.now, self.dice.randint(1, 8)))
        self._touch(issue)

    def move(self, issue: Issue) -> None:
        """To the other project: another key, the same id, all the history."""
        project = next(one for one in PROJECTS if one != issue.project)
        key = self._key(project)
        self._note(issue, [history_item("project", issue.project, project), history_item("Key", issue.key, key)])
        issue.former_keys.append(issue.key)
        issue.project, issue.key = project, key
        self._touch(issue)

    def write(self, issue: Issue, **fields: Any) -> None:
        """Set a summary or an assignee."""
        for name, value in fields.items():
            setattr(issue, name, value)
        self._touch(issue)

    def delete(self, issue: Issue) -> None:
        """No history tells of it, and no search."""
        self._forget(issue)

    def hide(self, issue: Issue) -> None:
        """The account may not see it any more: the same silence."""
        self.hidden[issue.number] = self.issues[issue.number]
        self.delete(issue)

    def show(self) -> None:
        """Permission comes back; nothing of the issue changes, `updated` neither."""
        number = self.dice.choice(list(self.hidden))
        self.issues[number] = self.hidden.pop(number)
        self._write(self.issues[number])

    def _more(self, issue: Issue) -> Json:  # noqa: ARG002 - of which issue, says who overrides it
        """Further fields of an issue's document."""
        return {}

    def _note(self, issue: Issue, items: list[Json]) -> None:
        self._last_history += 1
        issue.histories.append((self._last_history, self.now, items))

    def _touch(self, issue: Issue) -> None:
        issue.updated = self.now
        self._write(issue)

    def _forget(self, issue: Issue) -> None:
        with self.store.transaction():
            forget_issues(self.store, [self.issues.pop(issue.number).number])

    def _write(self, issue: Issue) -> None:
        histories = [
            b"%013d %b" % (milliseconds(at), msgspec.json.encode(_history(number, at, items)))
            for number, at, items in sorted(issue.histories, key=lambda one: (one[1], one[0]))
        ]
        row = (
            issue.number, issue.key, int(issue.key.rpartition("-")[2]), int(issue.project), 1, int(issue.status), None,
            None, None, None, None, milliseconds(issue.created), milliseconds(issue.updated), None, "  ", issue.key,
        )  # fmt: skip
        keys = [*issue.former_keys, issue.key]
        rendered = RenderedIssue(
            row, msgspec.json.encode(_document(issue, self._more(issue))), histories, keys, issue.sprints, [], [],
            issue.worklogs,
        )  # fmt: skip
        with self.store.transaction():  # a search meanwhile finds the issue as it was, not none
            forget_issues(self.store, [issue.number])
            self.store.write(rows_of([rendered], self.store.packings))


def _status(number: str) -> Json:
    name, category = STATUSES[number]
    return {"id": number, "name": name, "statusCategory": {"id": 1, "key": category, "name": category}}


def history_item(name: str, old: str, new: str, *, field_id: str | None = None) -> Json:
    ends = {"from": old, "fromString": old, "to": new, "toString": new}
    return {"field": name, "fieldtype": "custom" if field_id else "jira", "fieldId": field_id or name, **ends}


def _text(instant: datetime) -> str:
    return instant.isoformat("T", "milliseconds").replace("+00:00", "+0000")


def _history(number: int, at: datetime, items: list[Json]) -> Json:
    return {"created": _text(at), "id": str(number), "author": {"accountId": "u1", "displayName": "x"}, "items": items}


def _worklog(issue: Issue, log: Worklog) -> Json:
    return {
        "id": str(log.worklog_id), "issueId": str(issue.number), "created": _text(log.at), "updated": _text(log.at),
        "started": _text(log.started_at), "timeSpentSeconds": round(log.hours * 3600),
    }  # fmt: skip


def _document(issue: Issue, more: Json) -> Json:
    logs = [_worklog(issue, log) for log in issue.worklogs]
    fields = {
        "summary": issue.summary, "assignee": issue.assignee,
        "status": _status(issue.status), "issuetype": {"id": "1", "name": "Story"},
        "project": {"id": issue.project, "key": PROJECTS[issue.project]}, "created": _text(issue.created),
        "updated": _text(issue.updated), "timespent": sum(log["timeSpentSeconds"] for log in logs) or None,
        "worklog": {"startAt": 0, "maxResults": 20, "total": len(logs), "worklogs": logs},
        **more,
    }  # fmt: skip
    address = f"{BASE}/rest/api/3/issue/{issue.number}"
    return {"expand": "", "id": str(issue.number), "self": address, "key": issue.key, "fields": fields}


AnyLife = TypeVar("AnyLife", bound=Life)


def living(
    folder: Path, tool: Tool, zone: str, now: datetime, dice: random.Random
) -> AbstractContextManager[tuple[Life, str]]:
    """A site without issues, and its address."""
    return living_as(Life, folder, tool, zone, now, dice)


@contextmanager
def living_as(
    kind: type[AnyLife], folder: Path, tool: Tool, zone: str, now: datetime, dice: random.Random
) -> Iterator[tuple[AnyLife, str]]:
    """The same; `kind` says what may happen on it."""
    path, port = folder / "site.sqlite", free_ports(1)
    store = Store.jira(path)
    store.build_indexes()
    life = kind(store, tool, zone, now, dice)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.extractors.jira_life", str(path), str(port)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        yield life, f"http://{HOST}:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        process.stdout.close()
        store.close()


def main(path: str, port: str) -> None:
    store = Store.jira(Path(path))
    base = f"http://{HOST}:{port}"
    site = JiraSite(store, base)
    door = cloud_door if site.flavour.is_cloud else data_center_door

    def ready() -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    run_sites([Served("life", int(port), jira_app(store, base), door, lambda: site.now)], Control([]), ready)


if __name__ == "__main__":
    main(*sys.argv[1:])
