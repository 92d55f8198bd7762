"""The Azure DevOps records of `faros` behind the tests' small Azure DevOps.

`workitem_updates.json` tells what each revision of item 1 changed: put together they are its revisions, and what they
say of work items' links are the link events. Of the other items only the last revision was recorded; it is numbered 1
here, for the tool numbers without gaps. One iteration's GUID stands twice: each team has one of the two.
"""

from __future__ import annotations

import json
from typing import Any

from tests.end_to_end.real_folders import FAROS
from tests.extractors.azure_devops_organisation import Organisation, listed

SOURCE = FAROS / "azure-workitems-source"
LINK = "System.LinkTypes."
Document = dict[str, Any]


def recorded(name: str) -> Any:
    return json.loads((SOURCE / "input" / f"{name}.json").read_text("utf-8"))


def updates() -> list[Document]:
    found: list[Document] = recorded("workitem_updates")["value"]
    return found


def revisions() -> list[Document]:
    """What the updates add up to: one document per revision of item 1."""
    fields: Document = {}
    found: dict[int, Document] = {}
    for update in updates():
        for name, change in update.get("fields", {}).items():
            if "newValue" in change:
                fields[name] = change["newValue"]
            else:
                fields.pop(name, None)
        found[update["rev"]] = {"id": update["workItemId"], "rev": update["rev"], "fields": dict(fields)}
    return list(found.values())


def link_events() -> list[Document]:
    """Relations between work items, added and removed; attachments are none."""
    found = []
    for update in updates():
        for side, is_active in (("added", True), ("removed", False)):
            for relation in (update.get("relations") or {}).get(side, []):
                if relation["rel"].startswith(LINK):
                    target = int(relation["url"].rpartition("/")[2])
                    facts = {"sourceId": update["workItemId"], "targetId": target, "isActive": is_active,
                             "changedDate": update["revisedDate"], "changedBy": update["revisedBy"]}  # fmt: skip
                    found.append({"rel": relation["rel"], "attributes": facts})
    return found


def last_revisions() -> list[Document]:
    """The items that were recorded as they stood."""
    items = {item["id"]: item for item in recorded("workitems_with_code_reviews")["value"]}
    items |= {item["id"]: item for item in recorded("workitems")["value"]}
    return [{"id": number, "rev": 1, "fields": items[number]["fields"]} for number in sorted(items)]


class RecordedOrganisation(Organisation):
    """Projects, teams, iterations, states and items as they were recorded."""

    def __init__(self) -> None:
        super().__init__()
        own = {"id": "00000000-0000-0000-0000-000000000001", "name": "MyAgilePro1", "state": "wellFormed"}
        self.projects = {project["id"]: project for project in [*recorded("projects")["value"], own]}
        self.teams = {number: [] for number in self.projects}
        self.teams["6ce954b1-ce1f-45d1-b94d-e6bf2464ba2c"] = recorded("teams")["value"]
        self.feed = sorted([*revisions(), *last_revisions()], key=lambda one: one["fields"]["System.ChangedDate"])
        self.links = link_events()

    def nodes(self, project: str, **_: Any) -> Any:
        areas = {"id": 10, "identifier": f"area-{project}", "name": self.project_name(project), "structureType": "area"}
        if project != "6ce954b1-ce1f-45d1-b94d-e6bf2464ba2c":
            return listed([areas])
        root, release = recorded("iterations_root"), recorded("iterations_node_3")
        children = [release if node["id"] == release["id"] else node for node in root["children"]]
        return listed([areas, {**root, "children": children}])

    def item_types(self, project: str, **_: Any) -> Any:
        self.project_name(project)
        states = recorded("workitem_states")["value"]
        kinds = {record["fields"]["System.WorkItemType"] for record in self.feed}
        return listed([{"name": kind, "referenceName": kind, "states": states} for kind in sorted(kinds)])

    def work(self, project: str, team: str, rest: str, **_: Any) -> Any:
        position = [one["id"] for one in self.teams[project]].index(team)
        if rest == "teamsettings/iterations":
            return listed([recorded("iterations")[position]])
        if rest == "teamsettings/teamfieldvalues":
            area = self.project_name(project)
            return {"defaultValue": area, "values": [{"value": area, "includeChildren": True}] if position == 0 else []}
        if rest.endswith("/capacities"):
            people = [{"teamMember": member["identity"], "activities": [], "daysOff": []} for member in
                      recorded("team_members")["value"]]  # fmt: skip
            return {"teamMembers": people}
        if rest.endswith("/teamdaysoff"):
            return {"daysOff": []}
        if rest == "boards":
            return listed([])
        return super().work(project, team, rest)
