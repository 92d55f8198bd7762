"""Write, audit, publish: the files, their agreement, and what a failure or a kill leaves."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from bi.publication import PublicationRun, PublishError
from bi.publish import publish

from .conftest import Home
from .synthetic import RUN

SPAWN = multiprocessing.get_context("spawn")  # the Hyper library does not survive a fork


def _publish(home: Home, run: PublicationRun = RUN, **more: object) -> None:
    publish(home.warehouse, home.path, run=run, manifest=home.manifest, **more)


def test_all_core_and_marts_tables_are_published_and_nothing_else(published: Home) -> None:
    receipt = json.loads((published.published / "publication.json").read_text())
    names = {table["name"] for table in receipt["tables"]}
    assert {"kpi_scorecard", "dim_work_item", "fct_item_flow"} <= names
    assert not {"int_item_state", "secret"} & names
    assert {path.stem for path in (published.published / "parquet").iterdir()} == names


def test_every_form_has_the_warehouse_rows(published: Home) -> None:
    receipt = json.loads((published.published / "publication.json").read_text())
    with _attached(published) as marts:
        for table in receipt["tables"]:
            source, name = f"warehouse.{table['layer']}.{table['name']}", f"pmo.marts.{table['name']}"
            if table["name"] != "dim_work_item":  # its NUL characters are gone
                assert marts.execute(f"(from {source} except all from {name}) limit 1").fetchall() == []
            parquet = published.published / "parquet" / f"{table['name']}.parquet"
            assert marts.execute(f"(from {name} except all from '{parquet}') limit 1").fetchall() == []
            assert marts.execute(f"select count(*) from {name}").fetchall() == [(table["rows"],)]


def _attached(home: Home) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(f"attach '{home.published / 'marts.duckdb'}' as pmo (read_only)")
    connection.execute(f"attach '{home.warehouse}' as warehouse (read_only)")
    return connection


def test_nul_characters_are_removed_and_counted(published: Home) -> None:
    receipt = json.loads((published.published / "publication.json").read_text())
    cleaned = {table["name"]: table["nul_cleaned_cells"] for table in receipt["tables"]}
    assert cleaned["dim_work_item"] == 2  # one title, one label
    with _attached(published) as marts:
        rows = marts.execute(
            "select title, labels from pmo.marts.dim_work_item where contains(title, chr(0)) or title = 'ab'"
        ).fetchall()
    assert rows == [("ab", ["backend", "ab"])]


def test_descriptions_become_comments_and_old_drivers_can_open_the_file(published: Home) -> None:
    with duckdb.connect(published.published / "marts.duckdb", read_only=True) as marts:
        assert marts.execute("select comment from duckdb_tables() where table_name = 'kpi_cfd'").fetchall() == [
            ("One row per row of kpi_cfd; it's the test's.",)
        ]
        assert marts.execute(
            "select comment from duckdb_columns() where table_name = 'kpi_cfd' and column_name = 'stage'"
        ).fetchall() == [("What stage says.",)]
        (tags,) = marts.execute("select tags from duckdb_databases() where database_name = 'marts'").fetchone()
    assert tags["storage_version"].startswith("v1.0.0")


def test_parquet_bytes_depend_on_the_content_alone(home: Home) -> None:
    _publish(home)
    first = {path.name: path.read_bytes() for path in (home.published / "parquet").iterdir()}
    _publish(home)
    assert first == {path.name: path.read_bytes() for path in (home.published / "parquet").iterdir()}


def test_as_of_publishes_beside_the_present_one(home: Home) -> None:
    _publish(home)
    present = (home.published / "publication.json").read_bytes()
    _publish(home, as_of=date(2026, 1, 31))
    assert (home.published / "publication.json").read_bytes() == present
    assert (home.path / "published-as-of" / "2026-01-31" / "marts.duckdb").is_file()
    _publish(home, replace(RUN, run_id="later"))
    assert (home.path / "published-as-of" / "2026-01-31" / "marts.duckdb").is_file()


def test_only_the_current_version_and_the_one_before_are_kept(home: Home) -> None:
    for number in range(4):
        _publish(home, PublicationRun(f"run-{number}", RUN.published_at + timedelta(minutes=number)))
    kept = sorted(path.name.split("-")[-1] for path in (home.path / "publications").iterdir() if path.is_dir())
    assert kept == ["2", "3"]
    assert str(home.published.readlink()).startswith("publications/")  # relative: PMO_HOME can be moved


def test_a_failure_leaves_the_last_good_publication(home: Home) -> None:
    _publish(home)
    before = home.published.resolve()
    with duckdb.connect(home.warehouse) as warehouse:
        warehouse.execute("drop table marts.kpi_cfd")
    with pytest.raises(PublishError, match=r"marts\.kpi_cfd.*dbt build"):
        _publish(home)
    assert home.published.resolve() == before
    assert [path.name for path in (home.path / "publications").iterdir() if path.is_dir()] == [before.name]


@pytest.mark.parametrize("broken", ["warehouse", "manifest"])
def test_missing_inputs_are_named(home: Home, broken: str, tmp_path: Path) -> None:
    missing = replace(home, **{broken: tmp_path / "nowhere"})
    with pytest.raises(PublishError, match="nowhere"):
        _publish(missing)


def test_a_warehouse_that_is_being_written_is_named(home: Home) -> None:
    ready, done = SPAWN.Event(), SPAWN.Event()
    writer = SPAWN.Process(target=_hold_open, args=(home.warehouse, ready, done))
    writer.start()
    try:
        assert ready.wait(30)
        with pytest.raises(PublishError, match="While dbt writes"):
            _publish(home)
    finally:
        done.set()
        writer.join(30)


def _hold_open(warehouse: Path, ready: object, done: object) -> None:
    with duckdb.connect(warehouse):
        ready.set()
        done.wait(60)


def test_a_full_disk_leaves_the_last_good_publication(home: Home) -> None:
    _publish(home)
    before = home.published.resolve()
    process = SPAWN.Process(target=_publish_with_small_files, args=(home,))
    process.start()
    process.join(60)
    assert process.exitcode == 3
    assert home.published.resolve() == before
    _publish(home, replace(RUN, run_id="after"))
    assert home.published.resolve() != before
    assert not list((home.path / "publications").glob(".building-*"))


def _publish_with_small_files(home: Home) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then a write beyond the limit fails as on a full disk
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    try:
        _publish(home, replace(RUN, run_id="small"))
    except PublishError:
        os._exit(3)
    os._exit(4)


def test_readers_never_see_a_gap_nor_leftovers_of_killed_publications(home: Home) -> None:
    """A reader polls while 5 publications are made, 2 of which are killed at various instants."""
    _publish(home)
    stop, faults = SPAWN.Event(), SPAWN.Queue()
    reader = SPAWN.Process(target=_poll, args=(home.published, stop, faults))
    reader.start()
    for number in range(5):
        run = PublicationRun(f"run{number}", RUN.published_at + timedelta(minutes=number + 1))
        process = SPAWN.Process(target=_publish, args=(home, run))
        process.start()
        if number in (1, 3):
            time.sleep(0.6 * number)
            process.kill()
        process.join(60)
    stop.set()
    reader.join(30)
    assert faults.empty(), faults.get()
    assert json.loads((home.published / "publication.json").read_text())["run_id"] == "run4"
    _publish(home)
    folders = [path.name for path in (home.path / "publications").iterdir() if path.is_dir()]
    assert len(folders) <= 2
    assert not [name for name in folders if name.startswith(".")]


def _poll(published: Path, stop: object, faults: object) -> None:
    """Every file of a resolved version must belong together and be complete."""
    while not stop.is_set():
        try:
            version = published.resolve()
            receipt = json.loads((version / "publication.json").read_text())
            if receipt["version"] != version.name:
                faults.put(f"{version} holds {receipt['version']}")
            for name, size in receipt["files"].items():
                if (version / name).stat().st_size != size:
                    faults.put(f"{name} differs")
            (published / "marts.duckdb").stat()
        except FileNotFoundError as error:
            faults.put(f"gap: {error}")
        time.sleep(0.01)
