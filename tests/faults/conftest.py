"""A small served organisation for all trials of this folder, and survey files beside it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.model import Tool
from sandbox.servers.survey_desk import Reply
from tests.extractors import survey_tools
from tests.extractors.azure_devops_server import AzureDevOpsServer, Organisation
from tests.extractors.jira_life import Life, living
from tests.extractors.sandbox_site import Sandbox, served
from tests.extractors.survey_tools import TOOLS, Tools, edit, reply
from tests.faults.sites import Site

ITEMS = 60


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with served(tmp_path_factory.mktemp("organisation") / "sandbox", items=ITEMS, now=None) as server:
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


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tools]:
    """Survey tools with a hundred answers to one survey, and sixty to another."""
    with survey_tools.served(tmp_path_factory.mktemp("desk"), _replies()) as tools:
        yield tools


def _replies() -> list[Reply]:
    scored = [reply(number, number % 11, days_ago=1 + number % 40) for number in range(1, 101)]
    return [*scored, *(reply(200 + number, 1 + number % 5, form="csat") for number in range(60))]


@pytest.fixture(params=["jira_cloud", "jira_data_center", "azure_devops", "survey_file", *TOOLS])
def site(request: pytest.FixtureRequest) -> Site:
    """Each source in turn."""
    name = str(request.param)
    if name == "survey_file":
        return Site(name, "surveys", str(request.getfixturevalue("inbox") / "*.csv"), kind=name)
    if name in TOOLS:
        return Site(name, "surveys", request.getfixturevalue("desk").url, kind=name)
    sandbox: Sandbox = request.getfixturevalue("sandbox")
    return {
        "jira_cloud": Site(name, "jira", sandbox.cloud),
        "jira_data_center": Site(name, "jira", sandbox.data_center),
        "azure_devops": Site(name, "azure_devops", f"http://127.0.0.1:{sandbox.port_base + 2}/pmo"),
    }[name]


@dataclass(frozen=True)
class Growing:
    """A source in which a week goes by when a test says so. `changed`: streams that get new rows by that."""

    site: Site
    live_a_week: Callable[[], None]
    changed: tuple[str, ...]


@pytest.fixture(params=["jira_cloud", "jira_dc", "azure_devops", *TOOLS])
def growing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Growing]:
    """Each tool in turn. Nobody says when Jira's items were deleted; most of Azure DevOps' lie in the recycle bin."""
    name = str(request.param)
    if name in TOOLS:
        replies = _replies()
        with survey_tools.served(tmp_path / "desk", replies) as tools:
            site = Site(name, "surveys", tools.url, is_census=True, kind=name)
            yield Growing(site, lambda: _week_of_answers(tools), ("surveys/responses",))
        return
    if name == "azure_devops":
        organisation = _organisation()
        with AzureDevOpsServer(organisation) as server:
            site = Site(name, "azure_devops", server.url, is_census=True)
            changed = ("azure_devops/revisions", "azure_devops/deleted_items")
            yield Growing(site, lambda: _week_of_azure_devops(organisation), changed)
        return
    now, dice = datetime(2027, 2, 1, tzinfo=UTC), random.Random("a week")  # noqa: S311
    with living(tmp_path, Tool(name), "Europe/London", now, dice) as (life, url):
        for _ in range(30):
            life.create()
        site = Site(name, "jira", url, is_census=True)
        yield Growing(site, lambda: _week_of_jira(life), ("jira/issues", "jira/issue_changes"))


def _week_of_answers(tools: Tools) -> None:
    """Some are put right, some withdrawn, new ones come."""
    for number, one in enumerate(list(tools.desk.all)):
        if number % 9 == 0:
            edit(one, 1 + number % 5)
        elif number % 20 == 5:
            tools.desk.all.remove(one)
    tools.desk.all += [reply(300 + number, number % 11, days_ago=0.1) for number in range(50)]


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
    """Among others: 10 and 30 lie in the recycle bin, 20 was destroyed from there, 7 and 18 by no way that shows."""
    organisation.clock += timedelta(days=6)
    for item_id in range(3, 31):
        if item_id in (7, 18):
            organisation.destroy(item_id)
        elif item_id % 10 == 0:
            organisation.delete(item_id)
        elif item_id % 4 == 1:
            organisation.change(item_id, **{"System.TeamProject": "Bank", "System.AreaPath": "Bank"})
        else:
            organisation.change(item_id, **{"System.State": "Closed"})
    organisation.destroy(20)
    for item_id in range(31, 41):
        organisation.create(item_id, "Shop")
