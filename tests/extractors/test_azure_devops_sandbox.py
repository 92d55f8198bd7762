"""The whole extraction against the sandbox's Azure DevOps: landed equals source, after faults and after a week."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from extractors.azure_devops.source import AzureDevOpsSource
from extractors.connection import AzureDevOpsConnection, ExtractReport, Secret
from extractors.errors import AuthError, ExtractError
from extractors.http import RetryPolicy
from extractors.landing import Landing, Run
from sandbox.serve import advance
from tests.sandbox.serving import Sandbox, Site, serving_organisation

HURRIED = RetryPolicy(attempts=4, first_attempts=2, total_seconds=30, wait_initial=0.01, wait_max=0.1)
Revisions = dict[str, tuple[str, str, datetime]]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with serving_organisation(tmp_path_factory.mktemp("sandbox"), items=300, seed=3) as served:
        yield served


def extract(site: Site, landing: Landing, **settings: Any) -> ExtractReport:
    connection = AzureDevOpsConnection(id="ado", url=site.url, token=Secret("any"), token_env="ADO", **settings)
    run = Run(f"run-{len(landing.batches('ado'))}", datetime.now(UTC))
    return AzureDevOpsSource(connection, retry=HURRIED).extract(landing, run)


def live_items(site: Site) -> set[int]:
    found: set[int] = set()
    for project in site.json("/_apis/projects", **{"api-version": "7.1"})["value"]:
        query = "SELECT [System.Id] FROM WorkItems WHERE [System.TeamProject] = @project ORDER BY [System.Id]"
        answer = site.post(f"/{project['id']}/_apis/wit/wiql?api-version=7.1", {"query": query})
        found.update(item["id"] for item in answer["workItems"])
    return found


def held_by_source(site: Site) -> Revisions:
    """Every revision of every live item, asked for item by item."""
    found: Revisions = {}
    for item_id in live_items(site):
        revisions: list[Any] = []
        while True:
            path, params = f"/_apis/wit/workItems/{item_id}/revisions", {"$top": 200, "$skip": len(revisions)}
            page = site.json(path, **params, **{"api-version": "7.1"})["value"]
            if not page:
                break
            revisions += page
        for one in revisions:
            fields = one["fields"]
            changed_at = datetime.fromisoformat(fields["System.ChangedDate"])
            found[f"{one['id']}:{one['rev']}"] = (fields["System.State"], fields["System.IterationPath"], changed_at)
    return found


def landed(landing: Landing) -> Revisions:
    """The same of what is landed, without items that are known to be deleted."""
    gone = landing.latest("azure_devops/deleted_items", "ado", ["item_id", "is_deleted"]).to_pylist()
    deleted = {row["item_id"] for row in gone if not row["is_deleted"]}
    columns = ["record_id", "item_id", "state", "iteration_path", "changed_at"]
    return {
        row["record_id"]: (row["state"], row["iteration_path"], row["changed_at"])
        for row in landing.latest("azure_devops/revisions", "ado", columns).to_pylist()
        if row["item_id"] not in deleted
    }


def rows_written(landing: Landing) -> int:
    return sum(file.rows for file in landing.table("azure_devops/revisions").files("ado"))


def clear_faults(site: Site) -> None:
    origin = "/".join(site.url.split("/")[:3])
    site.session.delete(f"{origin}/_sandbox/faults", timeout=10).raise_for_status()


def test_landed_equals_source_with_every_fault_on_the_way_and_after_a_week(sandbox: Sandbox, tmp_path: Path) -> None:
    site, landing = sandbox.azure, Landing(tmp_path)
    for match, kind in (
        ("workitemrevisions", "cut"),
        ("workitemrevisions", "502"),
        ("workitemlinks", "429-none"),
        ("workitemlinks", "delay"),
        ("teamsettings", "503"),
        ("wiql", "500"),
        ("projects$", "504"),
    ):
        site.fault(match, kind, **({"seconds": 0.1} if kind in {"503", "delay"} else {}))
    first = extract(site, landing)
    clear_faults(site)
    assert first.is_complete
    assert landed(landing) == held_by_source(site)
    assert rows_written(landing) == first.count("azure_devops/revisions").landed
    assert all((row.expected, row.skipped) == (row.got, 0) for row in first.coverage)
    items = [row for row in first.coverage if row.stream == "azure_devops/revisions"]
    assert sum(row.expected or 0 for row in items) == len(live_items(site))
    assert sum(row.expected or 0 for row in first.coverage if row.stream == "azure_devops/links") > 0

    advance(sandbox.home, 7)
    second = extract(site, landing)
    assert 0 < second.count("azure_devops/revisions").landed < first.count("azure_devops/revisions").landed
    assert landed(landing) == held_by_source(site)
    assert all(row.expected == row.got for row in second.coverage)
    assert rows_written(landing) == len(landing.latest("azure_devops/revisions", "ado", ["record_id"]))

    third = extract(site, landing)
    assert {name for name, count in third.streams.items() if count.landed} == set()


@pytest.mark.parametrize(
    ("kind", "error"), [("html203", AuthError), ("html200", AuthError), ("redirect", AuthError), ("500", ExtractError)]
)
def test_a_fault_that_stays_is_one_readable_error_and_nothing_becomes_visible(
    sandbox: Sandbox, tmp_path: Path, kind: str, error: type[ExtractError]
) -> None:
    site, landing = sandbox.azure, Landing(tmp_path)
    site.fault("workitemrevisions", kind, times=None)
    try:
        with pytest.raises(error) as caught:
            extract(site, landing)
    finally:
        clear_faults(site)
    assert str(caught.value).startswith("Connection 'ado': GET /pmo/_apis/wit/reporting/workitemrevisions")
    assert "<html" not in str(caught.value)
    assert landing.batches("ado") == []
    extract(site, landing)
    assert landed(landing) == held_by_source(site)
