"""JQL, WIQL and the clock: small languages that must be read exactly."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.render.common import Clock, milliseconds
from sandbox.servers.jql import Both, Clause, Function, JqlError, Not, parse
from sandbox.servers.jql_sql import JqlReader
from sandbox.servers.wiql import WiqlError, read_wiql
from sandbox.store import Store

ZONES = ["America/Los_Angeles", "America/New_York", "UTC", "Europe/Berlin", "Asia/Kolkata", "Pacific/Auckland"]
INSTANTS = st.datetimes(datetime(2015, 1, 1), datetime(2035, 1, 1)).map(lambda naive: naive.replace(tzinfo=UTC))  # noqa: DTZ001
NOW = datetime(2026, 11, 22, 20, 30, 15, tzinfo=UTC)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    path: Path = tmp_path_factory.mktemp("jql") / "site.sqlite"
    opened = Store.jira(path)
    opened.put_resources("project", [("10", "", {"id": "10", "key": "AND", "name": "Odd name"})])
    opened.put_resources("filter", [("7", "", {"id": "7", "jql": "project = AND OR labels = x ORDER BY Rank ASC"})])
    yield opened
    opened.close()


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_a_quoted_text_is_one_value_whatever_it_holds(text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    assert parse(f'project = "{quoted}"').where == Clause("project", "=", (text,))


def test_precedence_and_nesting() -> None:
    where = parse("a = 1 OR b = 2 AND NOT (c in (3, now()) OR d is not EMPTY) ORDER BY key DESC, id").where
    assert isinstance(where, Both)
    assert where.operator == "or"
    both = where.parts[1]
    assert isinstance(both, Both)
    assert both.operator == "and"
    assert isinstance(both.parts[1], Not)
    inner = both.parts[1].part
    assert inner == Both("or", (Clause("c", "in", ("3", Function("now", ()))), Clause("d", "is not empty", ())))


@pytest.mark.parametrize(
    "jql", ["project =", "project = (", "= 3", "a = 1 b = 2", 'a = "open', "a in 1, 2", "a is 3", "order"]
)
def test_broken_jql_is_refused(jql: str) -> None:
    with pytest.raises(JqlError):
        parse(jql)


def test_reserved_words_need_quotes(store: Store) -> None:
    reader = JqlReader(store, UTC, NOW, "me")
    assert reader.read('project = "AND"').values == (10,)
    with pytest.raises(JqlError, match="reserved JQL word"):
        reader.read("project = AND")
    with pytest.raises(JqlError, match="does not exist for the field 'project'"):
        reader.read('project = "AND\\" OR project = B"')


def test_a_filter_is_its_jql(store: Store) -> None:
    with pytest.raises(JqlError, match="reserved"):  # the filter's own text is read, too
        JqlReader(store, UTC, NOW, "me").read("filter = 7")


@pytest.mark.parametrize("zone", ZONES)
@given(instant=INSTANTS)
def test_local_minutes_never_lie_after_the_instant(store: Store, zone: str, instant: datetime) -> None:
    """What an extractor writes from an instant, floored to the minute, finds what happened then; DST changes too."""
    place = ZoneInfo(zone)
    reader = JqlReader(store, place, NOW, "me")
    bound = reader._instant(instant.astimezone(place).strftime("%Y-%m-%d %H:%M"), "updated")
    assert bound <= milliseconds(instant)
    assert milliseconds(instant) - bound < 60_000 + 3_600_000  # in the repeated hour of autumn an hour more


def test_relative_dates_and_days(store: Store) -> None:
    reader = JqlReader(store, ZoneInfo("Asia/Kolkata"), NOW, "me")
    assert reader._instant("-7d", "updated") == milliseconds(NOW - timedelta(days=7))
    assert reader._instant("2026/11/22", "updated") == milliseconds(datetime(2026, 11, 21, 18, 30, tzinfo=UTC))
    assert reader._instant("1732877091000", "updated") == 1732877091000
    assert reader._instant(Function("startofday", ()), "updated") == milliseconds(
        datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
    )


@pytest.mark.parametrize("zone", ZONES)
@given(instant=INSTANTS)
def test_the_clock_writes_instants_exactly(zone: str, instant: datetime) -> None:
    clock = Clock(ZoneInfo(zone))
    whole = instant.replace(microsecond=instant.microsecond // 1000 * 1000)
    assert datetime.strptime(clock(instant), "%Y-%m-%dT%H:%M:%S.%f%z") == whole
    assert datetime.fromisoformat(clock.with_colon(instant)) == whole


def test_wiql_binds_its_values() -> None:
    query = read_wiql(
        "SELECT [System.Id] FROM workitems WHERE [System.TeamProject] = @project "
        "AND ([System.Title] CONTAINS 'o''clock' OR [System.AreaPath] UNDER 'A\\B') "
        "AND [System.ChangedDate] >= @today - 3 ORDER BY [System.Id] DESC",
        "It's one",
        NOW,
        with_time=False,
    )
    days = milliseconds(datetime(2026, 11, 19, tzinfo=UTC)) // 86_400_000
    assert query.values == ("It's one", "o'clock", "A\\B", "A\\B\\", days)
    assert query.order == "id desc, id"


@pytest.mark.parametrize(
    "text",
    [
        "SELECT [System.Id] FROM WorkItems WHERE [System.Id] > ",
        "DROP TABLE work_items",
        "SELECT [System.Id] FROM WorkItems WHERE [System.Id] = 1; DROP TABLE work_items",
    ],
)
def test_broken_wiql_is_refused(text: str) -> None:
    with pytest.raises(WiqlError):
        read_wiql(text, None, NOW, with_time=False)
