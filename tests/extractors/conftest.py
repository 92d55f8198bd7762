"""Fixtures of the extractors' tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from extractors import limiter as limiters
from tests.extractors.azure_devops_server import ANN, AzureDevOpsServer, Organisation
from tests.extractors.azure_devops_site import Site


@pytest.fixture(autouse=True)
def _no_old_limiters() -> None:
    """A port may come again, and what was learnt of its last server shall not."""
    limiters._limiters.clear()


@pytest.fixture
def organisation() -> Organisation:
    organisation = Organisation()
    organisation.add_project("Shop", "Falcon", "Heron")
    organisation.add_project("Bank", "Teller")
    for item_id in range(1, 21):
        organisation.create(item_id, "Shop" if item_id % 2 else "Bank")
        organisation.change(item_id, **{"System.State": "Active", "System.AssignedTo": ANN})
    return organisation


@pytest.fixture
def site(tmp_path: Path, organisation: Organisation) -> Iterator[Site]:
    with AzureDevOpsServer(organisation) as server:
        yield Site(tmp_path, organisation, server)
