"""What a publication is: the types that callers of `bi` see.

`publish()` takes a `PublicationRun` and, where a PostgreSQL server serves the marts, a
`PostgresTarget`; it returns a `Publication` or raises `PublishError`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path


class PublishError(Exception):
    """A publication that did not happen, as one readable paragraph: what, why, what to do. Never a secret."""


@dataclass(frozen=True)
class PublicationRun:
    """The pipeline run that publishes. `published_at` is aware; it is written in UTC."""

    run_id: str
    published_at: datetime

    def __post_init__(self) -> None:
        if self.published_at.tzinfo is None:
            raise ValueError("published_at needs a time zone")

    @property
    def published_at_utc(self) -> datetime:
        return self.published_at.astimezone(UTC)


@dataclass(frozen=True)
class PostgresTarget:
    """The serving PostgreSQL server. `password` is never shown by `repr` nor put into an error."""

    host: str
    port: int
    database: str
    user: str
    password: str | None = field(default=None, repr=False)
    schema: str = "marts"
    reader_role: str = "bi_reader"

    def __str__(self) -> str:
        return f"PostgreSQL at {self.host}:{self.port}, database {self.database}, user {self.user}"


@dataclass(frozen=True)
class Publication:
    """What was published.

    folder: the stable path (`$PMO_HOME/published`, or `published-as-of/DATE`).
    version: name of the folder under `$PMO_HOME/publications` that it now points to.
    tables: rows per table, by name.
    data_as_of: latest watermark of a connection (naive UTC as in the marts), None without connections.
    notices: what a person should know although nothing failed.
    """

    folder: Path
    version: str
    tables: dict[str, int]
    data_as_of: datetime | None
    postgres: PostgresTarget | None = None
    notices: tuple[str, ...] = ()
