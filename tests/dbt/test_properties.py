"""What must not matter does not: the order of the input, the time zone for totals, a team that is none of ours.

Hypothesis draws companies (`company.py`): random histories in five connections under four policies side by side, one of
which changes half way. That figures are right is proven against oracles in test_flow_random.py and
test_sprints_random.py; every build here also runs all dbt tests, so that each value of the scorecard is recomputed from
its evidence, intervals tile lives and sum to ages, burndowns end at velocities and the sprint identities hold.
"""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.dbt.company import TOOLS, ZONES, Company, Streams, land
from tests.dbt.comparing import both, differences
from tests.dbt.explained import explained_otherwise
from tests.dbt.properties import BROKEN, DAYS, TOTALS
from tests.dbt.strangers import STRANGE, strangers
from tests.dbt.test_scorecard import EVIDENCE_TESTS
from tests.dbt.warehouse import Warehouse, run_dbt

BEGIN = datetime(2024, 2, 20, tzinfo=UTC)  # summer time begins on 03-10 in New York, on 03-31 in Berlin
NOW = datetime(2024, 4, 20, 10, tzinfo=UTC)
ITEMS = 130  # for each of four tools
EXPLAINED = 25  # values of each KPI
REACHED = {"azure": NOW - timedelta(days=21), "boards": NOW - timedelta(hours=5)}  # the others until NOW
EXAMPLES = 2  # of four warehouses each: 1,040 histories, twice as many with strangers
FAR_ZONES = {
    "jira": "Pacific/Auckland",
    "azure": "Asia/Kolkata",
    "boards": "America/Los_Angeles",
    "iterations": "Pacific/Honolulu",
    "surveys": "Asia/Tokyo",
}


@pytest.mark.slow
@settings(
    max_examples=EXAMPLES,
    phases=[Phase.generate],
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(seed=st.integers(min_value=0, max_value=10**6))
def test_order_time_zone_and_strangers_do_not_matter(seed: int) -> None:
    ours = Company(seed, BEGIN, NOW, ITEMS)
    with TemporaryDirectory() as folder:
        base = build(Path(folder) / "base", ours, _shown(ours))
        assert _broken(base) == {}
        assert _found_wrong(base, Path(folder) / "wrong", ours) == _values(base)
        assert explained_otherwise(base, EXPLAINED, seed) == []
        shuffled = build(Path(folder) / "shuffled", ours, _shuffled(_shown(ours), seed))
        assert differences(base, shuffled) == {}
        elsewhere = build(Path(folder) / "elsewhere", ours, _shown(ours), zones=FAR_ZONES)
        assert _different_totals(base, elsewhere) == []
        # They come later, because all periods begin with the first item of the connection.
        others = strangers(_shown(Company(seed + 1, BEGIN + timedelta(days=10), NOW, ITEMS)))
        beside = build(Path(folder) / "beside", ours, _together(_shown(ours), others))
        assert differences(base, beside, where=_ours) == {}
        assert differences(base, beside) != {}


def build(home: Path, company: Company, shown: Mapping[str, Streams], zones: Mapping[str, str] = ZONES) -> Path:
    """A warehouse with all dbt tests over what the tools show."""
    home.mkdir()
    warehouse = Warehouse(home, now=NOW, seeds=company.seeds, reached_at=dict(REACHED))
    for connection_id, streams in shown.items():
        land(warehouse, connection_id, streams, zones.get(connection_id, "UTC"))
    warehouse.build().close()
    return home


def _shown(company: Company) -> dict[str, Streams]:
    """What each connection showed when it was read last."""
    return {connection_id: company.rows_at(REACHED.get(connection_id, NOW))[connection_id] for connection_id in TOOLS}


def _broken(home: Path) -> dict[str, list[tuple[Any, ...]]]:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as session:
        session.execute("set TimeZone = 'UTC'")
        found = {name: session.execute(query).fetchall() for name, query in BROKEN.items()}
    return {name: rows for name, rows in found.items() if rows}


def _values(home: Path) -> int:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as session:
        return int(session.execute("select count(*) from marts.kpi_scorecard").fetchall()[0][0])


def _found_wrong(home: Path, copy: Path, company: Company) -> int:
    """How many rows of the scorecard the evidence tests find when every one of them is wrong."""
    copy.mkdir()
    (copy / "dbt").symlink_to(home / "dbt")
    shutil.copyfile(home / "warehouse.duckdb", copy / "warehouse.duckdb")
    with duckdb.connect(str(copy / "warehouse.duckdb")) as warehouse:
        warehouse.execute("update marts.kpi_scorecard set value = coalesce(value, 0) + 1")
    with pytest.raises(AssertionError) as failure:
        run_dbt(copy, company.seeds, "test", " ".join(EVIDENCE_TESTS.values()))
    return sum(int(count) for count in re.findall(r"_equal_their_evidence: Got (\d+) results", str(failure.value)))


def _shuffled(shown: dict[str, Streams], seed: int) -> dict[str, Streams]:
    dice = random.Random(seed)  # noqa: S311 - dice of a test
    return {
        connection_id: {stream: dice.sample(rows, len(rows)) for stream, rows in streams.items()}
        for connection_id, streams in shown.items()
    }


def _together(ours: dict[str, Streams], theirs: dict[str, Streams]) -> dict[str, Streams]:
    return {
        connection_id: {stream: [*rows, *theirs[connection_id].get(stream, [])] for stream, rows in streams.items()}
        for connection_id, streams in ours.items()
    }


def _different_totals(one: Path, other: Path) -> list[str]:
    with both(one, other) as session:
        sides = {
            name: [sorted(session.execute(query.format(db=db)).fetchall(), key=repr) for db in ("one", "other")]
            for name, query in {**TOTALS, "days": DAYS}.items()
        }
    days = sides.pop("days")
    assert days[0] != days[1], "the zones are far enough apart to move a day"
    assert all(found for found, _ in sides.values())
    return [name for name, (found, moved) in sides.items() if found != moved]


def _ours(table: str, columns: set[str]) -> str:
    """Rows of our teams and projects, and of tables without any; what sums several teams up is left out."""
    if table in ("core.dim_connection", "core.fct_coverage"):  # count records
        return "false"
    names = columns & {
        "release_key",
        "scope_key",
        "scope_name",
        "item_key",
        "team_key",
        "project_key",
        "sprint_key",
        "response_key",
    }
    conditions = [f"not coalesce(regexp_matches({name}, '{STRANGE}'), false)" for name in sorted(names)]
    if "scope_type" in columns:
        conditions.append("scope_type in ('team', 'project', 'product', 'release')")
    return " and ".join(conditions) or "true"
