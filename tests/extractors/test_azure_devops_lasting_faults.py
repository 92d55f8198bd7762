"""One thing that is broken for good is named in every run, and everything else is landed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from extractors.azure_devops.source import AzureDevOpsSource
from extractors.connection import AzureDevOpsConnection, ExtractReport, Secret
from extractors.errors import SchemaChanged, Unreachable
from extractors.http import RetryPolicy
from extractors.landing import Landing, Run
from tests.sandbox.serving import Sandbox, Site, serving_organisation

HURRIED = RetryPolicy(attempts=2, first_attempts=2, total_seconds=20, wait_initial=0.01, wait_max=0.02)
FIRST_PAGE = "^(?!.*continuationToken)(?!.*includeLatestOnly)"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with serving_organisation(tmp_path_factory.mktemp("sandbox"), items=120, seed=5) as served:
        yield served


@pytest.fixture
def site(sandbox: Sandbox) -> Iterator[Site]:
    yield sandbox.azure
    clear(sandbox.azure)


def clear(site: Site) -> None:
    origin = "/".join(site.url.split("/")[:3])
    site.session.delete(f"{origin}/_sandbox/faults", timeout=10).raise_for_status()


def extract(site: Site, home: Path) -> ExtractReport:
    landing = Landing(home)
    connection = AzureDevOpsConnection(id="ado", url=site.url, token=Secret("any"), token_env="ADO")
    run = Run(f"run-{len(landing.batches('ado'))}", datetime.now(UTC))
    report = AzureDevOpsSource(connection, retry=HURRIED).extract(landing, run)
    landing.judge("ado", "accepted")
    return report


def rows(home: Path, stream: str) -> dict[str, dict[str, Any]]:
    """Without what differs from run to run."""
    landing = Landing(home)
    name = f"azure_devops/{stream}"
    kept = [
        column
        for column in landing.table(name).schema.names
        if column not in {"run_id", "batch_id", "extracted_at", "payload", "payload_hash"}
    ]
    found = landing.latest(name, "ado", kept).to_pylist()
    return {row["record_id"]: row for row in found if not row["is_deleted"]}


def merge(site: Site, match: str, document: dict[str, Any], asks: str = "") -> None:
    site.fault(match, "merge", document=document, asks=asks, times=None)


@pytest.fixture(scope="module")
def whole(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("whole")
    assert extract(sandbox.azure, home).is_complete
    return home


def first_page(site: Site) -> list[dict[str, Any]]:
    path = "/_apis/wit/reporting/workitemrevisions"
    asked = {"api-version": "7.1", "includeIdentityRef": "true", "includeDeleted": "true", "$maxPageSize": 1000}
    values: list[dict[str, Any]] = site.json(path, **asked)["values"]
    return values


def live_item_of(whole: Path, values: list[dict[str, Any]]) -> int:
    gone = {row["item_id"] for row in rows(whole, "deleted_items").values()}
    return next(one["id"] for one in values if one["rev"] == 2 and str(one["id"]) not in gone)


def test_a_broken_revision_of_the_feed_is_read_from_its_item(site: Site, whole: Path, tmp_path: Path) -> None:
    values = first_page(site)
    item_id = live_item_of(whole, values)
    broken = [one | {"rev": "two"} if (one["id"], one["rev"]) == (item_id, 2) else one for one in values]
    merge(site, "reporting/workitemrevisions", {"values": broken}, FIRST_PAGE)
    report = extract(site, tmp_path)
    # The feed did not say which revision it is, so it is told once, although the hole was mended in the same run.
    assert {type(one) for one in report.failures} == {SchemaChanged}
    assert rows(tmp_path, "revisions").keys() == rows(whole, "revisions").keys()
    clear(site)
    assert extract(site, tmp_path).is_complete


@pytest.mark.parametrize("fields", [None, {"System.ChangedDate": None}, {"System.TeamProject": ""}])
def test_a_revision_that_is_broken_everywhere_is_red_until_it_is_whole(
    site: Site, whole: Path, tmp_path: Path, fields: dict[str, Any] | None
) -> None:
    values = first_page(site)
    item_id = live_item_of(whole, values)

    def spoil(one: dict[str, Any]) -> dict[str, Any]:
        if (one["id"], one["rev"]) != (item_id, 2):
            return one
        return one | {"fields": None if fields is None else one["fields"] | fields}

    merge(site, "reporting/workitemrevisions", {"values": [spoil(one) for one in values]}, FIRST_PAGE)
    own = site.json(f"/_apis/wit/workItems/{item_id}/revisions", **{"$top": 200, "api-version": "7.1"})["value"]
    merge(site, f"workItems/{item_id}/revisions", {"value": [spoil(one) for one in own]}, "skip=0")
    for _ in range(3):  # in later runs the feed does not tell it any more
        report = extract(site, tmp_path)
        (failure,) = report.failures
        assert failure.subject == f"revision 2 of work item {item_id}"
        assert "Everything else was landed" in str(failure)
        assert rows(whole, "revisions").keys() - rows(tmp_path, "revisions").keys() == {f"{item_id}:2"}
        for stream in ("links", "teams", "boards", "iterations"):
            assert rows(tmp_path, stream) == rows(whole, stream)
    clear(site)
    assert extract(site, tmp_path).is_complete
    assert rows(tmp_path, "revisions").keys() == rows(whole, "revisions").keys()


def test_more_than_a_few_broken_revisions_end_the_run(site: Site, tmp_path: Path) -> None:
    """Then the tool answers in another form, and a token that moved on would lose all of it."""
    values = [one | {"fields": []} for one in first_page(site)]
    merge(site, "reporting/workitemrevisions", {"values": values}, FIRST_PAGE)
    with pytest.raises(SchemaChanged):
        extract(site, tmp_path)
    assert rows(tmp_path, "revisions") == {}
    clear(site)
    assert extract(site, tmp_path).is_complete


def test_a_broken_link_is_named_until_it_is_whole(site: Site, whole: Path, tmp_path: Path) -> None:
    values = site.json("/_apis/wit/reporting/workitemlinks", **{"api-version": "7.1"})["values"]
    gone = rows(whole, "deleted_items").keys()
    index, odd = next(
        (i, one)
        for i, one in enumerate(values)
        if one["rel"].endswith("Hierarchy") and not gone & {str(one["sourceId"]), str(one["targetId"])}
    )
    merge(site, "reporting/workitemlinks", {"values": [*values[:index], {"rel": odd["rel"]}, *values[index + 1 :]]})
    report = extract(site, tmp_path)
    assert [failure.subject.split(" (")[0] for failure in report.failures] == ["a link event"]
    assert len(rows(whole, "links")) - len(rows(tmp_path, "links")) == 1
    for one in (report, extract(site, tmp_path)):  # an item's updates do not tell of links here
        assert len(one.failures) == 1
        reasons = [row.reason for row in one.coverage if row.stream == "azure_devops/links" and row.skipped]
        assert reasons == ["1 parent links are not what the histories of their items say"]
    clear(site)
    assert extract(site, tmp_path).is_complete
    assert rows(tmp_path, "links") == rows(whole, "links")
    assert rows(tmp_path, "revisions").keys() == rows(whole, "revisions").keys()


def a_team(site: Site) -> tuple[dict[str, Any], dict[str, Any]]:
    project = site.json("/_apis/projects", **{"api-version": "7.1"})["value"][0]
    teams = site.json(f"/_apis/projects/{project['id']}/teams", **{"api-version": "7.1"})["value"]
    return project, teams[0]


@pytest.mark.parametrize(
    ("part", "stream", "spoil", "named"),
    [
        ("teamsettings/iterations", "team_iterations", lambda one: one | {"attributes": "soon"}, "team iterations"),
        ("teamsettings/iterations", "team_iterations", lambda one: one | {"name": 12}, "team iterations"),
        ("boards", "boards", lambda one: {key: one[key] for key in one if key != "id"}, "boards"),
    ],
)
def test_a_broken_record_of_a_team_is_named_and_the_others_are_landed(
    site: Site, whole: Path, tmp_path: Path, part: str, stream: str, spoil: Any, named: str
) -> None:
    project, team = a_team(site)
    path = f"/{project['id']}/{team['id']}/_apis/work/{part}"
    values = site.json(path, **{"api-version": "7.1"})["value"]
    extract(site, tmp_path)
    before = rows(tmp_path, stream)
    merge(site, f"{team['id']}/_apis/work/{part}$", {"value": [spoil(values[0]), *values[1:]]})
    for home in (tmp_path, tmp_path / "new"):
        report = extract(site, home)
        failure = report.failures[0]
        assert type(failure) is SchemaChanged
        assert failure.subject.startswith(named)
        assert f"team '{team['name']}' of project '{project['name']}'" in str(failure)
        assert {one.subject for one in report.failures} == {failure.subject}
        assert rows(home, "revisions").keys() == rows(whole, "revisions").keys()
    assert rows(tmp_path, stream) == before  # nothing of it is taken for deleted
    missing = before.keys() - rows(tmp_path / "new", stream).keys()
    assert 0 < len(missing) < len(before)
    assert all(team["id"] in key for key in missing)
    clear(site)
    assert extract(site, tmp_path / "new").is_complete
    assert rows(tmp_path / "new", stream) == before


def test_a_broken_iteration_of_the_tree_is_named(site: Site, whole: Path, tmp_path: Path) -> None:
    project, _ = a_team(site)
    path = f"/{project['id']}/_apis/wit/classificationnodes"
    roots = site.json(path, **{"$depth": 14, "api-version": "7.1"})["value"]
    tree = json.loads(json.dumps(roots))
    iterations = next(root for root in tree if root["structureType"] == "iteration")
    leaf = iterations
    while leaf.get("children"):
        leaf = leaf["children"][0]
    guid = leaf.pop("identifier")
    merge(site, f"{project['id']}/_apis/wit/classificationnodes", {"value": tree})
    report = extract(site, tmp_path)
    (failure,) = report.failures
    assert failure.subject.startswith("iterations '")
    assert leaf["name"] in failure.subject
    assert rows(whole, "iterations").keys() - rows(tmp_path, "iterations").keys() == {guid}
    assert rows(whole, "areas") == rows(tmp_path, "areas")


@pytest.mark.parametrize(
    ("match", "stream"),
    [("/boards$", "boards"), ("/capacities$", "capacities"), ("/teamsettings/iterations$", "team_iterations")],
)
def test_a_team_that_keeps_failing_fails_alone(
    site: Site, whole: Path, tmp_path: Path, match: str, stream: str
) -> None:
    project, team = a_team(site)
    site.fault(f"{team['id']}.*{match}", "500", times=None)
    report = extract(site, tmp_path)
    assert report.failures
    assert {type(failure) for failure in report.failures} == {Unreachable}
    assert all(f"team '{team['name']}' of project '{project['name']}'" in str(one) for one in report.failures)
    missing = rows(whole, stream).keys() - rows(tmp_path, stream).keys()
    assert missing
    assert all(key.startswith(team["id"]) for key in missing)
    assert rows(tmp_path, "revisions").keys() == rows(whole, "revisions").keys()


def test_a_project_that_cannot_be_counted_is_red_and_loses_nothing(site: Site, tmp_path: Path) -> None:
    project, _ = a_team(site)
    extract(site, tmp_path)
    before = rows(tmp_path, "deleted_items")
    site.fault(f"{project['id']}/_apis/wit/wiql", "500", times=None)
    for _ in range(2):
        report = extract(site, tmp_path)
        (failure,) = report.failures
        assert f"the count of project '{project['name']}'" in str(failure)
        counted = {row.project: row for row in report.coverage if row.stream == "azure_devops/revisions"}
        assert counted[project["name"]].expected is None
        assert str(failure) in str(counted[project["name"]].reason)
        assert all(row.expected == row.got for name, row in counted.items() if name != project["name"])
        assert rows(tmp_path, "deleted_items") == before
    clear(site)
    assert extract(site, tmp_path).is_complete
