"""A full disk: at the landing of every source, in dbt, and with a damaged warehouse. (Publication: tests/bi.)"""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.figures import figures
from tests.end_to_end.workspace import Workspace
from tests.faults.comparing import assert_whole_batches, cursor, records, unknown_files
from tests.faults.sites import Site
from tests.faults.trials import run_on_full_disk, run_to_end

PMO = Path(sys.executable).parent / "pmo"
SURVEY = """
[[connections]]
id = "customers"
kind = "survey_file"
path = "answers.csv"
survey = "customers"
metric = "nps"
score_column = "score"
submitted_at_column = "submitted"
date_format = "%Y-%m-%d"
"""


def test_a_full_disk_at_the_landing(site: Site, tmp_path: Path) -> None:
    """From a disk that takes no data file to one that takes all but the biggest file; then the disk has room again."""
    run_to_end(site, tmp_path / "alone")
    sizes = sorted(path.stat().st_size for path in (tmp_path / "alone" / "raw").rglob("*.parquet"))
    home = tmp_path / "full"
    for file_bytes in (sizes[0] // 2, sizes[-1] // 4, sizes[-1] - 1):
        told = run_on_full_disk(site, home, file_bytes)
        assert told.startswith(f"Connection '{site.connection_id}'")
        assert "could not be stored" in told
        assert "Free space" in told
        assert "\n" not in told
        if (home / "raw").exists():
            assert_whole_batches(site, home)
            assert unknown_files(home) == []
    run_to_end(site, home)
    assert records(site, home) == records(site, tmp_path / "alone")
    assert cursor(site, home) == cursor(site, tmp_path / "alone")


# -- the whole pipeline ---------------------------------------------------------------------------


@pytest.fixture
def user(tmp_path: Path) -> Workspace:
    """A survey of 400 answers, read and published once."""
    found = Workspace(tmp_path)
    lines = [f"{number % 11},2026-{number % 6 + 1:02d}-{number % 28 + 1:02d}" for number in range(400)]
    (tmp_path / "answers.csv").write_text("\n".join(["score,submitted", *lines, ""]))
    found.configure(SURVEY)
    found.run()
    return found


def answers(user: Workspace) -> int:
    return int(user.query("select count(*) from marts.fct_survey_response")[0][0])


def limited(user: Workspace, file_bytes: int, *arguments: str) -> tuple[int, str]:
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

    done = subprocess.run(
        [str(PMO), *arguments], cwd=user.folder, env=user.env(), preexec_fn=limit,
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def leftovers(user: Workspace) -> list[str]:
    names = [path for path in user.home.rglob("*") if path.suffix in {".part", ".tmp"} or ".building" in path.name]
    return [str(path) for path in names if path.exists()]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_full_disk_in_dbt_and_a_damaged_warehouse(user: Workspace) -> None:
    before, count = figures(user), answers(user)
    warehouse = user.home / "warehouse.duckdb"
    size = warehouse.stat().st_size
    # The disk takes everything but a warehouse.
    status, text = limited(user, size * 6 // 10, "rebuild")
    assert status == 1
    assert "Traceback" not in text
    flat = " ".join(text.split())  # dbt or Dagster's own storage meets it first
    assert (
        "The marts were not published; the last good publication stays" in flat or "The disk cannot take more" in flat
    )
    assert figures(user) == before
    assert answers(user) == count
    # There is room again: the next run finds what the failed build left, and makes it anew.
    is_left = warehouse.exists()
    again = user.run()
    assert ("is built anew from the raw data" in " ".join(again.stdout.split())) == is_left
    assert leftovers(user) == []
    assert answers(user) == count
    # Bits rot all over the file, then a rebuild: the same marts as those of a warehouse that was whole.
    whole = figures(user)
    content = bytearray(warehouse.read_bytes())
    for place in range(1000, len(content), len(content) // 20):
        content[place] ^= 0xFF
    warehouse.write_bytes(content)
    done = user.pmo("rebuild")
    assert done.returncode == 0, done.stdout + done.stderr
    assert figures(user) == whole
