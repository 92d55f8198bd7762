"""Parents of Azure DevOps items as of the event: today's parent says nothing about yesterday."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.dbt.warehouse import Warehouse

REVERSE = "System.LinkTypes.Hierarchy-Reverse"
DAYS = {"created_at": "2024-03-01", "project": "Project", "item_type": "Task", "area_path": "Project"}


def revision(item_id: str, rev: int, day: str, **values: Any) -> dict[str, Any]:
    row = {"item_id": item_id, "rev": rev, "changed_at": f"2024-{day}", "state": "New", **DAYS, **values}
    return {"record_id": f"{item_id}:{rev}", **row}


def link(child: str, parent: str, day: str, *, is_active: bool = True, kind: str = REVERSE) -> dict[str, Any]:
    ends = {"source_id": child, "target_id": parent} if kind == REVERSE else {"source_id": parent, "target_id": child}
    return {
        "record_id": f"{child}:{parent}:{day}:{is_active}", "link_type": kind, "changed_at": f"2024-{day}",
        "is_active": is_active, **ends,
    }  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    folder: Path = tmp_path_factory.mktemp("parents")
    return (
        Warehouse(folder)
        .azure(
            revisions=[
                revision("1", 1, "03-01", remaining_hours=8.0),
                revision("1", 2, "03-05", remaining_hours=5.0),
                revision("1", 3, "03-05", remaining_hours=4.0),  # of the same instant
                revision("1", 4, "03-09", remaining_hours=4.0),
                revision("2", 1, "03-01"),
                revision("3", 1, "03-01"),
                *(revision(item, 1, "03-01", item_type="User Story") for item in ("10", "11", "12")),
            ],
            links=[
                link("1", "10", "03-01"),  # with its creation
                link("1", "10", "03-05", is_active=False),
                link("1", "11", "03-05", kind="System.LinkTypes.Hierarchy-Forward"),
                link("1", "11", "03-07", is_active=False),  # no revision of its own
                link("1", "12", "03-09"),
                link("1", "2", "03-03", kind="System.LinkTypes.Related"),
                link("2", "10", "03-02"),
                link("2", "11", "03-04"),  # the tool never said that 10 was left
                link("2", "10", "03-06", is_active=False),  # … or said it late
                link("3", "10", "03-02"),
                link("3", "11", "03-04"),
                link("3", "11", "03-06", is_active=False),  # 10 does not come back by itself
            ],
            projects=[{"record_id": "p", "project_id": "p", "name": "Project"}],
            states=[{"project": "Project", "item_type": "Task", "state": "New", "category": "Proposed"}],
        )
        .build(select="+int_item_state +dim_work_item")
    )


def states(built: duckdb.DuckDBPyConnection, item: str) -> list[tuple[str, str | None, float | None, str]]:
    rows = built.execute(
        "select strftime(valid_from, '%m-%d'), parent_item_key, remaining_hours, history_id "
        "from intermediate.int_item_state where item_key = ? order by state_number",
        [f"azure:{item}"],
    ).fetchall()
    return [tuple(row) for row in rows]  # type: ignore[misc]


def test_parents_hold_from_their_own_instant(built: duckdb.DuckDBPyConnection) -> None:
    assert states(built, "1") == [
        ("03-01", "azure:10", 8.0, "1"),
        ("03-05", "azure:11", 5.0, "2"),
        ("03-05", "azure:11", 4.0, "3"),
        ("03-07", None, 4.0, "3"),
        ("03-09", "azure:12", 4.0, "4"),
    ]


def test_a_new_parent_ends_the_one_before(built: duckdb.DuckDBPyConnection) -> None:
    assert states(built, "2") == [
        ("03-01", None, None, "1"),
        ("03-02", "azure:10", None, "1"),
        ("03-04", "azure:11", None, "1"),
    ]


def test_the_item_itself_has_the_parent_of_today(built: duckdb.DuckDBPyConnection) -> None:
    found = built.execute("select item_id, parent_item_key from core.dim_work_item where item_id in ('1', '2', '3')")
    assert dict(found.fetchall()) == {"1": "azure:12", "2": "azure:11", "3": None}
    assert [parent for _, parent, _, _ in states(built, "3")][-1] is None
