"""A small served organisation for all trials of this folder, and survey files beside it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.model import Tool
from tests.extractors.azure_devops_server import AzureDevOpsServer, Organisation
from tests.extractors.jira_life import Life, living
from tests.extractors.sandbox_site import Sandbox, served
from tests.faults.trials import Site

ITEMS = 60


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with served(tmp_path_factory.mktemp("organisation") / "sandbox", items=ITEMS) as server:
        yield server


@pytest.fixture(scope="session")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three survey files with forty answers each."""
    folder = tmp_path_factory.mktemp("inbox")
    for number in range(3):
        lines = [f"{number}-{n},2026-03-{n % 28 + 1:02d}T10:00:00Z,{n % 11}" for n in range(40)]
        text = "\n".join(["response_id,submitted_at,score", *lines, ""])
        (folder / f"answers-{number}.csv").write_text(text, "utf-8")
    return folder


@pytest.fixture(params=["jira_cloud", "jira_data_center", "azure_devops", "surveys"])
def site(request: pytest.FixtureRequest, sandbox: Sandbox, inbox: Path) -> Site:
    """Each source in turn."""
    return {
        "jira_cloud": Site("jira", sandbox.cloud),
        "jira_data_center": Site("jira", sandbox.data_center),
        "azure_devops": Site("azure_devops", f"http://127.0.0.1:{sandbox.port_base + 2}/pmo"),
        "surveys": Site("surveys", str(inbox / "*.csv")),
    }[request.param]


@dataclass(frozen=True)
class Growing:
    """A source in which a week goes by when a test says so. `changed`: streams that get new rows by that."""

    site: Site
    live_a_week: Callable[[], None]
    changed: tuple[str, ...]


@pytest.fixture(params=[Tool.JIRA_CLOUD, Tool.JIRA_DC, Tool.AZURE_DEVOPS])
def growing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Growing]:
    """Each tool in turn. Nobody says when Jira's items were deleted; those of Azure DevOps lie in the recycle bin."""
    if request.param is Tool.AZURE_DEVOPS:
        organisation = _organisation()
        with AzureDevOpsServer(organisation) as server:
            site = Site("azure_devops", server.url, is_census=True)
            changed = ("azure_devops/revisions", "azure_devops/deleted_items")
            yield Growing(site, lambda: _week_of_azure_devops(organisation), changed)
        return
    now, dice = datetime(2027, 2, 1, tzinfo=UTC), random.Random("a week")  # noqa: S311
    with living(tmp_path, request.param, "Europe/London", now, dice) as (life, url):
        for _ in range(30):
            life.create()
        yield Growing(
            Site("jira", url, is_census=True), lambda: _week_of_jira(life), ("jira/issues", "jira/issue_changes")
        )


def _week_of_jira(life: Life) -> None:
    issues = list(life.issues.values())
    start = life.now
    for number, issue in enumerate(issues):
        life.at(start + timedelta(hours=5 * number))
        (life.delete if number % 10 == 0 else life.move if number % 4 == 1 else life.change)(issue)
        if number % 3 == 0:
            life.create()
    life.at(start + timedelta(days=7))


def _organisation() -> Organisation:
    organisation = Organisation()
    organisation.add_project("Shop", "Falcon")
    organisation.add_project("Bank", "Teller")
    for item_id in range(1, 31):
        organisation.create(item_id, "Shop" if item_id % 2 else "Bank")
        organisation.change(item_id, **{"System.State": "Active"})
        if item_id > 2:
            organisation.link(item_id % 2 + 1, item_id)
    return organisation


def _week_of_azure_devops(organisation: Organisation) -> None:
    organisation.clock += timedelta(days=6)
    for item_id in range(3, 31):
        if item_id % 10 == 0:
            organisation.delete(item_id)
        elif item_id % 4 == 1:
            organisation.change(item_id, **{"System.TeamProject": "Bank", "System.AreaPath": "Bank"})
        else:
            organisation.change(item_id, **{"System.State": "Closed"})
    for item_id in range(31, 41):
        organisation.create(item_id, "Shop")
