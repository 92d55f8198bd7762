"""Boards of replayed records: those that the site's own lists tell, and those that sprints name."""

from __future__ import annotations

from typing import Any

from sandbox.store import BASE, Store

Resource = dict[str, Any]


class Boards:
    """`told`: boards, configurations and filters as the site answered them, by kind; of the rest little is known."""

    def __init__(self, told: dict[str, list[Resource]], sprints: list[Resource]) -> None:
        self._boards, self._configurations, self._filters = (
            {int(one["id"]): one for one in told[kind]} for kind in ("board", "configuration", "filter")
        )
        named = {int(sprint.get("originBoardId", 1)) for sprint in sprints}
        self._numbers = sorted(named | {*self._boards, *self._configurations})

    def put(self, store: Store, root: str, columns: list[Resource], jql: str) -> None:
        """`columns` and `jql`: of boards whose configuration or filter is not told."""
        configurations = [self._configuration(number, root, columns) for number in self._numbers]
        filters = [self._filter(str(one["filter"]["id"]), root, jql) for one in configurations]
        store.put_resources("board", [(str(number), "", self._board(number)) for number in self._numbers])
        store.put_resources("configuration", [(str(one["id"]), "", one) for one in configurations])
        store.put_resources("filter", [(one["id"], "", one) for one in {one["id"]: one for one in filters}.values()])

    def _board(self, number: int) -> Resource:
        configuration = self._configurations.get(number, {})
        known = {name: configuration[name] for name in ("name", "type") if name in configuration}
        address = f"{BASE}/rest/agile/1.0/board/{number}"
        board = {"self": address, "name": f"Board {number}", "type": "scrum"} | known | self._boards.get(number, {})
        return board | {"id": number}

    def _configuration(self, number: int, root: str, columns: list[Resource]) -> Resource:
        unknown = {
            "filter": {"id": str(number), "self": f"{root}/filter/{number}"},
            "columnConfig": {"columns": columns, "constraintType": "none"},
        }
        return self._board(number) | unknown | self._configurations.get(number, {}) | {"id": number}

    def _filter(self, number: str, root: str, jql: str) -> Resource:
        unknown = {"self": f"{root}/filter/{number}", "name": f"Filter {number}", "jql": jql}
        return unknown | self._filters.get(int(number), {}) | {"id": number}
