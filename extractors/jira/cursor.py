"""Where a Jira connection goes on: what is kept in the ledger with every batch."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from extractors.decoding import convert

VERSION = 1
NOT_READ = -1


class Load(msgspec.Struct):
    """A first load that is under way: everything up to `position` (issue id) was landed as of `started_at`."""

    projects: list[str]
    started_at: datetime
    position: int


class WorklogsOwed(msgspec.Struct):
    """Worklogs that the feed will not name again.

    `odd`: ids of worklogs that no row could be made of. `since` (epoch milliseconds; None: nothing is owed): issues
    landed since then are still compared with their worklogs, for not all that differ could be asked. `asked`: those
    that were, with the seconds that they said; NOT_READ if they are to be asked again.
    """

    odd: list[int] = []
    since: int | None = None
    asked: dict[str, int] = {}


class Cursor(msgspec.Struct):
    """`projects`: id → start of the last run that read the project to its end (the server's clock)."""

    version: int = VERSION
    time_zone: str = "UTC"
    fields_hash: str = ""
    projects: dict[str, datetime] = {}
    load: Load | None = None
    census_at: datetime | None = None  # the last one of all projects
    uncounted: list[str] = []  # projects whose census is not settled: refused, or too many issues gone
    worklogs_until: int = 0  # epoch milliseconds: up to where worklogs were read
    worklogs_owed: WorklogsOwed = msgspec.field(default_factory=WorklogsOwed)
    filters: dict[str, str] = {}  # board id → JQL that its items were read with
    gaps: list[int] = []  # ids of issues that could not be read whole: asked for again in every run

    @classmethod
    def read(cls, stored: dict[str, Any] | None) -> Cursor:
        """The stored cursor; a fresh one if there is none or it is of a version that we do not know."""
        if stored is None or stored.get("version") != VERSION:
            return cls()
        return convert(stored, cls)

    def stored(self) -> dict[str, Any]:
        stored: dict[str, Any] = msgspec.to_builtins(self)
        return stored
