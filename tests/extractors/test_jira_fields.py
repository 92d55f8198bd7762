"""Sprint fields, field roles and JQL: the places where Jira's forms differ."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from extractors.jira.board_items import moves_by_itself
from extractors.jira.documents import HistoryItem
from extractors.jira.fields import AttributeNames, find_roles
from extractors.jira.jql import in_projects, lower_bound, quote
from extractors.jira.sprint_field import parse_sprint_string, sprint_values

HEAD = "com.atlassian.greenhopper.service.sprint.Sprint@4c2d1f["


def sprint_text(name: str, goal: str, order: list[str] | None = None, **changed: str) -> str:
    attributes = {
        "id": "12",
        "rapidViewId": "3",
        "state": "CLOSED",
        "name": name,
        "startDate": "2026-01-05T09:00:00.000+01:00",
        "endDate": "2026-01-19T09:00:00.000+01:00",
        "completeDate": "<null>",
        "activatedDate": "2026-01-05T09:12:00.000+01:00",
        "sequence": "12",
        "goal": goal,
        "autoStartStop": "false",
        "synced": "false",
        **changed,
    }
    return HEAD + ",".join(f"{key}={attributes[key]}" for key in order or attributes) + "]"


pieces = st.lists(
    st.one_of(
        st.sampled_from([",", "=", "[", "]", "\n", "|", "/", ", ", "goal", ",name", "id=3", "x=y", "<null", "@1f["]),
        st.text(max_size=5),
    ),
    max_size=8,
).map("".join)


@given(name=pieces.filter(bool), goal=pieces)
@example(name="x, y=[z]\n", goal="a, b=c]")
@example(name="Sprint 3 | Core / API", goal="")
def test_names_and_goals_may_hold_anything(name: str, goal: str) -> None:
    sprint = parse_sprint_string(sprint_text(name, goal))
    assert sprint is not None
    assert sprint["id"] == "12"
    assert sprint["state"] == "closed"
    assert sprint["boardId"] == "3"
    assert sprint["completeDate"] is None
    assert sprint["startDate"] == "2026-01-05T09:00:00.000+01:00"
    assert (sprint["name"], sprint["goal"]) == (None if name == "<null>" else name, None if goal == "<null>" else goal)


@given(
    goal=st.lists(st.sampled_from([",id=3", ",startDate=<null>", ",synced=true", ",name=b", "text"]), max_size=3).map(
        "".join
    )
)
def test_a_goal_that_looks_like_attributes_changes_no_attribute(goal: str) -> None:
    sprint = parse_sprint_string(sprint_text("A", goal))
    assert sprint is not None
    assert sprint["id"] == "12"
    assert sprint["name"] == "A"
    assert sprint["startDate"] == "2026-01-05T09:00:00.000+01:00"


@given(order=st.permutations(["id", "rapidViewId", "state", "name", "startDate", "endDate", "completeDate", "goal"]))
def test_attributes_come_in_any_order(order: list[str]) -> None:
    sprint = parse_sprint_string(sprint_text("One, two", "=[x]", order))
    assert sprint is not None
    assert (sprint["id"], sprint["name"], sprint["goal"]) == ("12", "One, two", "=[x]")


def test_both_forms_give_the_same_sprint() -> None:
    cloud = {
        "id": 12,
        "boardId": 3,
        "state": "closed",
        "name": "S",
        "goal": "g",
        "startDate": "2026-01-05T09:00:00.000+01:00",
    }
    old = sprint_text("S", "g")
    (from_cloud,), (from_old,) = sprint_values([cloud]) or [], sprint_values([old]) or []
    assert from_cloud["id"] == from_old["id"]
    assert {key: from_old[key] for key in ("state", "name", "goal", "startDate")} == {
        key: from_cloud[key] for key in ("state", "name", "goal", "startDate")
    }


@pytest.mark.parametrize(
    "value", ["Sprint 3", {"name": "no id"}, [None], [["x"]], HEAD + "name=x]", HEAD + "id=x]", 3.5]
)
def test_unknown_forms_are_not_guessed(value: object) -> None:
    assert sprint_values(value) is None


def test_no_sprint_is_no_sprint() -> None:
    assert sprint_values(None) == []
    assert sprint_values([]) == []


# -- JQL times -----------------------------------------------------------------------------------------

ZONES = ["America/Los_Angeles", "UTC", "Europe/Moscow", "Asia/Kolkata", "Pacific/Tongatapu", "Europe/Berlin",
         "Pacific/Auckland", "Australia/Lord_Howe"]  # fmt: skip
CHANGES = [  # of daylight saving in those zones, about
    datetime(2026, month, day, hour, tzinfo=UTC)
    for month, day, hour in [(3, 8, 10), (3, 29, 1), (4, 4, 14), (9, 26, 14), (10, 25, 1), (11, 1, 9)]
]
near_changes = st.builds(
    lambda base, seconds: base + timedelta(seconds=seconds), st.sampled_from(CHANGES), st.integers(-90_000, 90_000)
)


@given(instant=near_changes, zone=st.sampled_from(ZONES), fold=st.sampled_from([0, 1]))
def test_the_server_never_reads_the_bound_as_later(instant: datetime, zone: str, fold: int) -> None:
    """Whichever pass of a doubled hour the server takes: nothing changed since `instant` is left out."""
    text = lower_bound(instant, ZoneInfo(zone))
    read = datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=ZoneInfo(zone), fold=fold)
    assert read.astimezone(UTC) <= instant
    assert instant - read.astimezone(UTC) <= timedelta(hours=2, minutes=1)


@given(st.text())
def test_every_value_is_one_literal(value: str) -> None:
    from sandbox.servers.jql import Clause, parse

    where = parse(f"project = {quote(value)} ORDER BY id").where
    assert where == Clause("project", "=", (value,))


@pytest.mark.parametrize("name", ["IN", "AND", 'A" OR project = B', "';drop", "a\\", "x\ny", ""])
def test_reserved_words_and_quotes_are_one_literal(name: str) -> None:
    from sandbox.servers.jql import Clause, parse

    assert parse(f"key > {quote(name)}").where == Clause("key", ">", (name,))


def test_project_ids_are_numbers_only() -> None:
    assert in_projects(["10", "9"]) == "project in (9, 10)"
    with pytest.raises(ValueError, match="not a project id"):
        in_projects(["9) OR project in (10"])


# -- field roles ---------------------------------------------------------------------------------------

SOFTWARE, TYPES = "com.pyxis.greenhopper.jira:", "com.atlassian.jira.plugin.system.customfieldtypes:"
FIELDS = [
    {"id": "summary", "name": "Summary", "schema": {"type": "string", "system": "summary"}},
    *(
        {"id": f"customfield_{number}", "name": name, "schema": {"custom": custom}}
        for number, name, custom in [
            (1, "Iteration", f"{SOFTWARE}gh-sprint"),
            (2, "Epic Link", f"{SOFTWARE}gh-epic-link"),
            (3, "Story point estimate", f"{SOFTWARE}jsw-story-points"),
            (4, "Size", f"{TYPES}float"),
            (5, "Flagged", f"{TYPES}multicheckboxes"),
            (6, "Story Points", f"{TYPES}float"),
            (7, "Sprint", f"{TYPES}textfield"),
        ]
    ),
]


def test_roles_are_found_by_schema_and_by_the_boards() -> None:
    roles = find_roles(FIELDS, ["customfield_4"], {})
    assert roles.ids("sprint") == ("customfield_1",)
    assert roles.ids("epic") == ("customfield_2",)
    assert roles.ids("points") == ("customfield_4", "customfield_3")
    assert roles.ids("flagged") == ("customfield_5",)


def test_without_boards_the_usual_name_is_taken() -> None:
    assert find_roles(FIELDS, [], {}).ids("points") == ("customfield_3", "customfield_6")


def test_configured_fields_win() -> None:
    roles = find_roles(FIELDS, ["customfield_4"], {"points": "customfield_6"})
    assert roles.ids("points") == ("customfield_6",)
    assert roles.fingerprint != find_roles(FIELDS, ["customfield_4"], {}).fingerprint


@pytest.mark.parametrize(
    ("item", "attribute"),
    [
        (HistoryItem("status", "jira", "status"), "status"),
        (HistoryItem("status"), "status"),
        (HistoryItem("Iteration", "custom", "customfield_1"), "sprint"),
        (HistoryItem("Iteration", "custom"), "sprint"),
        (HistoryItem("Sprint", "custom", "customfield_7"), None),
        (HistoryItem("status", "custom"), None),
        (HistoryItem("Key", "jira"), "key"),
        (HistoryItem("IssueParentAssociation", "jira"), "parent"),
        (HistoryItem("Fix Version", "jira", "fixVersions"), "fix_version"),
        (HistoryItem("description", "jira", "description"), None),
    ],
)
def test_change_items_get_their_attribute(item: HistoryItem, attribute: str | None) -> None:
    assert AttributeNames(find_roles(FIELDS, [], {})).of(item) == attribute


@pytest.mark.parametrize(
    ("jql", "moves"),
    [
        ("project = ABC ORDER BY Rank ASC", False),
        ("project in (ABC, DEF) AND (status = Done OR labels not in (x)) ORDER BY Rank", False),
        ('labels = "now()" AND summary ~ "5d (old)" AND text ~ \'-7d\\\'\'', False),
        ('fixVersion = "2w 3d" AND created > 2026-01-01', False),
        ("project = ABC AND updated >= -7d", True),
        ('project = ABC AND (resolution = EMPTY OR resolved >= "-2w")', True),
        ("sprint in openSprints()", True),
        ("created > startOfMonth( -1 )", True),
        ("filter = 10001 AND type = Bug", True),
        ("assignee = currentUser()", True),
    ],
)
def test_filters_that_change_without_their_issues_are_known(jql: str, *, moves: bool) -> None:
    assert moves_by_itself(jql) is moves
