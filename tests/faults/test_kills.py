"""Kill -9 at every commit point, then a run: the raw tables are those of a run left alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.faults.comparing import Undisturbed, assert_next_run_lands_nothing
from tests.faults.trials import Site, kill_at_point


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_kill_at_every_commit_point(site: Site, tmp_path: Path) -> None:
    alone = Undisturbed(site, tmp_path / "alone")
    assert alone.points > 10
    for point in range(1, alone.points + 1):
        home = tmp_path / "killed"
        kill_at_point(site, home, point)
        alone.assert_same(site, home)
        if point % 10 == 0:
            assert_next_run_lands_nothing(site, home)
        shutil.rmtree(home)


def test_some_kills(site: Site, tmp_path: Path) -> None:
    """The same at three commit points that follow each other in one home: what a quick check can afford."""
    alone = Undisturbed(site, tmp_path / "alone")
    home = tmp_path / "killed"
    for point in (2, 6, 9):
        kill_at_point(site, home, point)
    alone.assert_same(site, home)
    assert_next_run_lands_nothing(site, home)
