"""JSON of projects, teams, nodes, types, boards and capacities -> rows of their streams. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from extractors.azure_devops.people import People
from extractors.azure_devops.records import instant_of
from extractors.rows import canonical_json

AREA_FIELD = "System.AreaPath"


def project_row(record: Mapping[str, Any]) -> dict[str, Any]:
    return _row(
        record["id"],
        record,
        project_id=record["id"],
        name=record["name"],
        state=record.get("state"),
        visibility=record.get("visibility"),
    )


def team_row(project: Mapping[str, Any], team: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """A team with those of its settings that decide sprints and working days."""
    return _row(
        team["id"],
        {"team": team, "settings": _without_links(settings)},
        team_id=team["id"],
        name=team["name"],
        project_id=project["id"],
        project=project["name"],
        backlog_iteration_path=node_path(project["name"], (settings.get("backlogIteration") or {}).get("path")),
        working_days=[str(day).lower() for day in settings.get("workingDays") or []],
    )


def node_path(project: str, path: str | None) -> str | None:
    r"""`\Release 1` of a team's settings -> `Project\Release 1`, as work items write it; empty is the root."""
    if path is None:
        return None
    steps = [step for step in path.split("\\") if step]
    return "\\".join(steps if steps[:1] == [project] else [project, *steps])


def team_area_rows(team_id: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The areas that a team owns; none for a team that is defined by another field than the area."""
    field = (values.get("field") or {}).get("referenceName", AREA_FIELD)
    if field != AREA_FIELD:
        return []
    return [
        _row(
            f"{team_id}:{value['value']}",
            value,
            team_id=team_id,
            area_path=value["value"],
            includes_children=bool(value.get("includeChildren")),
            is_default=value["value"] == values.get("defaultValue"),
        )
        for value in values.get("values") or []
    ]


def team_iteration_row(team_id: str, record: Mapping[str, Any]) -> dict[str, Any]:
    dates = record.get("attributes") or {}
    return _row(
        f"{team_id}:{record['id']}",
        # timeFrame (past, current, future) changes with the clock and not with the record.
        {**_without_links(record), "attributes": {key: dates.get(key) for key in ("startDate", "finishDate")}},
        team_id=team_id,
        iteration_guid=record["id"],
        iteration_path=record.get("path"),
        name=record["name"],
        start_date=day_of(dates.get("startDate")),
        finish_date=day_of(dates.get("finishDate")),
    )


def nodes_of(roots: Sequence[Mapping[str, Any]]) -> Iterator[tuple[bool, str, Mapping[str, Any]]]:
    """Every node of both trees: whether it is an area, its path, and the node."""
    for root in roots:
        is_area = str(root.get("structureType", "")).lower() == "area"
        yield from ((is_area, path, node) for path, node in _walk(root, str(root.get("name"))))


def area_row(project: str, path: str, node: Mapping[str, Any]) -> dict[str, Any]:
    return _row(
        node["identifier"],
        _bare(node),
        area_id=str(node["id"]),
        area_guid=node["identifier"],
        project=project,
        area_path=path,
        name=node["name"],
    )


def iteration_row(project: str, path: str, node: Mapping[str, Any]) -> dict[str, Any]:
    dates = node.get("attributes") or {}
    return _row(
        node["identifier"],
        _bare(node),
        iteration_id=str(node["id"]),
        iteration_guid=node["identifier"],
        project=project,
        iteration_path=path,
        name=node["name"],
        start_date=day_of(dates.get("startDate")),
        finish_date=day_of(dates.get("finishDate")),
    )


def cut_node(roots: Sequence[Mapping[str, Any]]) -> str | None:
    """The path of a node whose children were left out of the answer, if there is one."""
    for _, path, node in nodes_of(roots):
        if node.get("hasChildren") and not node.get("children"):
            return path
    return None


def item_type_row(project: str, record: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: record.get(key) for key in ("name", "referenceName", "isDisabled", "description")}
    return _row(
        f"{project}:{record['name']}",
        kept,
        project=project,
        item_type=record["name"],
        reference_name=record.get("referenceName"),
        is_disabled=bool(record.get("isDisabled")),
    )


def state_rows(project: str, item_type: str, states: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """States in the tool's order, with the category that says what they mean."""
    return [
        _row(
            f"{project}:{item_type}:{state['name']}",
            state,
            project=project,
            item_type=item_type,
            state=state["name"],
            category=state.get("category"),
            state_number=number,
        )
        for number, state in enumerate(states)
    ]


def former_state_row(project: str, item_type: str, state: str, category: str | None) -> dict[str, Any]:
    """A state that no list has any more: it has no place in an order, and no list can take it away."""
    facts = {"project": project, "item_type": item_type, "state": state, "category": category, "state_number": None}
    return _row(f"{project}:{item_type}:{state}", facts, **facts)


def board_rows(team_id: str, board: Mapping[str, Any], columns: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        _row(
            f"{team_id}:{board['id']}:{column['id']}",
            {"board": board["name"], "number": number, **column},
            team_id=team_id,
            board_id=board["id"],
            board=board["name"],
            column_number=number,
            column_name=column["name"],
            column_type=column.get("columnType"),
            item_limit=column.get("itemLimit") or None,  # 0 says that there is none
            is_split=bool(column.get("isSplit")),
            state_mappings=[f"{kind}={state}" for kind, state in sorted((column.get("stateMappings") or {}).items())],
        )
        for number, column in enumerate(columns)
    ]


def capacity_rows(
    team_id: str, iteration_guid: str, members: Sequence[Mapping[str, Any]], people: People
) -> list[dict[str, Any]]:
    """One row per member and activity; activities of one name are added up."""
    rows = []
    for member in members:
        user_id = people.see(member.get("teamMember"), is_hint=True)
        hours: dict[str, float] = {}
        for activity in member.get("activities") or []:
            name = activity.get("name") or ""
            hours[name] = hours.get(name, 0.0) + float(activity.get("capacityPerDay") or 0)
        for name, per_day in sorted(hours.items()):
            facts = {"activity": name, "capacity_hours_per_day": per_day, "days_off": days_off(member)}
            rows.append(
                _row(
                    f"{team_id}:{iteration_guid}:{user_id}:{name}",
                    facts,
                    team_id=team_id,
                    iteration_guid=iteration_guid,
                    user_id=user_id,
                    **facts,
                )
            )
    return rows


def team_days_off_row(team_id: str, iteration_guid: str, record: Mapping[str, Any]) -> dict[str, Any]:
    days = days_off(record)
    return _row(
        f"{team_id}:{iteration_guid}",
        {"daysOff": record.get("daysOff") or []},
        team_id=team_id,
        iteration_guid=iteration_guid,
        days_off=days,
    )


def days_off(record: Mapping[str, Any]) -> list[str]:
    """Ranges of days -> every day of them, as ISO dates."""
    days: set[str] = set()
    for span in record.get("daysOff") or []:
        first, last = day_of(span.get("start")), day_of(span.get("end"))
        if first is None or last is None or (last - first).days > 366:
            continue
        days.update((first + timedelta(days=offset)).isoformat() for offset in range((last - first).days + 1))
    return sorted(days)


def day_of(text: str | None) -> date | None:
    """Iterations have days only; the tool writes them as midnight UTC."""
    moment = instant_of(text)
    return moment.date() if moment else None


def _walk(node: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield path, node
    for child in node.get("children") or []:
        yield from _walk(child, f"{path}\\{child.get('name')}")


def _bare(node: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in _without_links(node).items() if key != "children"}


def _without_links(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in {"_links", "url", "links"}}


def _row(record_id: str, payload: Any, **columns: Any) -> dict[str, Any]:
    return {"record_id": record_id, "payload": canonical_json(payload), **columns}
