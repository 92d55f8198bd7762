"""Dagster's SQLite event log, with connections that stay open.

The stock storage makes a new SQLAlchemy engine for every single event: nothing of a statement's compilation is reused,
and each commit waits for the disk. A run of this project writes about a thousand events, so that was a third of a run
without changes. Here each database keeps one engine, and commits are durable against a crash of the process (WAL,
synchronous = NORMAL), which is enough for a log that tells what happened to data that lies elsewhere.

dagster.yaml names the class. Files and schema are those of the stock storage: taking the lines out of dagster.yaml
goes back to it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import sqlalchemy
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import StaticPool

BUSY_SECONDS = 60


class FastSqliteEventLogStorage(SqliteEventLogStorage):
    """One open connection per database. `base_dir` is DAGSTER_HOME; the databases lie where Dagster puts them."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, Engine] = {}
        self._engine_lock = threading.Lock()
        super().__init__(str(Path(base_dir) / "history" / "runs"), inst_data)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._engine_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> Engine:
        """The shard's engine. The lock around it lets one thread at a time use its connection."""
        if shard not in self._engines:
            engine = sqlalchemy.create_engine(
                self.conn_string_for_shard(shard),
                poolclass=StaticPool,
                connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
            )
            sqlalchemy.event.listen(engine, "connect", _do_not_wait_for_the_disk)
            self._engines[shard] = engine
        return self._engines[shard]

    def dispose(self) -> None:
        with self._engine_lock:
            for engine in self._engines.values():
                engine.dispose()
            self._engines.clear()
        super().dispose()


def _do_not_wait_for_the_disk(connection: Any, _record: Any) -> None:
    connection.execute("pragma synchronous = normal")
