"""Kill -9 at random instants, then a run: the raw tables are those of a run left alone.

A seeded sample of two hundred and eighty instants, or all of them: see `sampled`.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from tests.faults.comparing import Undisturbed
from tests.faults.sites import Site
from tests.faults.trials import kill_after, sampled, seconds_to_end

FEW = 5
INSTANTS = 40  # of each of seven sources


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_kills_at_random_instants(site: Site, tmp_path: Path) -> None:
    alone = Undisturbed(site, tmp_path / "alone")
    length = seconds_to_end(site, tmp_path / "timed")
    dice = random.Random(site.name)  # noqa: S311
    instants = sampled(sorted(dice.uniform(0, length) for _ in range(INSTANTS)), FEW, site.name)
    for instant in instants:
        home = tmp_path / "killed"
        while not kill_after(site, home, instant):  # it had ended: the machine is less busy than when it was timed
            shutil.rmtree(home)
            instant /= 2
        alone.assert_same(site, home)
        shutil.rmtree(home, ignore_errors=True)
