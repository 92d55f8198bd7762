"""Kill -9 at every commit point and at random instants, then a run: the raw tables are those of a run left alone."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from extractors.landing import Landing
from tests.faults.trials import (
    Site,
    assert_whole_batches,
    cursor,
    held_counts,
    kill_after,
    kill_at_point,
    records,
    run_to_end,
    seconds_to_end,
)

INSTANTS = 50  # for each of the four sites


class Undisturbed:
    """What a run that nobody kills leaves behind."""

    def __init__(self, site: Site, home: Path) -> None:
        self.points = run_to_end(site, home)
        self.records = records(site, home)
        self.held = held_counts(site, home)
        self.cursor = cursor(site, home)
        assert sum(map(len, self.records.values())) > 50
        assert any(self.held.values())

    def assert_same(self, site: Site, home: Path) -> None:
        """After a killed run and another: nothing lost, nothing doubled, and the cursor where it belongs."""
        assert_whole_batches(site, home)
        run_to_end(site, home)
        assert_whole_batches(site, home)
        assert records(site, home) == self.records
        assert held_counts(site, home) == self.held
        assert cursor(site, home) == self.cursor


def assert_next_run_lands_nothing(site: Site, home: Path) -> None:
    before = records(site, home), len(Landing(home).batches())
    run_to_end(site, home)
    assert records(site, home) == before[0]
    assert len(Landing(home).batches()) > before[1]


@pytest.mark.slow
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


@pytest.mark.slow
def test_kills_at_random_instants(site: Site, tmp_path: Path) -> None:
    alone = Undisturbed(site, tmp_path / "alone")
    length = seconds_to_end(site, tmp_path / "timed")
    dice = random.Random(site.tool)  # noqa: S311
    killed = 0
    for _ in range(INSTANTS):
        home = tmp_path / "killed"
        killed += kill_after(site, home, dice.uniform(0, length))
        alone.assert_same(site, home)
        shutil.rmtree(home, ignore_errors=True)
    assert killed > INSTANTS / 2


def test_some_kills(site: Site, tmp_path: Path) -> None:
    """The same at three commit points that follow each other in one home: what a quick check can afford."""
    alone = Undisturbed(site, tmp_path / "alone")
    home = tmp_path / "killed"
    for point in (2, 6, 9):
        kill_at_point(site, home, point)
    alone.assert_same(site, home)
    assert_next_run_lands_nothing(site, home)
