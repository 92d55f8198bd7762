"""Parent links: what the tool has against what is landed, and what is done about a difference."""

from __future__ import annotations

from typing import Any

from extractors.azure_devops.client import AzureDevOpsClient
from extractors.azure_devops.links_census import ID_SPACE, live_parents
from tests.extractors.azure_devops_server import Fault, Organisation
from tests.extractors.azure_devops_site import HURRIED, Site, coverage

LINKS = "azure_devops/links"
RELATED = "System.LinkTypes.Related"


def active(site: Site) -> set[tuple[str, str]]:
    """(child, parent) of the landed links whose last word is that they hold."""
    last: dict[tuple[str, str], dict[str, Any]] = {}
    for row in sorted(site.rows("links").values(), key=lambda row: row["changed_at"]):
        last[row["source_id"], row["target_id"]] = row
    return {pair for pair, row in last.items() if row["is_active"] and row["link_type"].endswith("Hierarchy-Reverse")}


def hide(organisation: Organisation, *places: int) -> None:
    """The feed leaves out some events; the items' own updates still tell them."""
    whole = organisation.batch

    def batch(records: list[dict[str, Any]], query: dict[str, str]) -> Any:
        answer = whole(records, query)
        if records is organisation.links:
            answer["values"] = [one for number, one in enumerate(records) if number not in places]
        return answer

    organisation.batch = batch  # type: ignore[method-assign]


def test_coverage_counts_parent_links_by_the_parents_project(site: Site, organisation: Organisation) -> None:
    for child, parent in ((3, 1), (5, 1), (2, 4), (6, 1)):
        organisation.link(parent, child)
    organisation.link(7, 9, RELATED)
    organisation.link(1, 5, active=False)
    report = site.run()
    assert coverage(report, LINKS) == {"Shop": (2, 2, 0), "Bank": (1, 1, 0)}
    assert active(site) == {("3", "1"), ("2", "4"), ("6", "1")}
    assert site.asked("/updates") == 0


def test_links_that_the_feed_leaves_out_are_fetched(site: Site, organisation: Organisation) -> None:
    organisation.link(1, 3)  # 0
    organisation.link(1, 3, active=False)  # 1: the feed says that 3 is still below 1
    organisation.link(5, 3)  # 2: and does not say that it is below 5
    organisation.link(7, 9)
    hide(organisation, 1, 2)
    report = site.run()
    assert active(site) == {("3", "5"), ("9", "7")}
    assert coverage(report, LINKS)["Shop"] == (2, 2, 0)
    assert site.asked("/workItems/3/updates") == 2  # one page and the empty one behind it
    assert site.asked("/updates") == 2
    assert site.run().count(LINKS).landed == 0


def spoil(organisation: Organisation, rel: str, broken: list[bool]) -> None:
    """The feed gives links of one type without their ends, as long as `broken` says so."""
    whole = organisation.link_feed

    def feed(query: dict[str, str], **others: Any) -> Any:
        answer = whole(query, **others)
        ends = {"sourceId", "targetId"}
        answer["values"] = [
            {**link, "attributes": {key: link["attributes"][key] for key in link["attributes"].keys() - ends}}
            if broken and link["rel"] == rel
            else link
            for link in answer["values"]
        ]
        return answer

    organisation.link_feed = feed  # type: ignore[method-assign]


def test_odd_events_are_asked_for_and_red_until_they_are_whole(site: Site, organisation: Organisation) -> None:
    """No census knows links that are not of parents: they would be lost."""
    organisation.page_size = 2
    for number in range(1, 7):
        organisation.link(number, number + 10)
    organisation.link(7, 17, RELATED)
    organisation.link(8, 18)
    broken = [True]
    spoil(organisation, RELATED, broken)
    for run in range(3):
        (failure,) = site.run().failures
        assert failure.subject.startswith("a link event")
        assert len(site.rows("links")) == 7 + run
        organisation.link(9, 11 + run)
    broken.clear()
    organisation.requests.clear()
    assert site.run().is_complete
    assert site.asked("reporting/workitemlinks") == 2  # the page again, and what is new
    assert len(site.rows("links")) == 11
    organisation.requests.clear()
    assert site.run().is_complete
    assert site.asked("reporting/workitemlinks") == 1


def test_a_refused_token_of_odd_events_reads_the_feed_again(site: Site, organisation: Organisation) -> None:
    organisation.page_size = 2
    organisation.link(1, 11)
    organisation.link(2, 12)
    organisation.link(7, 17, RELATED)
    broken = [True]
    spoil(organisation, RELATED, broken)
    assert len(site.run().failures) == 1
    whole = organisation.link_feed

    def refuse(query: dict[str, str], **others: Any) -> Any:
        if query.get("continuationToken") == "2" and broken:
            broken.clear()
            raise Fault(400, {"message": "VS402339: the continuation token is not valid"})
        return whole(query, **others)

    organisation.link_feed = refuse  # type: ignore[method-assign]
    report = site.run()
    assert report.is_complete
    assert "from its beginning" in " ".join(report.warnings)
    assert len(site.rows("links")) == 3


def test_a_link_that_nothing_explains_is_said_in_the_coverage(site: Site, organisation: Organisation) -> None:
    organisation.link(1, 3)
    organisation.link(1, 5)
    hide(organisation, 0)
    organisation.item_updates = lambda *_, query, **__: organisation.paged([], query)  # type: ignore[method-assign]
    report = site.run()
    (row,) = [row for row in report.coverage if (row.stream, row.project) == (LINKS, "Shop")]
    assert (row.expected, row.got, row.skipped) == (2, 1, 1)
    assert row.reason == "1 parent links are not what the histories of their items say"


def test_links_to_deleted_items_are_no_difference(site: Site, organisation: Organisation) -> None:
    organisation.link(1, 3)
    organisation.link(1, 5)
    organisation.delete(3)
    organisation.destroy(5)
    report = site.run()
    assert coverage(report, LINKS)["Shop"] == (0, 0, 0)
    assert site.asked("/updates") == 0
    organisation.restore(3)
    assert coverage(site.run(), LINKS)["Shop"] == (1, 1, 0)


def test_too_many_links_for_one_query_are_asked_for_in_halves(site: Site, organisation: Organisation) -> None:
    pairs = {(child, parent) for parent in range(1, 20, 2) for child in (parent + 20, parent + 21)}
    for child, parent in sorted(pairs):
        organisation.create(child, "Shop")
        organisation.link(parent, child)
    organisation.wiql_limit = 3
    client = AzureDevOpsClient(site.connection(), retry=HURRIED)
    for refusal in (organisation.wiql_refusal, "VS402335: The query exceeded the maximum allowed execution time."):
        organisation.wiql_refusal = refusal
        found = live_parents(client, "Shop").tolist()
        assert {(pair // ID_SPACE, pair % ID_SPACE) for pair in found} == pairs


def test_names_of_projects_are_text_in_queries_whatever_they_hold(site: Site, organisation: Organisation) -> None:
    """Failure case 44: a project may be called like a part of a query."""
    names = ("A' OR [System.Id] > 0 OR 'x' = '", "IN", "O'Brien \\ [Team]", "@project")
    for number, name in enumerate(names):
        organisation.add_project(name, f"Team {number}")
        for item_id in (100 + 2 * number, 101 + 2 * number):
            organisation.create(item_id, name)
        organisation.link(100 + 2 * number, 101 + 2 * number)
    organisation.link(1, 3)
    report = site.run(projects=names)
    assert {row["project"] for row in site.rows("revisions").values()} == set(names)
    assert coverage(report, LINKS) == dict.fromkeys(names, (1, 1, 0))
    assert active(site) >= {("101", "100"), ("103", "102"), ("105", "104"), ("107", "106")}


def test_a_large_organisation_is_counted_once_a_day(site: Site, organisation: Organisation, monkeypatch: Any) -> None:
    from extractors.azure_devops import extraction

    monkeypatch.setattr(extraction, "CENSUS_ALWAYS_BELOW", 0)
    organisation.link(1, 3)
    site.run()
    asked = site.asked("wiql")
    report = site.run()
    assert site.asked("wiql") == asked
    assert coverage(report, LINKS) == {"Shop": (None, None, 0), "Bank": (None, None, 0)}
    site.runs += 20

    def down(_: str, path: str) -> None:
        if "recyclebin" in path:
            raise Fault(500, {"message": "down"})

    organisation.faults = [down]
    assert not site.run().is_complete
    organisation.faults = []
    assert coverage(site.run(), LINKS)["Shop"] == (1, 1, 0)
