"""The conformed history, case by case: what the tools' records say of an item at each instant.

All cases lie in one build; each has its own items.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import duckdb
import pytest

from tests.dbt.stories import at, records
from tests.dbt.warehouse import Warehouse

Row = dict[str, Any]
NOW = datetime(2024, 4, 1, tzinfo=UTC)
STATUSES = {
    "1": ("To Do", "new"),
    "2": ("Doing", "indeterminate"),
    "3": ("Done", "done"),
    "4": ("Gone", "indeterminate"),
}


def issue(issue_id: str, **values: Any) -> Row:
    return {
        "issue_id": issue_id,
        "issue_key": f"PROJ-{issue_id}",
        "project_id": "100",
        "project_key": "PROJ",
        "issue_type_id": "1",
        "issue_type": "Story",
        "is_subtask": False,
        "status_id": "1",
        "status": "To Do",
        "status_category": "new",
        "created_at": "2024-03-01",
        **values,
    }


def change(issue_id: str, history_id: int, day: str, attribute: str, old: Any, new: Any, **values: Any) -> Row:
    texts = {"from_text": values.pop("from_text", None), "to_text": values.pop("to_text", None)}
    return {
        "issue_id": issue_id,
        "history_id": history_id,
        "changed_at": f"2024-{day}",
        "attribute": attribute,
        "author_id": "ann",
        "from_id": old,
        "to_id": new,
        **texts,
        **values,
    }


ISSUES = [
    # 1: changes of one millisecond, in the order of their number; an import older than the item
    issue("1", status_id="3"),
    # 2: done first, resolution Won't Do two days later; the status had another name then
    issue("2", status_id="3", resolution_id="7", resolution="Won't Do"),
    # 3: in a status that the tool no longer has; 4: in one that it never told us
    issue("3"),
    issue("4", status_id="2"),
    # 5: a story in sprints, with the sub-tasks 6 (from the start) and 7 (moved here from 8)
    issue("5", sprint_ids=["10", "11"]),
    issue("6", issue_type_id="5", issue_type="Sub-task", is_subtask=True, parent_id="5", created_at="2024-03-02"),
    issue("7", issue_type_id="5", issue_type="Sub-task", is_subtask=True, parent_id="5"),
    issue("8", sprint_ids=["20"]),
    # 9: in no sprint, held by the filters of boards 9 and 30; 10: by none
    issue("9"),
    issue("10"),
    # 11: moved to a project that the seed gives to a team; it was created with another type
    issue("11", project_id="200", project_key="OTHER", issue_type_id="2", issue_type="Bug", created_at="2024-03-01"),
    # 12: was of a type that the tool has dropped since
    issue("12"),
]
CHANGES = [
    change("1", 10, "03-05 10:00", "status", "2", "3"),
    change("1", 9, "03-05 10:00", "status", "1", "2"),
    change("1", 8, "02-01 10:00", "points", None, None, from_text="", to_text="5"),
    change("2", 20, "03-04", "status", "1", "3", from_text="Open once", to_text="Finished"),
    change("2", 21, "03-06", "resolution", None, "7", to_text="Won't Do"),
    change("3", 30, "03-03", "status", "1", "4", to_text="Gone"),
    change("3", 31, "03-09", "status", "4", "1", to_text="To Do"),
    change("4", 40, "03-03", "status", "1", "99", from_text="To Do", to_text="Mystery"),
    change("4", 41, "03-04", "status", "99", "2", from_text="Mystery", to_text="Doing"),
    change("5", 50, "03-04", "sprint", "", "10"),
    change("5", 51, "03-11", "sprint", "10", "10, 11"),
    change("5", 52, "03-18", "sprint", "10, 11", "10"),
    change("5", 53, "03-20", "sprint", "10", "10, 11"),
    change("6", 60, "03-05", "status", "1", "2"),
    change("6", 61, "03-12", "status", "2", "1"),
    change("7", 70, "03-10", "parent", "8", "5"),
    change("11", 110, "03-08", "project", "100", "200"),
    change("11", 110, "03-08", "item_type", "1", "2", item_number=1),
    change("12", 120, "03-08", "item_type", "14", "1", from_text="Umbrella", to_text="Story"),
]
BOARDS = [{"board_id": i, "name": f"Board {i}", "board_type": "scrum", "project_id": "100"} for i in ("9", "30", "31")]
SPRINTS = [
    {"sprint_id": "10", "board_id": "9", "name": "Ten", "state": "closed"},
    {"sprint_id": "11", "board_id": "30", "name": "Eleven", "state": "active"},
    {"sprint_id": "20", "board_id": "31", "name": "Twenty", "state": "active"},
]


def revision(item_id: str, rev: int, day: str, **values: Any) -> Row:
    return {
        "item_id": item_id,
        "rev": rev,
        "changed_at": f"2024-{day}",
        "changed_by_id": "bob",
        "created_at": "2024-03-01",
        "project": "Project",
        "item_type": "User Story",
        "state": "New",
        "reason": "New",
        "area_path": "Project\\Red",
        "iteration_path": "Project\\One",
        **values,
    }


REVISIONS = [
    # 1: area and iteration as of each instant; Below belongs to Blue, the rest of Red to Red
    revision("1", 1, "03-01"),
    revision("1", 2, "03-03", area_path="Project\\Red\\Below"),
    revision("1", 3, "03-04", area_path="Project\\Red\\Below", title="a change that means nothing to us"),
    revision("1", 4, "03-05", area_path="Project\\Reddish"),
    revision("1", 5, "03-06", iteration_path="Project\\One\\Child"),
    # 2: closed as a duplicate, its own reason; 3: deleted, 4: deleted and restored
    revision("2", 1, "03-01"),
    revision("2", 2, "03-05", state="Closed", reason="Duplicate"),
    revision("3", 1, "03-01"),
    revision("3", 2, "03-08 12:00", is_item_deleted=True),
    revision("4", 1, "03-01"),
    revision("4", 2, "03-09", state="Closed", reason="Finished"),
]
TEAM_MAPPING = """
connection_id,board_id,project,area_path,team,calendar_id,time_zone
,,OTHER,,Platform,,Asia/Tokyo
azure,,,Project\\Green,Forest,,
"""


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    built = Warehouse(tmp_path_factory.mktemp("history"), now=NOW, seeds={"team_mapping": TEAM_MAPPING})
    built.jira(
        issues=ISSUES,
        issue_changes=CHANGES,
        boards=BOARDS,
        sprints=SPRINTS,
        board_items=[{"board_id": board, "issue_id": "9"} for board in ("30", "9")],
        projects=[
            {"project_id": "100", "project_key": "PROJ", "name": "Project"},
            {"project_id": "200", "project_key": "OTHER", "name": "Other"},
        ],
        statuses=[{"status_id": i, "name": name, "category": category} for i, (name, category) in STATUSES.items()],
    )
    built.land("jira/statuses", [{"record_id": "4", "is_deleted": True, "extracted_at": "2024-04-02"}], "jira")
    later = issue("10", summary="the later version", extracted_at="2024-04-02")
    built.land("jira/issues", [{"record_id": "10", **later}], "jira")
    unseen = issue("99", summary="in a batch that was never accepted")
    built.land("jira/issues", [{"record_id": "99", **unseen}], "jira", batch="jira:held")
    built.azure(
        revisions=REVISIONS,
        projects=[{"record_id": "p", "project_id": "p", "name": "Project"}],
        teams=[
            {"record_id": team, "team_id": team, "name": name, "project": "Project"}
            for team, name in {"red": "Red", "blue": "Zeal"}.items()
        ],
        team_areas=[
            {"team_id": "red", "area_path": "Project\\Red", "includes_children": True, "is_default": True},
            {"team_id": "blue", "area_path": "Project\\Red\\Below", "includes_children": True, "is_default": True},
        ],
        team_iterations=[
            {"team_id": team, "iteration_guid": "one", "iteration_path": "Project\\One", "name": "One"}
            for team in ("red", "blue")
        ],
        states=[
            {"project": "Project", "item_type": "User Story", "state": state, "category": category}
            for state, category in {"New": "Proposed", "Closed": "Completed"}.items()
        ],
        deleted_items=[
            {"item_id": "3", "deleted_at": "2024-03-08 12:00"},
            {"item_id": "4", "deleted_at": "2024-03-05"},
        ],
    )
    built.land(
        "azure_devops/deleted_items", [{"record_id": "4", "is_deleted": True, "extracted_at": "2024-04-02"}], "azure"
    )
    return built.build(select="+bridge_item_team +dim_work_item +fct_state_interval")


def states(warehouse: duckdb.DuckDBPyConnection, item_key: str, *columns: str) -> list[tuple[Any, ...]]:
    """(day, columns…) of each state of an item."""
    rows = records(
        warehouse, "select * from intermediate.int_item_state where item_key = ? order by state_number", item_key
    )
    return [(f"{row['valid_from']:%m-%d}", *(row[column] for column in columns)) for row in rows]


def test_histories_of_one_millisecond_go_by_number(warehouse: duckdb.DuckDBPyConnection) -> None:
    assert states(warehouse, "jira:1", "status", "points", "history_id") == [
        ("03-01", "To Do", None, None),
        ("03-01", "To Do", 5, "8"),  # an import that is older than the item counts as of its creation
        ("03-05", "Doing", 5, "9"),
        ("03-05", "Done", 5, "10"),
    ]
    intervals = records(
        warehouse, "select stage, hours from core.fct_state_interval where item_key = 'jira:1' order by sequence"
    )
    assert [(row["stage"], row["hours"]) for row in intervals] == [
        ("todo", 4 * 24 + 10), ("in_progress", 0), ("done", 26 * 24 + 14)
    ]  # fmt: skip


def test_a_resolution_set_later_splits_the_interval(warehouse: duckdb.DuckDBPyConnection) -> None:
    assert states(warehouse, "jira:2", "status", "resolution", "stage") == [
        ("03-01", "To Do", None, "todo"),  # today's name, whatever it was called then
        ("03-04", "Done", None, "done"),
        ("03-06", "Done", "Won't Do", "cancelled"),
    ]


def test_deleted_and_unknown_statuses(warehouse: duckdb.DuckDBPyConnection) -> None:
    assert states(warehouse, "jira:3", "status", "stage")[1] == ("03-03", "Gone", "in_progress")
    assert states(warehouse, "jira:4", "status", "stage")[1] == ("03-03", "Mystery", "todo")
    (unmapped,) = records(warehouse, "select * from intermediate.int_status_stage where not is_mapped")
    assert (unmapped["status_id"], unmapped["status"]) == ("99", "Mystery")


def test_sub_tasks_follow_their_parent(warehouse: duckdb.DuckDBPyConnection) -> None:
    ten, eleven, twenty = ["jira:10"], ["jira:10", "jira:11"], ["jira:20"]
    assert states(warehouse, "jira:6", "status", "sprint_keys", "raw_record_key") == [
        ("03-02", "To Do", [], "jira/issues|6"),
        ("03-04", "To Do", ten, "jira/issue_changes|5:50:0"),
        ("03-05", "Doing", ten, "jira/issue_changes|6:60:0"),
        ("03-11", "Doing", eleven, "jira/issue_changes|5:51:0"),
        ("03-12", "To Do", eleven, "jira/issue_changes|6:61:0"),
        ("03-18", "To Do", ten, "jira/issue_changes|5:52:0"),
        ("03-20", "To Do", eleven, "jira/issue_changes|5:53:0"),
    ]
    moved = states(warehouse, "jira:7", "sprint_keys", "own_sprint_keys", "parent_item_key")
    assert moved == [
        ("03-01", twenty, [], "jira:8"),
        ("03-10", ten, [], "jira:5"),
        ("03-11", eleven, [], "jira:5"),
        ("03-18", ten, [], "jira:5"),
        ("03-20", eleven, [], "jira:5"),
    ]


def test_team_is_the_board_of_the_last_sprint(warehouse: duckdb.DuckDBPyConnection) -> None:
    def teams(item_key: str) -> list[tuple[str, str]]:
        rows = records(
            warehouse, "select * from core.bridge_item_team where item_key = ? order by valid_from", item_key
        )
        return [(f"{row['valid_from']:%m-%d}", row["team_key"]) for row in rows]

    nine, thirty, others = "jira:board:9", "jira:board:30", "jira:project:100"
    # Out of 11 it is in 10 again; put back into 11 that is the last one.
    assert teams("jira:5") == [
        ("03-01", others),
        ("03-04", nine),
        ("03-11", thirty),
        ("03-18", nine),
        ("03-20", thirty),
    ]
    assert teams("jira:6")[:2] == [("03-02", others), ("03-04", nine)]
    assert teams("jira:9") == [("03-01", nine)]  # the lowest-numbered of the boards that hold it
    assert teams("jira:10") == [("03-01", others)]
    assert teams("jira:11") == [("03-01", others), ("03-08", "jira:seed:Platform")]
    (platform,) = records(warehouse, "select * from core.dim_team where team_key = 'jira:seed:Platform'")
    assert (platform["name"], platform["time_zone"], platform["calendar_id"]) == ("Platform", "Asia/Tokyo", "default")


def test_type_and_project_of_the_instant(warehouse: duckdb.DuckDBPyConnection) -> None:
    assert states(warehouse, "jira:11", "project_key", "item_type", "type_group") == [
        ("03-01", "jira:100", "Story", "story"), ("03-08", "jira:200", "Bug", "bug")
    ]  # fmt: skip


def test_a_type_that_the_tool_has_dropped(warehouse: duckdb.DuckDBPyConnection) -> None:
    assert states(warehouse, "jira:12", "item_type", "type_group") == [
        ("03-01", "Umbrella", "task"), ("03-08", "Story", "story")
    ]  # fmt: skip


def test_only_the_latest_accepted_version_counts(warehouse: duckdb.DuckDBPyConnection) -> None:
    titles = records(
        warehouse, "select item_id, title from core.dim_work_item where item_key in ('jira:10', 'jira:99')"
    )
    assert titles == [{"item_id": "10", "title": "the later version"}]


def test_area_and_iteration_of_the_instant(warehouse: duckdb.DuckDBPyConnection) -> None:
    assert states(warehouse, "azure:1", "team_key", "sprint_keys", "history_id") == [
        ("03-01", "azure:team:red", ["azure:red:one"], "1"),
        ("03-03", "azure:team:blue", ["azure:blue:one"], "2"),
        ("03-05", "azure:project:p", [], "4"),  # Reddish lies beside Red, not below it
        ("03-06", "azure:team:red", [], "5"),  # a child iteration is not part of its parent
    ]


def test_reason_is_the_resolution(warehouse: duckdb.DuckDBPyConnection) -> None:
    assert states(warehouse, "azure:2", "resolution", "stage") == [
        ("03-01", "New", "todo"), ("03-05", "Duplicate", "cancelled")
    ]  # fmt: skip


def test_deleted_and_restored(warehouse: duckdb.DuckDBPyConnection) -> None:
    rows = records(
        warehouse,
        "select item_key, is_deleted, deleted_at from core.dim_work_item where item_key in ('azure:3', 'azure:4')",
    )
    assert sorted(rows, key=lambda row: row["item_key"]) == [
        {"item_key": "azure:3", "is_deleted": True, "deleted_at": at("03-08 12:00")},
        {"item_key": "azure:4", "is_deleted": False, "deleted_at": None},
    ]
    (last,) = records(warehouse, "select * from core.fct_state_interval where item_key = 'azure:3'")
    assert (last["left_at"], last["is_current"], last["hours"]) == (at("03-08 12:00"), False, 7.5 * 24)
    assert [day for day, _ in states(warehouse, "azure:4", "stage")] == ["03-01", "03-09"]


def test_teams_have_their_own_names(warehouse: duckdb.DuckDBPyConnection) -> None:
    teams = records(warehouse, "select team_key, name, kind from core.dim_team order by team_key")
    assert [tuple(team.values()) for team in teams] == [
        ("azure:project:p", "Project", "kanban"),
        ("azure:team:blue", "Zeal", "scrum"),  # not that of its project, which comes before in the alphabet
        ("azure:team:red", "Red", "scrum"),
        ("jira:board:30", "Board 30", "scrum"),
        ("jira:board:31", "Board 31", "scrum"),
        ("jira:board:9", "Board 9", "scrum"),
        ("jira:project:100", "Project", "kanban"),
        ("jira:seed:Platform", "Platform", "kanban"),
    ]
