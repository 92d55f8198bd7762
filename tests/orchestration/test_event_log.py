"""Our event log beside Dagster's own: the same files, the same answers, and a switch between them."""

import threading
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.storage.event_log import SqliteEventLogStorage

from orchestration.event_log import KEPT_OPEN, FastSqliteEventLogStorage
from orchestration.instance import dagster_home
from orchestration.paths import Home


@dg.asset
def thing(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    context.log.info("made")
    return dg.MaterializeResult(metadata={"rows": 3})


def instance(home: Path, *, is_stock: bool = False) -> dg.DagsterInstance:
    """An instance by the project's dagster.yaml, or by the same without the section that names our class."""
    folder = dagster_home(Home(home, home))
    if is_stock:
        settings = yaml.safe_load((folder / "dagster.yaml").read_text())
        del settings["event_log_storage"]
        (folder / "dagster.yaml").write_text(yaml.safe_dump(settings))
    return dg.DagsterInstance.from_config(str(folder))


def materialize(instance: dg.DagsterInstance) -> str:
    result = dg.materialize([thing], instance=instance)
    assert result.success
    return result.run_id


def told(instance: dg.DagsterInstance, run_id: str) -> list[tuple[str, str]]:
    return [(str(entry.level), entry.message) for entry in instance.all_logs(run_id)]


def test_the_switch_works_both_ways_on_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    with instance(tmp_path) as ours:
        assert type(ours.event_log_storage) is FastSqliteEventLogStorage
        first = materialize(ours)
        expected = told(ours, first)
        assert len(expected) > 5
    with instance(tmp_path, is_stock=True) as stock:
        assert type(stock.event_log_storage) is SqliteEventLogStorage
        assert told(stock, first) == expected
        second = materialize(stock)
        assert [message for _, message in told(stock, second)][-1] == expected[-1][1]
        counted = told(stock, second)
    with instance(tmp_path) as ours:
        assert told(ours, second) == counted
        event = ours.get_latest_materialization_event(dg.AssetKey("thing"))
        assert event is not None
        assert event.run_id == second


def test_connections_are_kept_but_not_without_end(tmp_path: Path):
    log = FastSqliteEventLogStorage(str(tmp_path))
    try:
        with log.run_connection("one") as first:
            kept = first.connection.dbapi_connection
        with log.run_connection("one") as again:
            assert again.connection.dbapi_connection is kept
        for number in range(KEPT_OPEN + 5):
            with log.run_connection(f"run-{number}"):
                pass
        assert len(log._engines) == KEPT_OPEN
        with log.run_connection("one") as reopened:
            assert reopened.connection.dbapi_connection is not kept
    finally:
        log.dispose()


def test_a_wiped_log_begins_anew(tmp_path: Path):
    log = FastSqliteEventLogStorage(str(tmp_path))
    try:
        with log.run_connection("gone"):
            pass
        log.wipe()
        assert log.get_logs_for_run("gone") == []
    finally:
        log.dispose()


def test_threads_take_turns(tmp_path: Path):
    log = FastSqliteEventLogStorage(str(tmp_path))
    failures: list[BaseException] = []

    def read() -> None:
        try:
            for _ in range(20):
                log.get_logs_for_run("shared")
        except BaseException as error:  # noqa: BLE001 - handed to the test
            failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.dispose()
    assert failures == []
