"""The organisation behind the tests' small Azure DevOps, in memory, with faults on demand.

It keeps to what the published description and the recorded facts say: revisions feed with continuation
tokens, identities, soft deletion with a recycle bin, WIQL with its limit, batch with omitted items.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

ANN = {"id": "11111111-0000-0000-0000-000000000001", "displayName": "Ann Lee", "uniqueName": "ann@example.org"}
BOB = {"id": "11111111-0000-0000-0000-000000000002", "displayName": "Bob Ray", "uniqueName": "bob@example.org"}
LOCATIONS = [
    ("e81700f7-3be2-46de-8624-2eb35882fcaa", "Location", "ResourceAreas", "_apis/{resource}/{areaId}"),
    ("00d9565f-ed9c-4a06-9a50-00e7896ccab4", "Location", "connectionData", "_apis/{resource}"),
    ("603fe2ac-9723-48b9-88ad-09305aa6c6e1", "core", "projects", "_apis/{resource}/{*projectId}"),
    ("d30a3dd1-f8ba-442a-b86a-bd0c0c383e59", "core", "teams", "_apis/projects/{projectId}/{resource}/{*teamId}"),
]
CATEGORIES = {"New": "Proposed", "Active": "InProgress", "Closed": "Completed", "Removed": "Removed",
              "Approved": "Proposed", "Committed": "InProgress", "Done": "Completed"}  # fmt: skip
START = datetime(2026, 1, 5, 9, tzinfo=UTC)
Reply = tuple[int, Any]


class Fault(Exception):  # noqa: N818 - says what it is
    """An answer in place of the right one."""

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.status, self.body, self.headers = status, body, headers or {}


class Organisation:
    """The data behind the server. Every change goes to the end of the feed."""

    def __init__(self) -> None:
        self.projects: dict[str, dict[str, Any]] = {}
        self.deleted_projects: dict[str, dict[str, Any]] = {}
        self.teams: dict[str, list[dict[str, Any]]] = {}
        self.feed: list[dict[str, Any]] = []
        self.links: list[dict[str, Any]] = []
        self.bin: dict[int, dict[str, Any]] = {}
        self.destroyed: set[int] = set()
        self.hidden: set[int] = set()  # in areas that the account may not see just now
        self.sprints = 3
        self.page_size = 1000
        self.wiql_limit = 20_000
        self.wiql_refusal = "VS402337: The number of work items returned exceeds the size limit of 20000."
        self.lacking_fields: set[str] = set()
        self.clock = START
        self.now: datetime | None = None  # what the server's Date header says; None: the real time
        self.requests: list[str] = []
        self.base = "/pmo"  # what comes before every path: an organisation, or a collection of a server
        self.bearers: set[str] = set()  # tokens of service principals that are good
        self.bearer_seconds = 3599
        self.types = {"User Story": ["New", "Active", "Closed", "Removed"]}
        self.processes: dict[str, dict[str, dict[str, str]]] = {}  # process -> type -> state -> category
        self.faults: list[Callable[[str, str], None]] = []
        self.answering = threading.local()  # `request`: what this thread answers, with its query

    def add_project(self, name: str, *teams: str) -> None:
        guid = f"aaaaaaaa-0000-0000-0000-{len(self.projects):012d}"
        self.projects[guid] = {"id": guid, "name": name, "state": "wellFormed", "visibility": "private"}
        self.teams[guid] = [
            {"id": f"bbbbbbbb-{len(self.projects):04d}-0000-0000-{number:012d}", "name": team}
            for number, team in enumerate(teams)
        ]

    def tick(self) -> str:
        self.clock += timedelta(minutes=7, milliseconds=123)
        return self.clock.isoformat().replace("+00:00", "Z")

    def current(self, item_id: int) -> dict[str, Any]:
        return [record for record in self.feed if record["id"] == item_id][-1]

    def create(self, item_id: int, project: str, **fields: Any) -> int:
        at = self.tick()
        first = {
            "System.TeamProject": project,
            "System.WorkItemType": "User Story",
            "System.State": "New",
            "System.Reason": "New",
            "System.Title": f"Item {item_id}",
            "System.AreaPath": project,
            "System.IterationPath": project,
            "System.CreatedDate": at,
            "System.ChangedDate": at,
            "System.ChangedBy": ANN,
            "System.Description": "long text that is no business of ours",
            **fields,
        }
        self.feed.append({"id": item_id, "rev": 1, "fields": first})
        return item_id

    def change(self, item_id: int, **fields: Any) -> None:
        last = self.current(item_id)
        changed = {**last["fields"], "System.ChangedDate": self.tick(), "System.ChangedBy": BOB, **fields}
        self.feed.append({"id": item_id, "rev": last["rev"] + 1, "fields": changed})

    def delete(self, item_id: int) -> None:
        self.change(item_id, **{"System.IsDeleted": True})
        last = self.current(item_id)["fields"]
        deleted_by = f"{BOB['displayName']} <{BOB['uniqueName']}>"
        self.bin[item_id] = {
            "id": str(item_id), "name": last["System.Title"], "project": last["System.TeamProject"],
            "deletedDate": last["System.ChangedDate"], "deletedBy": deleted_by,
        }  # fmt: skip

    def restore(self, item_id: int) -> None:
        del self.bin[item_id]
        self.change(item_id, **{"System.IsDeleted": False})

    def destroy(self, item_id: int) -> None:
        """Gone for good, without a word in the feed."""
        self.bin.pop(item_id, None)
        self.destroyed.add(item_id)

    def link(
        self, source: int, target: int, rel: str = "System.LinkTypes.Hierarchy-Forward", active: bool = True
    ) -> None:
        facts = {
            "sourceId": source,
            "targetId": target,
            "changedDate": self.tick(),
            "changedBy": ANN,
            "isActive": active,
        }
        self.links.append({"rel": rel, "attributes": facts})

    def live(self, project: str | None = None) -> list[int]:
        last = {record["id"]: record["fields"] for record in self.feed}
        return sorted(
            item_id
            for item_id, fields in last.items()
            if item_id not in self.bin
            and item_id not in self.destroyed
            and item_id not in self.hidden
            and (project is None or fields["System.TeamProject"] == project)
        )

    def project_name(self, part: str) -> str:
        if part in self.projects:
            return str(self.projects[part]["name"])
        raise Fault(404, {"message": f"TF200016: The following project does not exist: {part}."})

    # --- answers ------------------------------------------------------------------------------------

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Any:
        for fault in list(self.faults):
            fault(method, path)
        if method == "OPTIONS":
            keys = ("id", "area", "resourceName", "routeTemplate")
            versions = {"resourceVersion": 1, "minVersion": "1.0", "maxVersion": "7.1", "releasedVersion": "7.1"}
            return listed([{**dict(zip(keys, place, strict=True)), **versions} for place in LOCATIONS])
        for pattern, handler in self.routes():
            if match := re.fullmatch(pattern, path):
                return handler(*match.groups(), query=query, body=body)
        raise Fault(404, {"message": f"no such page: {method} {path}"})

    def routes(self) -> list[tuple[str, Callable[..., Any]]]:
        return [
            (r"/_apis/ResourceAreas", lambda **_: listed([])),
            (r"/_apis/connectionData", lambda **_: {
                "deploymentType": "hosted", "authenticatedUser": {"providerDisplayName": "Robot"}}),
            (r"/_apis/projects", self.list_projects),
            (r"/_apis/projects/([^/]+)/teams", lambda project, query, **_: self.paged(self.teams[project], query)),
            (r"/_apis/wit/fields", lambda **_: listed([{"referenceName": name} for name in self.field_names()])),
            (r"/_apis/wit/reporting/workitemrevisions", self.revisions),
            (r"/_apis/wit/reporting/workitemlinks", self.link_feed),
            (r"/([^/]+)/_apis/wit/classificationnodes", self.nodes),
            (r"/([^/]+)/_apis/wit/workitemtypes", self.item_types),
            (r"/([^/]+)/_apis/wit/recyclebin", self.recycle_bin),
            (r"/([^/]+)/_apis/wit/wiql", self.wiql),
            (r"/_apis/wit/wiql", self.wiql_links),
            (r"/_apis/wit/workitemsbatch", self.items_batch),
            (r"/_apis/wit/workItems/(\d+)/revisions", self.item_revisions),
            (r"/_apis/wit/workItems/(\d+)/updates", self.item_updates),
            (r"/_apis/work/processes", lambda **_: listed([{"typeId": name} for name in self.processes])),
            (r"/_apis/work/processes/([^/]+)/workItemTypes", self.process_types),
            (r"/([^/]+)/([^/]+)/_apis/work/(.+)", self.work),
        ]  # fmt: skip

    def field_names(self) -> set[str]:
        from extractors.azure_devops.records import FIELDS

        return set(FIELDS.values()) - self.lacking_fields

    def list_projects(self, query: dict[str, str], **_: Any) -> Any:
        found = self.deleted_projects if query.get("stateFilter") == "deleted" else self.projects
        return self.paged(list(found.values()), query)

    def paged(self, records: list[dict[str, Any]], query: dict[str, str]) -> Any:
        skip, top = int(query.get("$skip", 0)), min(int(query.get("$top", 100)), 100)
        return listed(records[skip : skip + top])

    def batch(self, records: list[dict[str, Any]], query: dict[str, str]) -> Any:
        assert not ("continuationToken" in query and "startDateTime" in query)
        start = int(query.get("continuationToken", 0))
        size = min(self.page_size, int(query.get("$maxPageSize", 1000)))
        page = records[start : start + size]
        end = start + len(page)
        return {"values": page, "continuationToken": str(end), "isLastBatch": end >= len(records)}

    def revisions(self, query: dict[str, str], **_: Any) -> Any:
        asked = query["fields"].split(",")
        if unknown := set(asked) & self.lacking_fields:
            raise Fault(400, {"message": f"TF51535: Cannot find field {unknown.pop()}."})
        feed = self.feed
        if query.get("includeLatestOnly") == "true":
            feed = list({record["id"]: record for record in self.feed}.values())
        batch = self.batch(feed, query)
        batch["values"] = [
            {**record, "fields": {name: record["fields"][name] for name in asked if name in record["fields"]}}
            for record in batch["values"]
            if record["id"] not in self.destroyed | self.hidden
        ]
        return batch

    def link_feed(self, query: dict[str, str], **_: Any) -> Any:
        """Without links of items that the account may not see now: they are not told later either."""
        batch = self.batch(self.links, query)
        ends = ("sourceId", "targetId")
        batch["values"] = [
            link for link in batch["values"] if not self.hidden & {link["attributes"][end] for end in ends}
        ]
        return batch

    def nodes(self, project: str, **_: Any) -> Any:
        name = self.project_name(project)
        areas = [{"id": 11, "identifier": f"area-{name}-1", "name": "Web", "structureType": "area"}]
        sprints = [
            {"id": 20 + number, "identifier": f"sprint-{name}-{number}", "name": f"Sprint {number}",
             "structureType": "iteration", "attributes": dates(number)}
            for number in range(self.sprints)
        ]  # fmt: skip
        return listed([
            {"id": 10, "identifier": f"area-{name}", "name": name, "structureType": "area", "hasChildren": True,
             "children": areas},
            {"id": 20, "identifier": f"iteration-{name}", "name": name, "structureType": "iteration",
             "hasChildren": bool(sprints), "children": sprints},
        ])  # fmt: skip

    def item_types(self, project: str, **_: Any) -> Any:
        self.project_name(project)
        return listed([
            {"name": kind, "referenceName": f"Microsoft.VSTS.WorkItemTypes.{kind.replace(' ', '')}",
             "isDisabled": False, "states": [{"name": state, "category": CATEGORIES[state]} for state in states]}
            for kind, states in self.types.items()
        ])  # fmt: skip

    def process_types(self, process: str, **_: Any) -> Any:
        return listed([
            {"name": kind, "states": [{"name": state, "stateCategory": one} for state, one in states.items()]}
            for kind, states in self.processes[process].items()
        ])  # fmt: skip

    def recycle_bin(self, project: str, query: dict[str, str], **_: Any) -> Any:
        name = self.project_name(project)
        own = {item_id: record for item_id, record in self.bin.items() if record["project"] == name}
        if "ids" in query:
            return listed([{**own[int(item_id)], "code": 200} for item_id in query["ids"].split(",")])
        return listed([{"id": str(item_id)} for item_id in own])

    def wiql(self, project: str, query: dict[str, str], body: Any) -> Any:
        bounds = re.search(
            r"\[System\.Id\] > (\d+)(?: AND \[System\.Id\] <= (\d+))? ORDER BY \[System\.Id\]$", body["query"]
        )
        assert bounds is not None
        low, high = int(bounds[1]), int(bounds[2] or 10**9)
        found = [item_id for item_id in self.live(self.project_name(project)) if low < item_id <= high]
        if len(found) > self.wiql_limit:
            raise Fault(400, {"message": self.wiql_refusal})
        return {"queryType": "flat", "workItems": [{"id": item_id} for item_id in found[: int(query["$top"])]]}

    def parents(self) -> dict[tuple[int, int], dict[str, Any]]:
        """The last event of each pair of child and parent."""
        last = {}
        for link in self.links:
            facts = link["attributes"]
            ends = (facts["targetId"], facts["sourceId"])
            if link["rel"].startswith("System.LinkTypes.Hierarchy"):
                last[ends[::-1] if link["rel"].endswith("-Reverse") else ends] = facts
        return last

    def wiql_links(self, body: Any, **_: Any) -> Any:
        """Parent links between live items whose parent is in a project and a range of ids."""
        asked = re.search(r"TeamProject\] = '(.*?)' AND .*?> (\d+) AND .*?<= (\d+)\)", body["query"])
        assert asked is not None
        name, low, high = asked[1].replace("''", "'"), int(asked[2]), int(asked[3])
        live, own = set(self.live()), set(self.live(name))
        pairs = [
            (child, parent)
            for (child, parent), facts in self.parents().items()
            if facts["isActive"] and child in live and parent in own and low < parent <= high
        ]
        if len(pairs) > self.wiql_limit:
            raise Fault(400, {"message": self.wiql_refusal})
        rel = "System.LinkTypes.Hierarchy-Forward"
        links = [{"rel": rel, "source": {"id": parent}, "target": {"id": child}} for child, parent in pairs]
        heads = [{"rel": None, "source": None, "target": {"id": parent}} for _, parent in pairs]
        return {"queryType": "oneHop", "workItemRelations": [*heads, *links]}

    def item_updates(self, item_id: str, query: dict[str, str], **_: Any) -> Any:
        """Parents that came and went; the last update has no end yet."""
        if int(item_id) not in self.live():
            raise Fault(404, {"message": f"TF401232: Work item {item_id} does not exist."})
        updates = []
        for link in self.links:
            facts, is_reverse = link["attributes"], link["rel"].endswith("-Reverse")
            child, parent = (
                (facts["sourceId"], facts["targetId"]) if is_reverse else (facts["targetId"], facts["sourceId"])
            )
            if child != int(item_id) or not link["rel"].startswith("System.LinkTypes.Hierarchy"):
                continue
            relation = {"rel": "System.LinkTypes.Hierarchy-Reverse", "url": f"http://x/_apis/wit/workItems/{parent}"}
            changed = {"System.ChangedDate": {"newValue": facts["changedDate"]}}
            side = "added" if facts["isActive"] else "removed"
            updates.append({"revisedBy": ANN, "revisedDate": "9999-01-01T00:00:00Z", "fields": changed,
                            "relations": {side: [relation]}})  # fmt: skip
        return self.paged(updates, query)

    def items_batch(self, body: Any, **_: Any) -> Any:
        assert len(body["ids"]) <= 200
        live = set(self.live())
        return listed([{"id": one, "rev": self.current(one)["rev"]} if one in live else None for one in body["ids"]])

    def item_revisions(self, item_id: str, query: dict[str, str], **_: Any) -> Any:
        if int(item_id) not in self.live():
            raise Fault(404, {"message": f"TF401232: Work item {item_id} does not exist."})
        own = [record for record in self.feed if record["id"] == int(item_id)]
        return self.paged(own, query)

    def work(self, project: str, team: str, rest: str, **_: Any) -> Any:
        name = self.project_name(project)
        (record,) = [one for one in self.teams[project] if one["id"] == team]
        area = f"{name}\\{record['name']}"
        if rest == "teamsettings":
            return {"backlogIteration": {"id": "x", "path": ""}, "workingDays": ["monday", "tuesday"]}
        if rest == "teamsettings/teamfieldvalues":
            return {"field": {"referenceName": "System.AreaPath"}, "defaultValue": area,
                    "values": [{"value": area, "includeChildren": True}]}  # fmt: skip
        if rest == "teamsettings/iterations":
            return listed([
                {"id": f"sprint-{name}-{number}", "name": f"Sprint {number}", "path": f"{name}\\Sprint {number}",
                 "attributes": {**dates(number), "timeFrame": "past"}} for number in range(self.sprints)
            ])  # fmt: skip
        if rest.endswith("/capacities"):
            span = {"start": "2026-01-07T00:00:00Z", "end": "2026-01-08T00:00:00Z"}
            return {"teamMembers": [{"teamMember": ANN, "daysOff": [span],
                                     "activities": [{"name": "Development", "capacityPerDay": 6.5}]}]}  # fmt: skip
        if rest.endswith("/teamdaysoff"):
            return {"daysOff": [{"start": "2026-01-06T00:00:00Z", "end": "2026-01-06T00:00:00Z"}]}
        if rest == "boards":
            return listed([{"id": "board-1", "name": "Stories"}])
        return listed([
            {"id": "c1", "name": "New", "itemLimit": 0, "stateMappings": {"User Story": "New"},
             "columnType": "incoming"},
            {"id": "c2", "name": "Doing", "itemLimit": 5, "isSplit": True, "stateMappings": {"User Story": "Active"},
             "columnType": "inProgress"},
        ])  # fmt: skip


def dates(sprint: int) -> dict[str, str | None]:
    if sprint == 2:
        return {"startDate": None, "finishDate": None}
    start = START.replace(hour=0) + timedelta(days=14 * sprint)
    return {
        "startDate": f"{start:%Y-%m-%dT00:00:00Z}",
        "finishDate": f"{start + timedelta(days=11):%Y-%m-%dT00:00:00Z}",
    }


def listed(records: list[Any]) -> dict[str, Any]:
    return {"count": len(records), "value": records}
