"""Recorded answers of the vendor's published description become rows; odd values do no harm."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from extractors.azure_devops import metadata_records as rows_of
from extractors.azure_devops.client import Collection, FeedPage
from extractors.azure_devops.links import link_row
from extractors.azure_devops.people import People
from extractors.azure_devops.records import (
    FIELDS,
    RevisionReader,
    field_names,
    flag_of,
    instant_of,
    instants,
    number_of,
)
from extractors.errors import ConfigError

SPECS = Path(__file__).parents[2].parent / "shared" / "specs" / "ado"
SENT = datetime(2026, 1, 1, tzinfo=UTC)
USUAL = {
    "System.ChangedDate": "2026-01-02T00:00:00Z", "System.CreatedDate": "2026-01-01T00:00:00Z",
    "System.TeamProject": "Shop", "System.WorkItemType": "Bug", "System.State": "New",
}  # fmt: skip
recorded = pytest.mark.skipif(not SPECS.is_dir(), reason="the vendor's descriptions are not here")


def example(path: str) -> Any:
    """The body of a recorded answer."""
    text = next(SPECS.glob(f"*/7.1/httpExamples/{path}")).read_text(encoding="utf-8-sig")
    return json.loads(text)["responses"]["200"]["body"]


def feed(path: str) -> FeedPage:
    return msgspec.json.decode(json.dumps(example(path)).encode(), type=FeedPage)


def revision(**fields: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode({"id": 7, "rev": 2, "fields": {**USUAL, **fields}}))


def read(**fields: Any) -> dict[str, Any]:
    (row,) = RevisionReader(dict(FIELDS), People()).table([revision(**fields)], SENT).to_pylist()
    return dict(row)


@recorded
def test_the_recorded_revisions_feed() -> None:
    page = feed("workItemRevisions/GET__wit_reporting_workItemRevisions_includeIdentityRef-true_watermark-794.json")
    assert (page.token, page.is_last_batch) == ("813;350;1", True)
    people = People()
    first, second, *_ = RevisionReader(dict(FIELDS), people).table(page.values, SENT).to_pylist()
    assert (first["record_id"], first["state"], first["priority"]) == ("3:8", "Done", "3")
    assert first["iteration_path"] == "Fabrikam-Fiber-Git\\Release 1\\Sprint 1"
    assert first["changed_at"] == datetime(2015, 6, 23, 18, 25, 16, 137000, UTC)
    assert first["board_column"] == "Done"
    assert second["item_type"] == "Epic"
    users = {row["record_id"]: (row["display_name"], row["email"]) for row in people.rows()}
    assert users["d6245f20-2af8-44f4-9451-8107cb2767db"] == ("Normal Paulk", "fabrikamfiber16@hotmail.com")


@recorded
def test_a_page_without_token_gives_it_in_its_link() -> None:
    assert feed("workItemRevisions/POST__wit_reporting_workItemRevisions_watermark-794.json").token == "842;5;3"


@recorded
def test_the_recorded_links_feed() -> None:
    page = feed("workItemLinks/GET__wit_reporting_workItemLinks_50.json")
    row = link_row(page.values[0], SENT, {}, People())
    assert (row["source_id"], row["target_id"], row["link_type"]) == ("8", "7", "System.LinkTypes.Hierarchy-Reverse")
    assert (row["is_active"], page.token) == (True, "6281123")


@recorded
def test_recorded_metadata() -> None:
    (capacity, *_) = example("capacities/GET__work_teamsettings_iterations__iterationId__capacities.json")["value"]
    rows = rows_of.capacity_rows("team", "sprint", [capacity], People())
    assert [(row["activity"], row["capacity_hours_per_day"]) for row in rows] == [("Design", 4.0), ("Development", 4.0)]
    columns = example("columns/GET__work_boards__boardId__columns.json")["value"]
    board = rows_of.board_rows("team", {"id": "b", "name": "Stories"}, columns)
    assert [row["column_type"] for row in board] == ["incoming", "inProgress", "inProgress", "outgoing"]
    assert board[1]["state_mappings"] == ["Bug=Approved", "Product Backlog Item=Approved"]
    areas = example("teamFieldValues/GET__work_teamsettings_teamfieldvalues.json")
    assert sum(row["is_default"] for row in rows_of.team_area_rows("team", areas)) == 1
    settings = example("teamsettings/GET__work_teamsettings.json")
    team = rows_of.team_row({"id": "p", "name": "Fabrikam"}, {"id": "t", "name": "T"}, settings)
    assert (team["backlog_iteration_path"], len(team["working_days"])) == ("Fabrikam", 5)
    states = example("workItemTypeStates/GET__workitem_type_states.json")["value"]
    assert rows_of.state_rows("P", "Bug", states)[2]["record_id"] == "P:Bug:CustomState"
    root = example("classificationNodes/GET__wit_classificationNodes_iterations__depth-2.json")
    nodes = list(rows_of.nodes_of([root]))
    assert not any(is_area for is_area, _, _ in nodes)
    iterations = [rows_of.iteration_row("Fabrikam-Fiber-Git", path, node) for _, path, node in nodes]
    assert "Fabrikam-Fiber-Git\\Release 1\\Sprint 4" in {row["iteration_path"] for row in iterations}
    listing = example("iterations/GET__work_teamsettings_iterations__timeframe-_timeframe_.json")
    items = msgspec.json.decode(json.dumps(listing).encode(), type=Collection).items
    row = rows_of.team_iteration_row("team", msgspec.json.decode(items[0]))
    assert (row["name"], row["start_date"]) == ("Sprint 2", None)
    deleted = example("recycleBin/GET__wit_recyclebin__ids_.json")[0]
    assert instant_of(deleted["deletedDate"]) == datetime(2017, 1, 31, 21, 21, 14, tzinfo=UTC)


def test_fields_of_changed_types_are_kept_and_never_stop_a_page() -> None:
    row = read(**{
        "System.Reason": "", "System.Title": 12, "System.Tags": None, "System.AssignedTo": "Ann <ann@x.org>",
        "Microsoft.VSTS.Scheduling.StoryPoints": "many", "Microsoft.VSTS.Scheduling.Effort": "3.5",
        "Microsoft.VSTS.Common.Priority": {"odd": True}, "System.ChangedBy": {"name": "nobody"},
    })  # fmt: skip
    assert (row["title"], row["points"], row["tags"]) == ("12", 3.5, [])
    assert (row["priority"], row["assigned_to_id"], row["changed_by_id"]) == ('{"odd":true}', "ann@x.org", None)
    assert row["reason"] is None
    assert (row["is_blocked"], row["is_item_deleted"]) == (False, False)


@pytest.mark.parametrize(
    ("odd", "known_as", "problem"),
    [
        ({"id": 7, "rev": "two", "fields": {}}, (7, None), "Expected `int`"),
        ({"rev": 2, "fields": {}}, (None, 2), "missing required field `id`"),
        ({"id": 7, "rev": 2, "fields": None}, (7, 2), "Expected `object`"),
        ([], (None, None), "Expected `object`"),
        ({"System.ChangedDate": "soon"}, (7, 2), "System.ChangedDate is missing"),
        ({"System.State": ""}, (7, 2), "System.State is missing"),
    ],
)
def test_a_broken_revision_leaves_the_others(odd: Any, known_as: tuple[Any, Any], problem: str) -> None:
    broken = revision(**odd) if "System" in str(odd) else msgspec.Raw(msgspec.json.encode(odd))
    good = msgspec.Raw(bytes(revision()).replace(b'"id":7', b'"id":8'))
    reader = RevisionReader(dict(FIELDS), People())
    assert reader.table([broken, good], SENT)["record_id"].to_pylist() == ["8:2"]
    (one,) = reader.broken
    assert (one.item_id, one.rev) == known_as
    assert problem in one.problem


def test_numbers_of_any_size_and_kind() -> None:
    """What no column can hold is NULL, or a text; it never stops a page."""
    huge = 2**70
    row = read(**{"System.AreaId": huge, "Microsoft.VSTS.Scheduling.Effort": huge, "System.CommentCount": 2.7})
    assert (row["area_id"], row["points"], row["comment_count"]) == (str(huge), float(huge), 2)
    odd = read(**{"Microsoft.VSTS.Scheduling.Effort": True, "System.CommentCount": True, "System.AreaId": 0})
    assert (odd["points"], odd["comment_count"], odd["area_id"]) == (None, None, "0")


def test_blocked_is_a_field_or_a_tag() -> None:
    assert read(**{"Microsoft.VSTS.CMMI.Blocked": "Yes"})["is_blocked"]
    assert read(**{"System.Tags": "ui; BLOCKED"})["is_blocked"]
    assert not read(**{"System.Tags": "unblocked", "Microsoft.VSTS.CMMI.Blocked": "No"})["is_blocked"]


def test_instants_in_all_the_forms_that_servers_write() -> None:
    texts = [
        "2026-01-09T10:11:12.1234567Z",
        "2026-01-09T10:11:12Z",
        "2026-01-09T12:11:12+02:00",
        "9999-01-01T00:00:00Z",
    ]
    second = datetime(2026, 1, 9, 10, 11, 12, tzinfo=UTC)
    expected = [second.replace(microsecond=123456), second, second, datetime(9999, 1, 1, tzinfo=UTC)]
    assert instants([*texts, None]).to_pylist() == [*expected, None]
    assert instants(texts[1:]).to_pylist() == expected[1:]
    assert [instant_of(text) for text in ("", "soon", None, 5)] == [None] * 4
    beyond = "0001-01-01T00:00:00+01:00"  # a clock that was never set: no calendar has it in UTC
    assert instant_of(beyond) is None
    assert instants([beyond, "soon"]).to_pylist() == [None, None]


def test_numbers_and_flags() -> None:
    assert [number_of(*values) for values in ((None, "", 0), ("x", "2"), (True,), ())] == [0.0, 2.0, None, None]
    assert [flag_of(value) for value in (True, "Yes", "False", 1, None, "?")] == [True, True, False, True, None, None]


def test_configured_fields_replace_ours_and_unknown_ones_are_named() -> None:
    known = [*FIELDS.values(), "Custom.Size"]
    names, lacking = field_names("ado", {"points": "custom.size"}, known)
    assert (names["points"], lacking) == ("Custom.Size", [])
    (row,) = RevisionReader(names, People()).table([revision(**{"Custom.Size": 8})], SENT).to_pylist()
    assert row["points"] == 8.0
    with pytest.raises(ConfigError, match=r"System\.State"):
        field_names("ado", {}, [name for name in known if name != "System.State"])
    assert field_names("ado", {}, [name for name in known if "Size" not in name])[1] == []


def test_days_off_are_days_and_impossible_ranges_are_left_out() -> None:
    spans = [{"start": "2026-03-30T00:00:00Z", "end": "2026-04-01T00:00:00Z"}, {"start": None, "end": None}]
    spans.append({"start": "2026-01-01T00:00:00Z", "end": "9999-01-01T00:00:00Z"})
    assert rows_of.days_off({"daysOff": spans}) == ["2026-03-30", "2026-03-31", "2026-04-01"]
    assert rows_of.day_of("2026-03-30T00:00:00Z") == date(2026, 3, 30)


def test_paths_of_team_settings() -> None:
    paths = ["", "\\Release 1", "Shop\\Release 1", None]
    assert [rows_of.node_path("Shop", path) for path in paths] == ["Shop", "Shop\\Release 1", "Shop\\Release 1", None]
