"""One served organisation for the tests that only read it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.serving import Sandbox, serving_organisation


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with serving_organisation(tmp_path_factory.mktemp("sandbox"), items=600, seed=3) as served:
        yield served
