"""One Great Expectations context for all of these tests: importing it takes seconds."""

from __future__ import annotations

import pytest

from quality.runner import Runner


@pytest.fixture(scope="session")
def runner() -> Runner:
    return Runner()
