"""Real Jira records from a folder → a store that the sandbox serves like a simulated site.

The folder holds `issues.jsonl` (one answer of `GET issue?expand=changelog` a line, REST v2 or v3), and
if wanted `sprints.json` (a list of Agile sprint resources), `statuses.csv` (columns status and
category: new, indeterminate, done; further ones are ignored) and what the site's other lists said (`LISTS`).

Records keep their ids, keys and times. Addresses in them point to the sandbox. Bytes that are not
UTF-8 become U+FFFD, as do halves of surrogate pairs. Whatever the records do not say is not there.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from sandbox.model import Tool
from sandbox.render.common import milliseconds
from sandbox.render.jira_item import RenderedIssue
from sandbox.render.jira_stored import put_issues
from sandbox.render.replay_shape import to_flavour
from sandbox.render.replay_site import Site
from sandbox.store import BASE, Store

LISTS = {
    "boards.json": "board", "configurations.json": "configuration", "fields.json": "field", "filters.json": "filter",
    "projects.json": "project", "statuses.json": "status", "users.json": "user", "versions.json": "version",
}  # fmt: skip
"""File → kind of resource: each a list of resources as the API answers them. They come before what issues tell."""


class ReplayError(Exception):
    """A folder that cannot be replayed; str() names the file, the line and what is wrong."""


def replay_store(folder: Path, target: Path, flavour: str | None = None) -> Store:
    """Builds a store at `target` from the records in `folder`.

    `flavour` is `cloud` or `dc`; without it: dc if the records are of REST v2, else cloud. Raises ReplayError.
    """
    source = folder / "issues.jsonl"
    if not source.is_file():
        raise ReplayError(f"There is no issues.jsonl in {folder}. Give --replay a folder that holds one.")
    target.unlink(missing_ok=True)
    tool: Tool | None = None if flavour is None else Tool.JIRA_CLOUD if flavour == "cloud" else Tool.JIRA_DC
    store = Store.jira(target)
    with store.transaction():
        told = {kind: _resources(folder / name) for name, kind in LISTS.items()}
        site = Site(_categories(folder / "statuses.csv"), _sprints(folder / "sprints.json"), told)
        issues = _Issues(source, tool, site)
        put_issues(store, issues)
        if issues.tool is None:
            raise ReplayError(f"{source} holds no issue.")
        site.put(store, issues.tool, f"Replay of {folder.name}")
    store.build_indexes()
    return store


class _Issues:
    """Iterates over the records as the store takes them; tells the site what each of them mentions."""

    def __init__(self, source: Path, tool: Tool | None, site: Site) -> None:
        self._source, self.tool, self._site = source, tool, site

    def __iter__(self) -> Iterator[RenderedIssue]:
        for line_number, sent in _records(self._source):
            try:
                if self.tool is None:
                    self.tool = Tool.JIRA_DC if "/rest/api/2/" in str(sent.get("self")) else Tool.JIRA_CLOUD
                record = {"expand": "", "self": f"{BASE}/rest/api/3/issue/{sent['id']}"} | sent
                histories = record.pop("changelog", {}).get("histories", [])
                issue, histories = to_flavour(record, histories, self.tool)
                self._site.see(issue, histories)
                yield _rendered(issue, histories, self._site.sprint_field)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise ReplayError(
                    f"{self._source}, line {line_number}: not an answer of GET issue?expand=changelog: {error!r}."
                ) from error


def _records(source: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with source.open(encoding="utf-8", errors="replace") as lines:
        for line_number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except ValueError as error:
                raise ReplayError(f"{source}, line {line_number}: not JSON: {error}.") from error
            host = str(record.get("self", "")).partition("/rest/")[0]
            text = json.dumps(record, ensure_ascii=False)
            whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            yield line_number, msgspec.json.decode(whole.replace(host, BASE) if host else whole)


def _rendered(record: dict[str, Any], histories: list[dict[str, Any]], sprint_field: str | None) -> RenderedIssue:
    fields = record["fields"]
    dated = sorted(((instant(one["created"]), int(one["id"]), one) for one in histories), key=lambda one: one[:2])
    number, resolution, parent = int(record["id"]), fields.get("resolution"), fields.get("parent")
    row = (
        number, record["key"], int(record["key"].rpartition("-")[2]), int(fields["project"]["id"]),
        int(fields["issuetype"]["id"]), int(fields["status"]["id"]), int(resolution["id"]) if resolution else None,
        int(fields["priority"]["id"]) if fields.get("priority") else None,
        _person(fields.get("assignee")), _person(fields.get("reporter")), int(parent["id"]) if parent else None,
        instant(fields["created"]), instant(fields.get("updated") or fields["created"]),
        instant(fields["resolutiondate"]) if fields.get("resolutiondate") else None,
        f" {' '.join(fields.get('labels') or [])} ", fields.get("summary") or "",
    )  # fmt: skip
    former = [
        item["fromString"]
        for one in histories
        for item in one["items"]
        if item["field"] == "Key" and item["fromString"]
    ]
    return RenderedIssue(
        row=row,
        document=msgspec.json.encode(record),
        histories=[b"%013d %b" % (at, msgspec.json.encode({"created": one["created"], **one})) for at, _, one in dated],
        keys=[*former, record["key"]],
        sprint_ids=Site.sprint_ids(fields, sprint_field),
        version_ids=[int(version["id"]) for version in fields.get("fixVersions") or []],
        links=[],  # the record shows them already
    )


def instant(text: str) -> int:
    """Epoch milliseconds of Jira's 2014-05-09T02:39:42.734+0000."""
    return milliseconds(datetime.fromisoformat(text))


def _person(user: dict[str, Any] | None) -> str | None:
    if not user:
        return None
    return str(user.get("accountId") or user.get("key") or user.get("name"))


def _categories(path: Path) -> dict[str, str]:
    """Category key by lower-case status name."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    if rows and not {"status", "category"} <= rows[0].keys():
        raise ReplayError(f"{path} needs the columns status and category; it has {', '.join(rows[0])}.")
    known = {"new", "indeterminate", "done"}
    odd = Counter(row["category"] for row in rows if row["category"] not in known)
    if odd:
        raise ReplayError(f"{path}: unknown category {', '.join(odd)}. Known: {', '.join(sorted(known))}.")
    return {row["status"].lower(): row["category"] for row in rows}


def _sprints(path: Path) -> list[dict[str, Any]]:
    sprints = _resources(path)
    try:
        return [sprint | {"id": int(sprint["id"])} for sprint in sprints]
    except ValueError as error:
        raise ReplayError(f"{path}: not a list of sprint resources: {error}.") from error


def _resources(path: Path) -> list[dict[str, Any]]:
    """A list of resources, addresses in them pointing to the sandbox; [] where the file is not there."""
    if not path.is_file():
        return []
    try:
        found = msgspec.json.decode(path.read_bytes(), type=list[dict[str, Any]])
        host = str(found[0].get("self", "")).partition("/rest/")[0] if found else ""
        if host:
            found = msgspec.json.decode(msgspec.json.encode(found).replace(host.encode(), BASE.encode()))
        for number, resource in enumerate(found):
            if not (resource.get("id") or resource.get("accountId") or resource.get("key") or resource.get("name")):
                raise ValueError(f"entry {number} has no id")
    except (msgspec.MsgspecError, ValueError) as error:
        raise ReplayError(f"{path}: not a list of resources: {error}.") from error
    return found
