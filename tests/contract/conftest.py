"""A served organisation, its own recorder, and the published descriptions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.specification import SPECS
from tests.sandbox.serving import Sandbox, serving_organisation

if not SPECS.is_dir():
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    home: Path = tmp_path_factory.mktemp("contract")
    with serving_organisation(home, items=400) as served:
        yield served
