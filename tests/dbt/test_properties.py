"""What must not matter does not: the order of the input.

Hypothesis draws the seeds; each example is warehouses of several hundred random histories in Jira and Azure DevOps
under five policies at once. That figures are right is proven against oracles in test_flow_random.py and
test_sprints_random.py; every build here also runs the dbt tests, so that each value of the scorecard is recomputed
from its evidence, intervals tile lives and sum to ages, and the sprint identities hold.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.dbt.comparing import differences
from tests.dbt.lives import STAGE_MAPPING, Dice, Life, Row, azure_rows, jira_rows
from tests.dbt.test_flow_random import HEADER, POLICIES
from tests.dbt.warehouse import Warehouse

NOW = datetime(2024, 4, 20, 10, tzinfo=UTC)
BEGIN = datetime(2024, 2, 20, tzinfo=UTC)
LIVES = 170  # per tool; three examples are more than a thousand histories
ZONES = {"jira": "Europe/Berlin", "azure": "America/New_York"}
SEEDS = {
    "stage_mapping": STAGE_MAPPING,
    "metric_policies": "\n".join([HEADER, *(rules.line for rules in POLICIES)]),
}
Streams = dict[str, list[Row]]

pytestmark = pytest.mark.slow
drawn = settings(
    max_examples=3,
    deadline=None,
    phases=[Phase.generate],
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


def streams(lives: Sequence[Life]) -> tuple[Streams, Streams]:
    jira, azure = jira_rows(lives), azure_rows(lives)
    return {name: list(rows) for name, rows in jira.items()}, {name: list(rows) for name, rows in azure.items()}


def drawn_lives(seed: int) -> list[Life]:
    dice = Dice(seed=seed, begin=BEGIN, end=NOW)
    return [dice.life(number) for number in range(1, LIVES + 1)]


def build(home: Path, jira: Streams, azure: Streams, zones: dict[str, str]) -> Path:
    home.mkdir()
    warehouse = Warehouse(home, now=NOW, seeds=SEEDS)
    warehouse.jira("jira", time_zone=zones["jira"], **jira)
    warehouse.azure("azure", time_zone=zones["azure"], **azure)
    warehouse.build().close()
    return home


@given(seed=st.integers(min_value=0, max_value=10**6))
@drawn
def test_the_order_of_the_input_changes_nothing(seed: int) -> None:
    jira, azure = streams(drawn_lives(seed))
    with TemporaryDirectory() as folder:
        one = build(Path(folder) / "one", jira, azure, ZONES)
        shuffle = random.Random(seed)  # noqa: S311 - dice of a test
        for stream in (*jira.values(), *azure.values()):
            shuffle.shuffle(stream)
        other = build(Path(folder) / "other", jira, azure, ZONES)
        assert differences(one, other) == {}
