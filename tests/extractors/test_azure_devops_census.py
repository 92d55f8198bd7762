"""Azure DevOps over real HTTP: deletions told apart, lost permissions, what the tool has against what is landed."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from extractors.errors import AccessDenied, NotFound, TooManyDeleted
from tests.extractors.azure_devops_server import BOB, Fault, Organisation
from tests.extractors.azure_devops_site import HURRIED, NOW, Site, coverage


def test_deleted_restored_and_destroyed_items(site: Site, organisation: Organisation) -> None:
    for item_id in (2, 4, 6):
        organisation.delete(item_id)
    first = site.run()
    deleted = site.rows("deleted_items")
    assert {key: row["is_destroyed"] for key, row in deleted.items()} == {"2": False, "4": False, "6": False}
    assert deleted["2"]["deleted_at"] == datetime.fromisoformat(organisation.bin[2]["deletedDate"])
    assert deleted["2"]["deleted_by_id"] == BOB["id"]
    assert coverage(first)["Bank"] == (7, 7, 3)

    organisation.restore(2)
    organisation.destroy(4)
    organisation.destroy(8)  # never was in the bin
    second = site.run()
    deleted = site.rows("deleted_items")
    assert {key: row["is_destroyed"] for key, row in deleted.items()} == {"4": True, "6": False, "8": True}
    assert deleted["4"]["deleted_at"] is not None
    assert deleted["8"]["deleted_at"] == NOW + timedelta(hours=2)
    assert coverage(second)["Bank"] == (7, 7, 3)
    assert site.run().count("azure_devops/deleted_items").landed == 0

    organisation.destroyed.discard(8)  # it was a permission that was missing, and is back
    site.run()
    assert set(site.rows("deleted_items")) == {"4", "6"}


def test_a_broken_recycle_bin_is_named_and_nothing_in_it_counts_as_destroyed(
    site: Site, organisation: Organisation
) -> None:
    for item_id in (2, 4):
        organisation.delete(item_id)
    entry = dict(organisation.bin[2])
    organisation.bin[2]["id"] = None
    broken = site.run()
    assert [failure.subject for failure in broken.failures] == ["an entry of the recycle bin of project 'Bank'"]
    assert set(site.rows("deleted_items")) == {"4"}
    organisation.bin[2] = entry

    def down(_: str, path: str) -> None:
        if "recyclebin" in path and "ids=" in organisation.answering.request:
            raise Fault(500, {"message": "down"})

    organisation.faults = [down]
    (failure,) = site.run().failures
    assert "the recycle bin of project 'Bank'" in str(failure)
    assert set(site.rows("deleted_items")) == {"4"}
    organisation.faults = []
    assert site.run().is_complete
    assert {key: row["is_destroyed"] for key, row in site.rows("deleted_items").items()} == {"2": False, "4": False}


def test_too_many_missing_items_of_a_project_stop_its_deletions(site: Site, organisation: Organisation) -> None:
    site.run()
    of_shop = organisation.live("Shop")
    for item_id in of_shop[:7]:
        organisation.destroy(item_id)
    organisation.destroy(organisation.live("Bank")[0])
    organisation.create(22, "Shop")
    report = site.run()
    (failure,) = report.failures
    assert isinstance(failure, TooManyDeleted)
    assert all(part in str(failure) for part in ("project 'Shop'", "7 of 11 items", "max_deleted_ratio", "--full"))
    assert {row["project"] for row in site.rows("deleted_items").values()} == {"Bank"}
    assert "22:1" in site.rows("revisions")
    assert site.run(max_deleted_ratio=0.7).is_complete
    assert len(site.rows("deleted_items")) == 8


def test_a_project_whose_items_are_all_hidden_is_red_until_settled(
    site: Site, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One project of five: a small share of the organisation, and no reading by id tells it from destruction."""
    from extractors.azure_devops import extraction

    monkeypatch.setattr(extraction, "CENSUS_ALWAYS_BELOW", 0)  # as in a large organisation: a census once a day
    for number, name in enumerate(("North", "East", "South")):
        organisation.add_project(name)
        for item_id in range(100 * number + 100, 100 * number + (104 if name == "North" else 150)):
            organisation.create(item_id, name)
    site.run()
    organisation.hidden = set(organisation.live("North"))
    organisation.create(30, "Bank")
    site.runs += 24
    for _ in range(2):
        report = site.run(max_deleted_ratio=0.99)
        (failure,) = report.failures
        assert isinstance(failure, TooManyDeleted)
        assert "project 'North'" in str(failure)
        assert "area paths" in str(failure)
        assert site.rows("deleted_items") == {}
        reasons = {row.project: row.reason for row in report.coverage if row.stream == "azure_devops/revisions"}
        assert [name for name, reason in reasons.items() if reason] == ["North"]
        assert reasons["North"] == str(failure)
    assert "30:1" in site.rows("revisions")

    assert site.run(is_full=True, max_deleted_ratio=1).is_complete
    assert {row["project"] for row in site.rows("deleted_items").values()} == {"North"}
    organisation.hidden = set()
    assert site.run(is_full=True).is_complete
    assert site.rows("deleted_items") == {}


def test_a_project_that_cannot_be_seen_is_named_and_the_others_are_landed(site: Site) -> None:
    report = site.run(projects=("Shop", "Bnak"))
    (failure,) = report.failures
    assert isinstance(failure, NotFound)
    assert "'Bnak'" in str(failure)
    assert "Did you mean 'Bank'" in str(failure)
    assert {row["project"] for row in site.rows("revisions").values()} == {"Shop"}
    with pytest.raises(NotFound):
        site.run(projects=("Nothing",))


def test_no_project_at_all_is_a_lost_permission_and_deletes_nothing(site: Site, organisation: Organisation) -> None:
    site.run()
    projects, organisation.projects = organisation.projects, {}
    with pytest.raises(AccessDenied):
        site.run()
    organisation.projects = projects
    assert len(site.rows("projects")) == 2
    assert site.rows("deleted_items") == {}


def test_a_hidden_project_and_a_deleted_one_are_told_apart(site: Site, organisation: Organisation) -> None:
    site.run()
    bank = next(project for project in organisation.projects.values() if project["name"] == "Bank")
    del organisation.projects[bank["id"]]
    report = site.run()
    (failure,) = report.failures
    assert "project 'Bank'" in str(failure)
    assert site.rows("deleted_items") == {}
    assert len(site.rows("projects")) == 2
    assert len(site.rows("teams")) == 3
    assert coverage(report)["Bank"] == (None, 10, 0)

    organisation.deleted_projects[bank["id"]] = bank
    report = site.run()
    assert report.is_complete
    assert len(site.rows("deleted_items")) == 10
    assert {row["name"] for row in site.rows("projects").values()} == {"Shop"}
    assert coverage(report)["Bank"] == (None, 0, 10)

    organisation.deleted_projects.clear()
    organisation.projects[bank["id"]] = bank
    assert coverage(site.run())["Bank"] == (10, 10, 0)
    assert site.rows("deleted_items") == {}


SLOW = "VS402335: The query exceeded the maximum allowed execution time (30 seconds)."


def test_the_census_goes_beyond_twenty_thousand_items(site: Site, organisation: Organisation) -> None:
    from extractors.azure_devops.census import live_ids
    from extractors.azure_devops.client import AzureDevOpsClient

    ids = [*range(100, 20_000), *range(3_000_000, 3_002_600)]
    organisation.live = lambda _=None: ids  # type: ignore[method-assign]
    client = AzureDevOpsClient(site.connection(), retry=HURRIED)
    shop = next(iter(organisation.projects))
    for limit in (10**6, 20_000, 700):  # as the tool does with $top, without it, and far below
        organisation.wiql_limit = limit
        assert live_ids(client, shop).tolist() == ids
    organisation.wiql_refusal = SLOW
    assert live_ids(client, shop).tolist() == ids
    assert site.asked("wiql") < 600


def test_what_happened_while_an_item_was_out_of_sight_is_fetched(site: Site, organisation: Organisation) -> None:
    """The feed never tells it: its token has passed when the permission comes back, and no gap shows in the numbers."""
    site.run()
    organisation.change(1, **{"System.State": "Closed"})
    organisation.create(21, "Shop")
    organisation.hidden = {1, 21}
    site.run(max_deleted_ratio=1.0)
    assert set(site.rows("deleted_items")) == {"1"}
    organisation.hidden = set()
    report = site.run()
    assert set(site.rows("revisions")) == site.expected_revisions()
    assert site.rows("deleted_items") == {}
    assert coverage(report)["Shop"] == (11, 11, 0)
    assert site.written() == len(organisation.feed)


def test_last_revisions_of_a_large_organisation_are_asked_for_once_a_day(
    site: Site, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    from extractors.azure_devops import extraction

    monkeypatch.setattr(extraction, "LAST_REVISIONS_ALWAYS_BELOW", 0)
    site.run()
    site.run()
    assert site.asked("includeLatestOnly") == 0  # a first load has no end that could be missing
    organisation.change(1, **{"System.State": "Closed"})
    organisation.hidden = {1}
    site.run(max_deleted_ratio=1.0)
    organisation.hidden = set()
    site.run()
    site.runs += 20
    site.run()
    assert site.asked("includeLatestOnly") == 1
    assert set(site.rows("revisions")) == site.expected_revisions()


def test_an_item_that_was_deleted_and_then_vanished_has_the_instant_of_its_deletion(
    site: Site, organisation: Organisation
) -> None:
    site.run()
    organisation.delete(3)

    def vanish(_: str, path: str) -> None:
        if "recyclebin" in path:
            organisation.destroy(3)

    organisation.faults = [vanish]
    site.run()
    row = site.rows("deleted_items")["3"]
    assert row["is_destroyed"]
    assert row["deleted_at"] == site.rows("revisions")["3:3"]["changed_at"]
