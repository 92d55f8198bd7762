"""Real issues of REST v2 or v3 → the form that the wanted kind of Jira would send."""

from __future__ import annotations

import hashlib
from typing import Any

from sandbox.model import Tool
from sandbox.store import BASE

_FIELD_IDS = {
    "status": "status", "resolution": "resolution", "assignee": "assignee", "reporter": "reporter",
    "priority": "priority", "issuetype": "issuetype", "project": "project", "summary": "summary", "labels": "labels",
    "description": "description", "Fix Version": "fixVersions", "Version": "versions", "Component": "components",
    "timeestimate": "timeestimate", "timeoriginalestimate": "timeoriginalestimate", "duedate": "duedate",
}  # fmt: skip


def account_id(name: str) -> str:
    """A Cloud account id that follows from a Data Center user name."""
    return f"5b10ac8d{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def to_flavour(
    record: dict[str, Any], histories: list[dict[str, Any]], tool: Tool
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The same record in the shape of Cloud (account ids, v3 addresses, rich text) or Data Center (names, v2)."""
    old, new = ("/rest/api/2/", "/rest/api/3/") if tool is Tool.JIRA_CLOUD else ("/rest/api/3/", "/rest/api/2/")
    has_accounts = _has_accounts(record, histories)
    record = _reshaped(record, tool, old, new)
    histories = [_reshaped(history, tool, old, new) for history in histories]
    if tool is Tool.JIRA_CLOUD:
        description = record["fields"].get("description")
        if isinstance(description, str):
            record["fields"]["description"] = _rich_text(description)
        for history in histories:
            for item in history["items"]:
                _cloud_item(item, has_accounts=has_accounts)
    return record, histories


def _has_accounts(record: dict[str, Any], histories: list[dict[str, Any]]) -> bool:
    """Whether its people have account ids already, whatever version of REST it was asked of."""
    people = [record["fields"].get(role) for role in ("creator", "reporter", "assignee")]
    return any("accountId" in person for person in (*people, *(one.get("author") for one in histories)) if person)


def _reshaped(value: Any, tool: Tool, old: str, new: str) -> Any:
    if isinstance(value, list):
        return [_reshaped(part, tool, old, new) for part in value]
    if isinstance(value, str):
        return value.replace(old, new) if value.startswith(BASE) else value
    if not isinstance(value, dict):
        return value
    shaped = {name: _reshaped(part, tool, old, new) for name, part in value.items()}
    if "displayName" not in shaped or "active" not in shaped:
        return shaped
    return _cloud_user(shaped) if tool is Tool.JIRA_CLOUD else _data_center_user(shaped)


def _cloud_user(user: dict[str, Any]) -> dict[str, Any]:
    if "accountId" in user:
        return user
    number = account_id(str(user.get("name") or user.get("key")))
    kept = {name: value for name, value in user.items() if name not in ("name", "key")}
    address = f"{BASE}/rest/api/3/user?accountId={number}"
    return kept | {"self": address, "accountId": number, "accountType": "atlassian"}


def _data_center_user(user: dict[str, Any]) -> dict[str, Any]:
    if "name" in user:
        return user
    name = str(user.pop("accountId", "unknown"))
    user.pop("accountType", None)
    return user | {"self": f"{BASE}/rest/api/2/user?username={name}", "name": name, "key": name}


def _cloud_item(item: dict[str, Any], *, has_accounts: bool) -> None:
    """History items name their field by id, and people by account id."""
    if "fieldId" not in item and item["field"] in _FIELD_IDS:
        item["fieldId"] = _FIELD_IDS[item["field"]]
    if item["field"] in ("assignee", "reporter") and not has_accounts:
        for side in ("from", "to"):
            if item.get(side):
                item[side] = account_id(item[side])


def _rich_text(text: str) -> dict[str, Any]:
    paragraphs = [
        {"type": "paragraph", "content": [{"type": "text", "text": line}] if line else []} for line in text.splitlines()
    ]
    return {"type": "doc", "version": 1, "content": paragraphs}
