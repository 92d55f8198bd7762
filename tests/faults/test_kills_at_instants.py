"""Kill -9 at two hundred random instants, then a run: the raw tables are those of a run left alone."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from tests.faults.comparing import Undisturbed
from tests.faults.trials import Site, kill_after, seconds_to_end

INSTANTS = {"jira": 40, "azure_devops": 40, "surveys": 80}  # Jira twice: Cloud and Data Center


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_kills_at_random_instants(site: Site, tmp_path: Path) -> None:
    alone = Undisturbed(site, tmp_path / "alone")
    length = seconds_to_end(site, tmp_path / "timed")
    dice = random.Random(site.tool)  # noqa: S311
    killed = 0
    for _ in range(INSTANTS[site.tool]):
        home = tmp_path / "killed"
        killed += kill_after(site, home, dice.uniform(0, length))
        alone.assert_same(site, home)
        shutil.rmtree(home, ignore_errors=True)
    assert killed > INSTANTS[site.tool] / 2
