"""A small served organisation for all trials of this folder, and survey files beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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
