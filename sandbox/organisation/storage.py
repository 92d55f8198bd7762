"""`organisation.sqlite`: what the organisation is, what it has done, its books, and where it stands.

Rows hold msgpack of the structs in `sandbox.model` and `books.py`. One process writes, in one
transaction per run; readers see the state after a run or before it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

FILE_NAME = "organisation.sqlite"
FORMAT = 3
"""Grows with every change of what the simulation keeps or does: an older organisation cannot live on."""
_SCHEMA = """
create table about (key text primary key, value blob not null) without rowid;
create table cells (cell integer primary key, state blob not null);
create table parts (tool text not null, kind text not null, id integer not null, body blob not null,
    primary key (tool, kind, id)) without rowid;
create table items (tool text not null, item_id integer not null, key text not null, version integer not null,
    body blob not null);
create table answers (answer_id integer primary key, version integer not null, body blob not null);
create table book_sprints (tool text not null, sprint_id integer not null, body blob not null,
    primary key (tool, sprint_id)) without rowid;
create table book_periods (tool text not null, team_id integer not null, period text not null, body blob not null,
    primary key (tool, team_id, period)) without rowid;
create table book_items (tool text not null, item_id integer not null, body blob not null);
create table book_surveys (cell integer not null, key text not null, body blob not null,
    primary key (cell, key)) without rowid;
"""
_INDEXES = """
create unique index items_by_id on items (tool, item_id, key);
create index items_by_version on items (tool, version, item_id);
create unique index book_items_by_id on book_items (tool, item_id);
"""


@contextmanager
def opened(path: Path, *, write: bool = False) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path if write else f"file:{path}?mode=ro", uri=not write, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def create(connection: sqlite3.Connection) -> None:
    """Empty tables of a file that nobody else sees yet: no journal, indexes come when it is full."""
    connection.execute("pragma journal_mode = off")
    connection.execute("pragma synchronous = off")
    connection.executescript(_SCHEMA)


def index(connection: sqlite3.Connection) -> None:
    connection.executescript(_INDEXES)


def put_about(connection: sqlite3.Connection, values: dict[str, object]) -> None:
    rows = [(key, msgspec.msgpack.encode(value)) for key, value in values.items()]
    connection.executemany("insert or replace into about values (?, ?)", rows)


class OutdatedError(Exception):
    """The folder holds an organisation of another version; str() says which."""


def check_format(connection: sqlite3.Connection, home: Path) -> None:
    """Raises OutdatedError."""
    try:
        found = about(connection).get("format", 1)
    except sqlite3.DatabaseError as error:
        raise OutdatedError(f"{home / FILE_NAME} cannot be read ({error}).") from error
    if found != FORMAT:
        age = "an earlier" if isinstance(found, int) and found < FORMAT else "a later"
        raise OutdatedError(
            f"{home / FILE_NAME} was simulated by {age} version of the sandbox (format {found}, this one has {FORMAT})."
        )


def about(connection: sqlite3.Connection) -> dict[str, object]:
    return {key: msgspec.msgpack.decode(value) for key, value in connection.execute("select key, value from about")}


def replace(
    connection: sqlite3.Connection, table: str, keys: tuple[str, ...], rows: Iterable[tuple[object, ...]]
) -> None:
    """Insert rows that may be there already; the first columns are the key."""
    listed = list(rows)
    if not listed:
        return
    where = " and ".join(f"{key} = ?" for key in keys)
    connection.executemany(f"delete from {table} where {where}", [row[: len(keys)] for row in listed])  # noqa: S608 - our own names
    insert(connection, table, listed)


def insert(connection: sqlite3.Connection, table: str, rows: Iterable[tuple[object, ...]]) -> None:
    listed = list(rows)
    if listed:
        marks = ", ".join("?" * len(listed[0]))
        connection.executemany(f"insert into {table} values ({marks})", listed)  # noqa: S608 - our own names
