"""Azure DevOps over real HTTP: every revision and link once, loads that resume, feeds that misbehave."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from extractors.azure_devops import feeds as feeds_module
from extractors.errors import ExtractError, RepeatedPage
from extractors.landing import Run
from tests.extractors.azure_devops_server import ANN, BOB, Fault, Organisation
from tests.extractors.azure_devops_site import NOW, Site, coverage


def test_every_revision_once_and_then_only_what_is_new(site: Site, organisation: Organisation) -> None:
    organisation.page_size = 7
    organisation.link(1, 3)
    first = site.run()
    assert set(site.rows("revisions")) == site.expected_revisions()
    assert coverage(first) == {"Shop": (10, 10, 0), "Bank": (10, 10, 0)}
    assert first.is_complete
    before = len(organisation.requests)

    second = site.run()
    assert second.count("azure_devops/revisions").seen == 0
    assert {name: count.landed for name, count in second.streams.items() if count.landed} == {}
    assert site.asked("continuationToken=40") == 1  # the token of the first run, alone
    assert len(organisation.requests) - before < 60

    organisation.change(5, **{"System.State": "Closed"})
    organisation.create(21, "Shop")
    third = site.run()
    assert third.count("azure_devops/revisions").landed == 2
    assert set(site.rows("revisions")) == site.expected_revisions()
    assert site.written() == len(organisation.feed)
    assert not any("startDateTime" in request for request in organisation.requests)


def test_a_revision_in_columns(site: Site, organisation: Organisation) -> None:
    organisation.create(
        30, "Shop",
        **{
            "System.AreaId": 11, "System.AreaPath": "Shop\\Falcon", "System.IterationId": 21,
            "System.IterationPath": "Shop\\Sprint 1", "Microsoft.VSTS.Scheduling.Effort": 5,
            "Microsoft.VSTS.Scheduling.RemainingWork": 2.5, "System.Tags": "ux; Blocked", "System.AssignedTo": BOB,
            "Microsoft.VSTS.Common.Priority": 2, "Microsoft.VSTS.Common.ResolvedReason": "Duplicate",
            "System.Title": "a\u0000b", "System.ChangedDate": "2026-01-09T10:11:12.1234567Z",
        },
    )  # fmt: skip
    site.run()
    row = site.rows("revisions")["30:1"]
    wanted = {
        "item_id": "30", "rev": 1, "project": "Shop", "state": "New", "item_type": "User Story", "area_id": "11",
        "area_path": "Shop\\Falcon", "iteration_id": "21", "iteration_path": "Shop\\Sprint 1", "points": 5.0,
        "remaining_hours": 2.5, "completed_hours": None, "tags": ["ux", "Blocked"], "is_blocked": True,
        "assigned_to_id": BOB["id"], "changed_by_id": ANN["id"], "priority": "2", "resolved_reason": "Duplicate",
        "title": "ab", "is_item_deleted": False, "changed_at": datetime(2026, 1, 9, 10, 11, 12, 123456, UTC),
        "updated_at": datetime(2026, 1, 9, 10, 11, 12, 123456, UTC),
    }  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted
    assert "no business of ours" not in row["payload"]
    users = site.rows("users")
    assert (users[ANN["id"]]["display_name"], users[BOB["id"]]["email"]) == ("Ann Lee", "bob@example.org")


def test_links_are_seen_from_the_child(site: Site, organisation: Organisation) -> None:
    organisation.link(1, 3)
    organisation.link(5, 1, "System.LinkTypes.Hierarchy-Reverse")
    organisation.link(7, 9, "System.LinkTypes.Related")
    organisation.link(1, 3, active=False)
    site.run()
    links = sorted(
        (row["source_id"], row["target_id"], row["link_type"].rpartition(".")[2], row["is_active"])
        for row in site.rows("links").values()
    )
    assert links == [
        ("3", "1", "Hierarchy-Reverse", False),
        ("3", "1", "Hierarchy-Reverse", True),
        ("5", "1", "Hierarchy-Reverse", True),
        ("7", "9", "Related", True),
    ]


def test_an_interrupted_first_load_goes_on_at_its_last_batch(
    site: Site, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds_module, "APPEND_ROWS", 10)
    monkeypatch.setattr(feeds_module, "COMMIT_ROWS", 10)
    organisation.page_size = 5
    pages = 0

    def cut(_: str, path: str) -> None:
        nonlocal pages
        pages += "workitemrevisions" in path
        if pages > 5:
            raise Fault(500, {"message": "down"})

    organisation.faults = [cut]
    with pytest.raises(ExtractError):
        site.run()
    landed = len(site.rows("revisions"))
    assert 20 <= landed < 40
    organisation.faults = []
    organisation.requests.clear()
    site.run()
    assert set(site.rows("revisions")) == site.expected_revisions()
    assert site.written() == len(organisation.feed)
    tokens = site.feed_requests()
    assert all("continuationToken=" in request for request in tokens)


def test_selected_projects_and_items_that_move_between_them(site: Site, organisation: Organisation) -> None:
    site.run(projects=("shop",))
    assert {row["project"] for row in site.rows("revisions").values()} == {"Shop"}
    organisation.change(1, **{"System.TeamProject": "Bank"})
    organisation.change(2, **{"System.TeamProject": "Shop"})
    report = site.run(projects=("shop",))
    landed = site.rows("revisions")
    assert {key for key in landed if key.startswith("1:")} == {"1:1", "1:2", "1:3"}
    assert {key for key in landed if key.startswith("2:")} == {"2:1", "2:2", "2:3"}  # its history came along
    assert landed["2:1"]["project"] == "Bank"
    assert "no business of ours" not in landed["2:1"]["payload"]
    assert coverage(report) == {"Shop": (10, 10, 0), "Bank": (None, 1, 0)}
    assert site.rows("deleted_items") == {}
    site.run(projects=("Shop", "Bank"))
    assert set(site.rows("revisions")) == site.expected_revisions()


def test_an_odd_revision_of_a_project_that_is_not_selected_lands_nothing_of_it(
    site: Site, organisation: Organisation
) -> None:
    organisation.change(2)
    organisation.current(2)["fields"]["System.ChangedDate"] = None
    for _ in range(2):
        assert site.run(projects=("Shop",)).is_complete
        assert {row["project"] for row in site.rows("revisions").values()} == {"Shop"}


def test_an_odd_revision_of_an_unknown_project_is_red_and_lands_nothing(site: Site, organisation: Organisation) -> None:
    """It may have been in a selected one."""
    organisation.change(2, **{"System.TeamProject": ""})
    for _ in range(2):
        (failure,) = site.run(projects=("Shop",)).failures
        assert failure.subject == f"revision {organisation.current(2)['rev']} of work item 2"
        assert {row["project"] for row in site.rows("revisions").values()} == {"Shop"}


def test_a_feed_that_does_not_move_on_is_an_error(site: Site, organisation: Organisation) -> None:
    stuck = {"values": [], "continuationToken": "1", "isLastBatch": False}
    organisation.revisions = lambda **_: stuck  # type: ignore[method-assign]
    with pytest.raises(RepeatedPage):
        site.run()
    assert site.asked("workitemrevisions") <= 3


def test_a_token_that_is_refused_starts_the_feed_again(site: Site, organisation: Organisation) -> None:
    site.run()
    organisation.change(3, **{"System.State": "Closed"})

    def refuse(_: str, path: str) -> None:
        if "workitemrevisions" in path and "continuationToken=40" in organisation.answering.request:
            raise Fault(400, {"message": "VS402429: The continuation token is not valid."})

    organisation.faults = [refuse]
    report = site.run()
    assert "VS402429" in report.warnings[0]
    assert report.count("azure_devops/revisions").landed == 1
    assert set(site.rows("revisions")) == site.expected_revisions()


def test_fields_that_a_server_lacks_are_left_out(site: Site, organisation: Organisation) -> None:
    organisation.lacking_fields = {"Microsoft.VSTS.Scheduling.Size"}
    site.run()
    assert set(site.rows("revisions")) == site.expected_revisions()


def test_the_watermark_is_the_servers_time(site: Site, organisation: Organisation) -> None:
    organisation.now = NOW + timedelta(days=7)
    site.source().extract(site.landing, Run("run", NOW))
    site.landing.judge("ado", "accepted")
    assert site.landing.watermark("ado") == organisation.now


def test_a_full_run_reads_everything_again_and_writes_nothing_twice(site: Site, organisation: Organisation) -> None:
    site.run()
    report = site.run(is_full=True)
    assert report.count("azure_devops/revisions").seen == len(organisation.feed)
    assert report.count("azure_devops/revisions").landed == 0


def test_a_full_reread_that_was_cut_off_goes_on_where_it_stopped(
    site: Site, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the next run was asked for; and the one after a finished full run starts from the beginning again."""
    monkeypatch.setattr(feeds_module, "COMMIT_ROWS", 10)
    organisation.page_size = 5
    organisation.link(1, 3)
    site.run()

    def cut(_: str, path: str) -> None:
        if "workitemrevisions" in path and "continuationToken=25" in organisation.answering.request:
            raise Fault(500, {"message": "down"})

    for is_full in (True, False):
        organisation.faults = [cut]
        with pytest.raises(ExtractError):
            site.run(is_full=True)
        organisation.faults = []
        organisation.requests.clear()
        report = site.run(is_full=is_full)
        asked = site.feed_requests()
        assert "continuationToken=20" in asked[0]  # the last token that was committed, and the rest from there
        assert (report.count("azure_devops/revisions").seen, report.count("azure_devops/revisions").landed) == (20, 0)
        assert site.asked("wiql") > 0  # a full run counts, even in its second half
    organisation.requests.clear()
    site.run(is_full=True)
    assert "continuationToken" not in site.feed_requests()[0]
    assert site.written() == len(organisation.feed)


def test_batches_that_are_delivered_again_are_landed_once(
    site: Site, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Failure case 32: batches that are delivered again are landed once, and the token goes alone."""
    monkeypatch.setattr(feeds_module, "COMMIT_ROWS", 10)
    organisation.page_size = 10
    site.run()
    again = organisation.batch

    def overlapping(records: list[Any], query: dict[str, str]) -> Any:
        start = max(0, int(query.get("continuationToken", 0)) - 4)
        return again(records, {**query, "continuationToken": str(start)} if start else query)

    organisation.batch = overlapping  # type: ignore[method-assign]
    organisation.change(7, **{"System.State": "Closed"})
    report = site.run()
    assert report.count("azure_devops/revisions").landed == 1
    assert report.count("azure_devops/revisions").seen > 1
    assert set(site.rows("revisions")) == site.expected_revisions()
    assert site.written() == len(organisation.feed)
    assert not any("startDateTime" in request for request in organisation.requests)
