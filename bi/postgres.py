"""The marts in PostgreSQL, the door for BI servers: loaded by COPY, swapped by name, read by one role.

All of it is one transaction: a staging schema is filled, gets keys, comments and the reader's rights,
then takes the name of the serving schema. A failure rolls everything back, so the old marts stay; a
reader sees the old tables or the new ones, never none and never some of each. Renaming a schema
locks no table, so running queries go on undisturbed; the old tables are dropped afterwards, or, if
somebody still reads them, by the next load.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql

from bi.catalog import Table
from bi.marts import open_marts
from bi.postgres_tables import load_table
from bi.postgres_views import follow_views, views_on
from bi.publication import PostgresTarget, PublishError

CONNECT_SECONDS = 10
LOCK_WAIT = "10s"
DROP_WAIT = "1s"  # the old tables harm nobody; who waits longer only holds up new readers
ADVISORY_LOCK = 0x706D6F  # "pmo": one load into a database at a time

Connection = psycopg.Connection[tuple[object, ...]]


@dataclass(frozen=True)
class Loaded:
    """What a load did: rows by table, and what a person should know although the new marts are served."""

    rows: dict[str, int]
    notices: tuple[str, ...] = ()


def load_postgres(target: PostgresTarget, published: Path, tables: list[Table]) -> Loaded:
    """Load `tables` from `published`/marts.duckdb into the target's schema.

    Raises PublishError that names server, database and user (never the password); PostgreSQL then
    still has the marts that it had. What goes wrong after the new ones are visible is a notice.
    """
    try:
        with _connect(target) as connection:
            with connection.transaction():
                rows = _load_and_swap(connection, target, published, tables)
            return Loaded(rows, _drop_old(connection, target))
    except psycopg.Error as error:
        raise PublishError(_readable(target, error)) from error


def _connect(target: PostgresTarget) -> Connection:
    """No sslmode here: libpq encrypts where the server can, and PGSSLMODE, PGSSLROOTCERT … say what must be."""
    return psycopg.connect(
        host=target.host,
        port=target.port,
        dbname=target.database,
        user=target.user,
        password=target.password,
        connect_timeout=CONNECT_SECONDS,
        application_name="agile-pmo publish",
        autocommit=True,
        options=f"-c lock_timeout={LOCK_WAIT} -c timezone=UTC -c client_min_messages=warning",
    )


def _load_and_swap(
    connection: Connection, target: PostgresTarget, published: Path, tables: list[Table]
) -> dict[str, int]:
    connection.execute("select pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])
    loading = f"{target.schema}__loading"
    connection.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(loading)))
    connection.execute(sql.SQL("create schema {}").format(sql.Identifier(loading)))
    with open_marts(published) as marts:
        rows = {table.name: load_table(connection, marts, loading, table) for table in tables}
    _grant(connection, target, loading)
    views = views_on(connection, target.schema)
    _swap(connection, target.schema, loading)
    follow_views(connection, views, target.schema)
    return rows


def _swap(connection: Connection, schema: str, loading: str) -> None:
    exists = connection.execute("select 1 from pg_namespace where nspname = %s", [schema]).fetchone()
    rename = sql.SQL("alter schema {} rename to {}")
    if exists:
        old = f"{schema}__old_{uuid4().hex[:8]}"
        connection.execute(rename.format(sql.Identifier(schema), sql.Identifier(old)))
    connection.execute(rename.format(sql.Identifier(loading), sql.Identifier(schema)))
    connection.execute(
        sql.SQL("comment on schema {} is {}").format(
            sql.Identifier(schema), sql.Literal("Published KPI marts. Replaced as a whole by each publication.")
        )
    )


def _grant(connection: Connection, target: PostgresTarget, loading: str) -> None:
    """The reader may connect, use this schema, and select; it gets its password, if any, from the administrator."""
    role = sql.Identifier(target.reader_role)
    exists = connection.execute("select 1 from pg_roles where rolname = %s", [target.reader_role]).fetchone()
    if not exists:
        connection.execute(sql.SQL("create role {} login").format(role))
    schema = sql.Identifier(loading)
    for statement in (
        sql.SQL("grant connect on database {} to {}").format(sql.Identifier(target.database), role),
        sql.SQL("grant usage on schema {} to {}").format(schema, role),
        sql.SQL("grant select on all tables in schema {} to {}").format(schema, role),
        sql.SQL("alter default privileges in schema {} grant select on tables to {}").format(schema, role),
    ):
        connection.execute(statement)


def _drop_old(connection: Connection, target: PostgresTarget) -> tuple[str, ...]:
    """Drop the replaced schemas; one that a long query still reads is left to the next load.

    Never raises a psycopg.Error: the load is done by now. What else is in the way comes back as a notice.
    """
    failure: psycopg.Error | None = None
    try:
        old = connection.execute(
            "select nspname from pg_namespace where starts_with(nspname, %s)", [f"{target.schema}__old_"]
        ).fetchall()
        connection.execute(sql.SQL("set lock_timeout = {}").format(sql.Literal(DROP_WAIT)))
        for (name,) in old:
            failure = _try_to_drop(connection, str(name)) or failure
    except psycopg.Error as error:
        failure = error
    if failure is None:
        return ()
    return (
        f"{target} was loaded and serves the new marts, but replaced tables remain in schemas named "
        f"{target.schema}__old_… and take space. The server or driver said: {_said(target, failure)}. The next load "
        "tries again to drop them; their owner or an administrator may: drop schema <name> cascade",
    )


def _try_to_drop(connection: Connection, schema: str) -> psycopg.Error | None:
    """What stood in the way; None if it is dropped or only in use."""
    try:
        connection.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(schema)))
    except psycopg.errors.LockNotAvailable:
        return None
    except psycopg.Error as error:
        return error
    return None


def _said(target: PostgresTarget, error: psycopg.Error) -> str:
    detail = str(error).strip().splitlines()
    said = detail[0] if detail else type(error).__name__
    return said.replace(target.password, "***") if target.password else said


def _readable(target: PostgresTarget, error: psycopg.Error) -> str:
    return (
        f"The files are published, but {target} was not loaded; it still has the marts it had. "
        f"The server or driver said: {_said(target, error)}. {_remedy(error, target)}"
    )


def _remedy(error: psycopg.Error, target: PostgresTarget) -> str:
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return (
            f"User {target.user} must own schema {target.schema}, may create schemas in the database, and may create "
            f"the role {target.reader_role} (or an administrator creates it: create role {target.reader_role} login)."
        )
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return "Another load or a schema change holds a lock. Publish again when it has ended."
    if isinstance(error, psycopg.errors.IntegrityError):
        return "The data break the declared key of a table; the dbt tests should say which model is wrong."
    if isinstance(error, (psycopg.errors.DiskFull, psycopg.errors.OutOfMemory)):
        return "Free space on the server, then publish again."
    if isinstance(error, psycopg.OperationalError):
        return (
            "Check that the server runs and is reachable from here, and check host, port, database, user and the "
            "variable named by password_env under [serving.postgres] in pmo.toml."
        )
    return "Publish again; if it stays, look into the server's log."
