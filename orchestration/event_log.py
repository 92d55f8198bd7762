"""Dagster's SQLite event log, with connections that stay open.

The stock storage makes a new SQLAlchemy engine for every single event: nothing of a statement's compilation is reused,
and each commit waits for the disk. A run of this project writes about a thousand events, so that was a third of a run
without changes. Here the databases in use keep one engine each, and commits are durable against a crash of the process
(WAL, synchronous = NORMAL), which is enough for a log that tells what happened to data that lies elsewhere.

Only the two connections that every SQL event log of Dagster offers (`run_connection`, `index_connection`) are ours. The
stock class makes and upgrades the databases; files and schema are its own. dagster.yaml names the class: taking the
section `event_log_storage` out of it goes back to the stock class.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Self

import sqlalchemy
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import StaticPool

BUSY_SECONDS = 60
KEPT_OPEN = 16  # databases; there is one per run, and the web page may show many runs
INDEX = "index"


class FastSqliteEventLogStorage(SqliteEventLogStorage):
    """One open connection per database. `base_dir` is DAGSTER_HOME; the databases lie where Dagster puts them."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._engine_lock = threading.Lock()
        super().__init__(str(Path(base_dir) / "history" / "runs"), inst_data)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        return cls(inst_data=inst_data, **config_value)

    def run_connection(self, run_id: str | None = None) -> AbstractContextManager[Connection]:
        return self._open(str(run_id), super().run_connection(run_id))

    def index_connection(self) -> AbstractContextManager[Connection]:
        return self._open(INDEX, super().index_connection())

    @contextmanager
    def _open(self, shard: str, stock: AbstractContextManager[Connection]) -> Iterator[Connection]:
        """A transaction on the shard's own connection; one thread at a time. `stock` makes the database at first."""
        with self._engine_lock:
            if shard not in self._engines:
                with stock:
                    pass
                self._keep(shard)
            self._engines.move_to_end(shard)
            with self._engines[shard].connect() as connection, connection.begin():
                yield connection

    def _keep(self, shard: str) -> None:
        engine = sqlalchemy.create_engine(
            self.conn_string_for_shard(shard),
            poolclass=StaticPool,
            connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        )
        sqlalchemy.event.listen(engine, "connect", _do_not_wait_for_the_disk)
        self._engines[shard] = engine
        while len(self._engines) > KEPT_OPEN:
            self._engines.popitem(last=False)[1].dispose()

    def wipe(self) -> None:
        self._close()
        super().wipe()
        self._close()

    def dispose(self) -> None:
        self._close()
        super().dispose()

    def _close(self) -> None:
        with self._engine_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()


def _do_not_wait_for_the_disk(connection: Any, _record: Any) -> None:
    connection.execute("pragma synchronous = normal")
