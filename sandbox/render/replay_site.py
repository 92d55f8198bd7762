"""A Jira site's metadata as far as real issues of it tell."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from sandbox.model import Tool
from sandbox.render.jira_site import SYSTEM_FIELDS
from sandbox.render.jira_words import flavour_of
from sandbox.render.replay_boards import Boards
from sandbox.store import BASE, Store

_CATEGORY_IDS = {"undefined": 1, "new": 2, "done": 3, "indeterminate": 4}
_SPRINT_TEXT = re.compile(r"^com\.atlassian\.greenhopper\.service\.sprint\.Sprint@\w+\[.*?\bid=(\d+)", re.DOTALL)
_GREENHOPPER = "com.pyxis.greenhopper.jira:gh-sprint"


class Site:
    """Collects what issues mention. `categories`: category key by lower-case status name.

    `told`: what the site itself said, by kind of resource; it comes before what issues mention.
    """

    def __init__(
        self, categories: dict[str, str], sprints: list[dict[str, Any]], told: dict[str, list[dict[str, Any]]]
    ) -> None:
        self._categories, self._sprints, self._told = categories, sprints, told
        self._seen: dict[str, dict[str, dict[str, Any]]] = {
            kind: {} for kind in ("project", "issuetype", "status", "resolution", "priority", "user", "version")
        }
        self._statuses_of_histories: dict[str, str] = {}
        self._fields: dict[str, Any] = {}
        self.sprint_field: str | None = None

    def see(self, record: dict[str, Any], histories: Iterable[dict[str, Any]]) -> None:
        fields = record["fields"]
        for kind in ("project", "issuetype", "status", "resolution", "priority"):
            if fields.get(kind):
                self._seen[kind][str(fields[kind]["id"])] = fields[kind]
        for version in fields.get("fixVersions") or []:
            self._seen["version"][str(version["id"])] = version | {"projectId": int(fields["project"]["id"])}
        self._see_fields(fields)
        for user in (fields.get("assignee"), fields.get("reporter"), fields.get("creator")):
            self._see_user(user)
        for history in histories:
            self._see_user(history.get("author"))
            self._see_statuses(history["items"])

    def _see_fields(self, fields: dict[str, Any]) -> None:
        for name, value in fields.items():
            self._fields.setdefault(name, None)
            if value is not None:
                self._fields[name] = value
            if self.sprint_field is None and _ids_of_sprints(value):
                self.sprint_field = name

    def _see_statuses(self, items: Iterable[dict[str, Any]]) -> None:
        for item in items:
            if item["field"] == "status":
                self._statuses_of_histories |= {
                    str(item[side]): str(item[f"{side}String"]) for side in ("from", "to") if item.get(side)
                }

    def _see_user(self, user: dict[str, Any] | None) -> None:
        if user:
            self._seen["user"].setdefault(str(user.get("accountId") or user.get("key") or user.get("name")), user)

    @staticmethod
    def sprint_ids(fields: dict[str, Any], sprint_field: str | None) -> list[int]:
        return _ids_of_sprints(fields.get(sprint_field)) if sprint_field else []

    def put(self, store: Store, tool: Tool, name: str) -> None:
        """Writes the metadata into the store."""
        flavour = flavour_of(tool)
        for kind in ("project", "status", "user", "version"):
            self._seen[kind] |= {_id_of(one): one for one in self._told[kind]}
        store.set_meta("name", name)
        store.set_meta("flavour", tool.value)
        store.set_meta("time_zone", "UTC")
        root = f"{BASE}/rest/api/{flavour.api}"
        for kind in ("project", "issuetype", "resolution", "priority", "user"):
            rows = sorted(self._seen[kind].items(), key=lambda one: _natural(one[0]))
            store.put_resources(kind, [(number, "", document) for number, document in rows])
        versions = self._seen["version"].items()
        store.put_resources("version", [(number, str(doc["projectId"]), doc) for number, doc in versions])
        store.put_resources("status", [(doc["id"], "", doc) for doc in self._statuses(root)])
        store.put_resources("field", [(doc["id"], "", doc) for doc in self._field_documents(is_cloud=flavour.is_cloud)])
        store.put_resources(
            "sprint", [(str(one["id"]), str(one.get("originBoardId", 1)), one) for one in self._sprints]
        )
        self._put_boards(store, root)

    def _statuses(self, root: str) -> list[dict[str, Any]]:
        """Statuses of issues and of histories; one that only histories know has its category from statuses.csv."""
        documents = dict(self._seen["status"])
        for number, name in self._statuses_of_histories.items():
            category = self._categories.get(name.lower(), "undefined")
            documents.setdefault(
                number, {"self": f"{root}/status/{number}", "id": number, "name": name, "description": "",
                         "statusCategory": _category(root, category)},
            )  # fmt: skip
        for document in documents.values():
            if "statusCategory" not in document:
                category = self._categories.get(document["name"].lower(), "undefined")
                document["statusCategory"] = _category(root, category)
        return sorted(documents.values(), key=lambda one: _natural(one["id"]))

    def _field_documents(self, *, is_cloud: bool) -> list[dict[str, Any]]:
        system = {number: (name, kind) for number, name, kind in SYSTEM_FIELDS}
        told = {one["id"]: one for one in self._told["field"]}
        documents = list(told.values())
        for number, value in self._fields.items():
            if number in told:
                continue
            is_custom = number.startswith("customfield_")
            name, kind = ("Sprint", "array") if number == self.sprint_field else system.get(number, (number, "any"))
            schema: dict[str, Any] = {"type": "number" if is_custom and isinstance(value, float) else kind}
            if is_custom:
                schema |= {"custom": "unknown", "customId": int(number.rpartition("_")[2])}
                schema |= {"custom": _GREENHOPPER, "items": "json"} if number == self.sprint_field else {}
            else:
                schema["system"] = number
            documents.append(
                {"id": number, "name": name, "custom": is_custom, "orderable": True, "navigable": True,
                 "searchable": True, "clauseNames": [number], "schema": schema} | ({"key": number} if is_cloud else {})
            )  # fmt: skip
        return documents

    def _put_boards(self, store: Store, root: str) -> None:
        """A filter that is not told holds every project, for the records tell no more."""
        keys = ", ".join(sorted(f'"{project["key"]}"' for project in self._seen["project"].values()))
        columns = [
            {
                "name": doc["name"],
                "statuses": [{"id": doc["id"], "self": doc.get("self", f"{root}/status/{doc['id']}")}],
            }
            for doc in self._statuses(root)
        ]
        Boards(self._told, self._sprints).put(store, root, columns, f"project in ({keys}) ORDER BY Rank ASC")


def _id_of(resource: dict[str, Any]) -> str:
    return str(resource.get("accountId") or resource.get("id") or resource.get("key") or resource.get("name"))


def _category(root: str, key: str) -> dict[str, Any]:
    number = _CATEGORY_IDS[key]
    return {"self": f"{root}/statuscategory/{number}", "id": number, "key": key, "colorName": "default", "name": key}


def _natural(text: str) -> tuple[int, str]:
    return (int(text), "") if text.isdigit() else (0, text)


def _ids_of_sprints(value: Any) -> list[int]:
    """Sprint ids in a Sprint field's value, in either form; [] if it is none."""
    if not isinstance(value, list):
        return []
    numbers = []
    for part in value:
        if isinstance(part, dict) and "state" in part and ("boardId" in part or "startDate" in part):
            numbers.append(int(part["id"]))
        elif isinstance(part, str) and (match := _SPRINT_TEXT.match(part)):
            numbers.append(int(match[1]))
    return numbers
