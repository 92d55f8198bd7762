"""A rebuild of the same raw data gives the same numbers, to the last bit, however many threads add them up."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.dbt.comparing import differences
from tests.dbt.lives import STAGE_MAPPING, Dice, Row, azure_rows, jira_rows
from tests.dbt.warehouse import PROJECT, Warehouse

NOW = datetime(2024, 4, 20, 10, tzinfo=UTC)
BEGIN = datetime(2024, 2, 20, tzinfo=UTC)
ITEMS = 150  # per tool


def profile_with(threads: int, folder: Path) -> Path:
    """The project's profile, with DuckDB's number of threads."""
    folder.mkdir()
    shipped = (PROJECT / "profiles.yml").read_text()
    settings = "      settings:\n"
    assert settings in shipped
    (folder / "profiles.yml").write_text(shipped.replace(settings, f"{settings}        threads: {threads}\n"))
    return folder


@pytest.mark.slow
def test_threads_and_order_do_not_show_in_any_number(tmp_path: Path) -> None:
    dice = Dice(seed=11, begin=BEGIN, end=NOW)
    lives = [dice.life(number) for number in range(1, ITEMS + 1)]
    jira, azure = jira_rows(lives), azure_rows(lives)
    shuffle = random.Random(11)  # noqa: S311 - dice of a test

    def build(name: str, threads: int, *, shuffled: bool) -> Path:
        def laid(rows: Sequence[Row]) -> list[Row]:
            return shuffle.sample(list(rows), len(rows)) if shuffled else list(rows)

        (tmp_path / name).mkdir()
        warehouse = Warehouse(tmp_path / name, now=NOW, seeds={"stage_mapping": STAGE_MAPPING})
        warehouse.jira("jira", time_zone="Europe/Berlin", **{name: laid(rows) for name, rows in jira.items()})
        warehouse.azure("azure", time_zone="America/New_York", **{name: laid(rows) for name, rows in azure.items()})
        profiles = profile_with(threads, tmp_path / f"profile-{name}")
        warehouse.build(select="resource_type:seed resource_type:model", profiles=profiles).close()
        return tmp_path / name

    assert differences(build("one", 1, shuffled=False), build("other", 4, shuffled=True)) == {}
