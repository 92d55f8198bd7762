"""Kill -9 at commit points, then a run: the raw tables are those of a run left alone.

A seeded sample of the points, or all of them: see `sampled`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.faults.comparing import Undisturbed, assert_next_run_lands_nothing, batches_with_rows, records
from tests.faults.conftest import Growing
from tests.faults.sites import Site
from tests.faults.trials import kill_at_point, run_to_end, sampled

FEW = 9


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_a_kill_at_every_commit_point(site: Site, tmp_path: Path) -> None:
    alone = Undisturbed(site, tmp_path / "alone")
    assert alone.points > 10
    batches = batches_with_rows(site, tmp_path / "alone")
    assert batches >= site.fewest_batches
    between = 0
    for number, point in enumerate(sampled(range(1, alone.points + 1), FEW, site.name)):
        home = tmp_path / "killed"
        kill_at_point(site, home, point)
        between += 0 < batches_with_rows(site, home) < batches
        alone.assert_same(site, home)
        if number % 10 == 0:
            assert_next_run_lands_nothing(site, home)
        shutil.rmtree(home)
    assert between or site.fewest_batches == 1, "no kill fell between two batches with rows"


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_kills_of_an_incremental_run(growing: Growing, tmp_path: Path) -> None:
    """A week after the first load, with deleted, moved and new items."""
    site = growing.site
    before = tmp_path / "before"
    run_to_end(site, before)
    first = records(site, before)
    growing.live_a_week()
    shutil.copytree(before, tmp_path / "alone")
    alone = Undisturbed(site, tmp_path / "alone")
    assert alone.records.keys() == first.keys()
    assert all(alone.records[stream] > first[stream] for stream in growing.changed)
    for point in sampled(range(1, alone.points + 1), FEW, site.name):
        home = tmp_path / "killed"
        shutil.copytree(before, home)
        kill_at_point(site, home, point)
        alone.assert_same(site, home)
        shutil.rmtree(home)


def test_some_kills(site: Site, tmp_path: Path) -> None:
    """The same at three commit points that follow each other in one home: what a quick check can afford."""
    alone = Undisturbed(site, tmp_path / "alone")
    home = tmp_path / "killed"
    for point in (2, 6, 9):
        kill_at_point(site, home, point)
    alone.assert_same(site, home)
    assert_next_run_lands_nothing(site, home)
