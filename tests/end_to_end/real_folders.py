"""Real records that lie in other forms than the tools send them → folders that the sandbox replays.

Records keep their ids, keys, times and values. What the recordings cannot mean at once is said here:
- `faros/dest/jira` holds what a connector has read of a real site. It asked for four fields of the epic: type and
  project are put in, and its creation is its last update.
- `faros/jira-source` holds answers of separate tests. One issue id stands there twice: TEST-4 gets a number of its own.
  Projects and releases name other project ids than the issues: project TEST keeps the id that its issues have.
- `fivetran_dbt_jira` holds tables of a warehouse: each row of the single-value history becomes a Jira history, and the
  values of one multi-value field, issue and instant one together, as Jira writes them. Projects that only releases or
  boards name are there with their id. Links are left out: no issue that they name is among the records.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from tests.end_to_end.workspace import SHARED

DATA = SHARED / "data"
Document = dict[str, Any]
Row = dict[str, str]


def _write(folder: Path, issues: Iterable[Document], **lists: list[Document]) -> Path:
    folder.mkdir(parents=True)
    lines = [json.dumps(issue) for issue in issues]
    (folder / "issues.jsonl").write_text("\n".join(lines), "utf-8")
    for name, resources in lists.items():
        (folder / f"{name}.json").write_text(json.dumps(resources), "utf-8")
    return folder


def _json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def jirametrics(source: Path, folder: Path) -> Path:
    """One of the two samples, `testdata` or `complete_sample`: the same project at different times."""
    board = _json(source / "sample_board_1_configuration.json")
    return _write(
        folder,
        [_json(path) for path in sorted(source.rglob("SP-*.json"))],
        statuses=_json(source / "sample_statuses.json"),
        configurations=[board],
    )


FAROS = DATA / "faros"


def faros_destination() -> dict[str, list[Document]]:
    """What a connector has read of a real Jira, by stream."""
    records: dict[str, list[Document]] = {}
    for line in (FAROS / "dest" / "jira" / "all-streams.log").read_text("utf-8").splitlines():
        message = json.loads(line)
        if message["type"] == "RECORD":
            stream = message["record"]["stream"].rpartition("__")[2]
            records.setdefault(stream, []).append(message["record"]["data"])
    return records


def faros_site(folder: Path) -> Path:
    told = faros_destination()
    own = ("renderedFields", "projectId", "projectKey")  # added by the connector
    issues = [{name: value for name, value in issue.items() if name not in own} for issue in _faros_issues(told)]
    return _write(
        folder,
        issues,
        sprints=told["sprints"],
        users=told["users"],
        fields=told["issue_fields"],
        projects=told["projects"],
        versions=told["project_versions"],
        statuses=told["workflow_statuses"],
        boards=told["boards"],
    )


def _faros_issues(told: dict[str, list[Document]]) -> list[Document]:
    """The epic was read with four fields alone."""
    project = told["issues"][0]["fields"]["project"]
    kind = {"id": "10000", "name": "Epic", "subtask": False}
    epics = [
        epic
        | {"fields": {"project": project, "issuetype": kind, "created": epic["fields"]["updated"]} | epic["fields"]}
        for epic in told["epics"]
    ]
    return [*told["issues"], *epics]


def faros_source(folder: Path) -> Path:
    source = FAROS / "jira-source" / "input"
    issues = _json(source / "issues" / "issues.json")
    issues[-1]["id"] = "12334"
    place = issues[0]["fields"]["project"]["id"]
    projects = [
        one | {"id": place} if one["key"] == "TEST" else one for one in _json(source / "projects/projects.json")
    ]
    versions = _json(source / "project_versions" / "project_versions.json")
    return _write(
        folder,
        issues,
        sprints=_json(source / "sprints" / "sprints.json"),
        users=_json(source / "users" / "users.json"),
        boards=_json(source / "boards" / "boards.json"),
        projects=projects,
        versions=[version | {"projectId": int(place)} for version in versions],
    )


FIVETRAN = DATA / "fivetran_dbt_jira" / "seeds"
CATEGORIES = {"2": "new", "3": "done", "4": "indeterminate"}
SPRINT_FIELD = "customfield_10002"


def seed(name: str) -> list[Row]:
    with (FIVETRAN / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _instant(text: str) -> str:
    return datetime.fromisoformat(text).isoformat("T", "milliseconds") + "+0000"


def fivetran(folder: Path) -> Path:
    projects = {row["id"]: {"id": row["id"], "key": row["key"], "name": row["name"]} for row in seed("project")}
    for number in (
        *(row["project_id"] for row in seed("version")),
        *(row["project_id"] for row in seed("project_board")),
    ):
        projects.setdefault(number, {"id": number, "key": f"P{number}", "name": number})
    return _write(
        folder,
        [_issue(row, projects) for row in seed("issue")],
        sprints=[_sprint(row) for row in seed("sprint")],
        projects=list(projects.values()),
        users=[{"accountId": row["id"], "displayName": row["name"], "active": True} for row in seed("user")],
        versions=[_version(row) for row in seed("version")],
        statuses=[_status(row) for row in seed("status")],
        fields=[_field(row) for row in seed("field")],
    )


def _issue(row: Row, projects: dict[str, Document]) -> Document:
    histories = [*_single_histories(row["id"]), *_multi_histories(row["id"])]
    values = {item["fieldId"]: item["to"] for history in histories for item in history["items"]}
    sprints = {one["id"]: _sprint(one) for one in seed("sprint")}
    custom = {name: value for name, value in values.items() if name.startswith("customfield_")}
    if SPRINT_FIELD in custom:
        custom[SPRINT_FIELD] = [sprints[number] for number in values[SPRINT_FIELD].split(", ")]
    kinds = {one["id"]: one["name"] for one in seed("issue_type")}
    kind = row["issue_type"] or row["work_type"]
    status = next((one for one in seed("status") if one["id"] == row["status"]), None)
    priorities = {one["id"]: one["name"] for one in seed("priority")}
    created = _instant(row["created"])
    fields = {
        "summary": row["summary"], "description": row["description"] or None, "created": created,
        "updated": _instant(row["updated"]) if row["updated"] else created, "labels": [], "issuelinks": [],
        "project": projects[row["project"]], "creator": _person(row["creator"]), "reporter": _person(row["reporter"]),
        "issuetype": {"id": kind, "name": kinds.get(kind, kind), "subtask": False},
        "status": _status(status) if status else {"id": row["status"], "name": row["status"]},
        "priority": {"id": row["priority"], "name": priorities[row["priority"]]}, "resolution": None, "assignee": None,
    }  # fmt: skip
    return {"id": row["id"], "key": row["key"], "fields": fields | custom, "changelog": {"histories": histories}}


def _single_histories(issue_id: str) -> list[Document]:
    rows = [row for row in seed("issue_field_history") if row["issue_id"] == issue_id]
    return [_history(int(row["time"][-3:]), row, row["value"]) for row in rows]


def _multi_histories(issue_id: str) -> list[Document]:
    rows = [row for row in seed("issue_multiselect_history") if row["issue_id"] == issue_id]

    def at(row: Row) -> tuple[str, str]:
        return row["time"], row["field_id"]

    grouped = [list(together) for _, together in groupby(sorted(rows, key=at), at)]
    return [_history(1000 + n, one[0], ", ".join(row["value"] for row in one)) for n, one in enumerate(grouped)]


def _history(number: int, row: Row, value: str) -> Document:
    names = {one["id"]: one["name"] for one in seed("field")}
    kind = "custom" if row["field_id"].startswith("customfield_") else "jira"
    item = {"field": names.get(row["field_id"], row["field_id"]), "fieldtype": kind, "fieldId": row["field_id"],
            "from": None, "fromString": None, "to": value, "toString": value}  # fmt: skip
    key = f"{row['issue_id']}{number:04d}"
    return {"id": key, "created": _instant(row["time"]), "author": _person(row["author_id"]), "items": [item]}


def _person(account_id: str) -> Document:
    return {"accountId": account_id, "displayName": account_id, "active": True}


def _status(row: Row) -> Document:
    category = {"key": CATEGORIES[row["status_category_id"]], "id": int(row["status_category_id"])}
    return {"id": row["id"], "name": row["name"], "description": row["description"], "statusCategory": category}


def _sprint(row: Row) -> Document:
    dates = {"startDate": row["start_date"], "endDate": row["end_date"], "completeDate": row["complete_date"]}
    state = "closed" if row["complete_date"] else "active"
    known = {name: _instant(text)[:-5] + "Z" for name, text in dates.items() if text}
    return {"id": int(row["id"]), "name": row["name"], "state": state, "originBoardId": int(row["board_id"]), **known}


def _version(row: Row) -> Document:
    dates = {"startDate": row["start_date"], "releaseDate": row["release_date"]}
    known = {name: text for name, text in dates.items() if text}
    flags = {name: row[name] == "true" for name in ("archived", "released")}
    return {"id": row["id"], "name": row["name"], "projectId": int(row["project_id"]), **flags, **known}


def _field(row: Row) -> Document:
    document: Document = {"id": row["id"], "key": row["id"], "name": row["name"], "custom": row["is_custom"] == "true"}
    if row["id"] == SPRINT_FIELD:
        custom = "com.pyxis.greenhopper.jira:gh-sprint"
        document["schema"] = {"type": "array", "items": "json", "custom": custom, "customId": 10002}
    else:
        document["schema"] = {"type": "any"}
    return document
