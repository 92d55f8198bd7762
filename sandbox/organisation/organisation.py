"""Reading the simulated organisation: its sites, items, survey answers and books."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Self, TypeVar

import msgspec

from sandbox.model import Answer, Item, Person, Project, Release, Site, Sprint, Status, Team, Tool
from sandbox.organisation import storage
from sandbox.organisation.books import ItemBook, PeriodBook, SprintBook, SurveyBook
from sandbox.organisation.clock import DAY, to_datetime
from sandbox.organisation.plan import ACCOUNT_ZONES, SITE_NAMES, TOOLS, Plan, status_dropped_at
from sandbox.organisation.workflow import STATUS_DROPPED, statuses_of

_Struct = TypeVar("_Struct", bound=msgspec.Struct)


class Organisation:
    """The organisation in a folder, as it stands after its last run. Close it, or use it in a `with`.

    Open it anew after an advance: `now` and `version` are those of the moment when it was opened.

    Raises FileNotFoundError if nobody has simulated there, OutdatedError if another version of this program has.
    """

    def __init__(self, home: Path) -> None:
        path = home / storage.FILE_NAME
        if not path.exists():
            raise FileNotFoundError(
                f"No simulated organisation in {home}: run `pmo sandbox serve` or simulate() first."
            )
        self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, check_same_thread=False)
        try:
            storage.check_format(self._connection, home)
        except storage.OutdatedError:
            self._connection.close()
            raise
        about = storage.about(self._connection)
        self._plan = msgspec.convert(about["plan"], Plan)
        self.now = to_datetime(msgspec.convert(about["now"], int))
        self.version = msgspec.convert(about["version"], int)
        self._first_until = msgspec.convert(about["first_until"], datetime)
        self.clock_stands = msgspec.convert(about.get("clock_stands", False), bool)
        told = msgspec.convert(about.get("sites", []), list[Site], strict=False)
        self._told = {site.tool: site for site in told}  # of a story (`sandbox/telling.py`), whole as they are

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    @property
    def seed(self) -> int:
        return self._plan.seed

    @property
    def size(self) -> int:
        """How many items were asked for."""
        return self._plan.items

    def sites(self) -> list[Site]:
        return [self.site(tool) for tool in TOOLS]

    def site(self, tool: Tool) -> Site:
        """Everything about one tool but its items, as far as the account may see it.

        Statuses and people carry today's names, and the former ones.
        """
        if tool in self._told:
            return self._told[tool]
        return Site(
            tool=tool,
            name=SITE_NAMES[tool],
            account_time_zone=ACCOUNT_ZONES[tool],
            people=[_known(person, self.now) for person in self._parts(tool, "person", Person)],
            statuses=self._statuses(tool),
            projects=[project for project in self._parts(tool, "project", Project) if project.is_visible],
            teams=self._parts(tool, "team", Team),
            sprints=self._parts(tool, "sprint", Sprint),
            releases=self._parts(tool, "release", Release),
            now=self.now,
            clock_stands=self.clock_stands,
        )

    def _statuses(self, tool: Tool) -> list[Status]:
        started_at = to_datetime((self._plan.started_on - 719163) * DAY)
        renamed_at = started_at + (self._first_until - started_at) * 0.55
        renamed_next_at = self._first_until + (self._first_until - started_at) * 0.01
        statuses = statuses_of(tool, _whole(renamed_at), _whole(renamed_next_at), self.now)
        dropped_at = to_datetime(status_dropped_at(self._plan, ACCOUNT_ZONES[tool]))
        for status in statuses:
            if status.status_id == STATUS_DROPPED and dropped_at <= self.now:
                status.deleted_at = dropped_at
        return statuses

    def _parts(self, tool: Tool, kind: str, struct: type[_Struct]) -> list[_Struct]:
        rows = self._connection.execute(
            "select body from parts where tool = ? and kind = ? order by id", (tool.value, kind)
        )
        decoder = msgspec.msgpack.Decoder(struct)
        return [decoder.decode(body) for (body,) in rows]

    def item_count(self, tool: Tool, changed_since_version: int | None = None) -> int:
        row = self._connection.execute(
            "select count(*) from items where tool = ? and version > ?", (tool.value, changed_since_version or 0)
        ).fetchone()
        return int(row[0])

    def items(
        self, tool: Tool, changed_since_version: int | None = None, *, first: int = 0, last: int | None = None
    ) -> Iterator[Item]:
        """Items by id, deleted ones too; with a version: those that runs after it made or changed.

        `first` and `last` are ids, both included.
        """
        rows = self._connection.execute(
            "select body from items where tool = ? and item_id between ? and ? and version > ? order by item_id",
            (tool.value, first, 1 << 60 if last is None else last, changed_since_version or 0),
        )
        return _decoded(rows, Item)

    def item(self, tool: Tool, item_id: int) -> Item:
        """Raises KeyError."""
        for item in self.items(tool, first=item_id, last=item_id):
            return item
        raise KeyError(item_id)

    def ranges(self, tool: Tool, size: int) -> list[tuple[int, int]]:
        """First and last id of every so many items."""
        rows = self._connection.execute(
            "select min(item_id), max(item_id) from (select item_id, (row_number() over (order by item_id) - 1) / ? as "
            "part from items where tool = ?) group by part order by part",
            (size, tool.value),
        )
        return [(int(low), int(high)) for low, high in rows]

    def keys(self, tool: Tool) -> Iterator[tuple[int, str]]:
        """Item id and today's key of every item, deleted ones too."""
        yield from self._connection.execute(
            "select item_id, key from items where tool = ? order by item_id", (tool.value,)
        )

    def answers(self, changed_since_version: int | None = None) -> Iterator[Answer]:
        rows = self._connection.execute(
            "select body from answers where version > ? order by answer_id", (changed_since_version or 0,)
        )
        return _decoded(rows, Answer)

    def books(self) -> Books:
        return Books(self._connection)


class Books:
    """The organisation's own records; every row says of which tool it is. See `books.py` for the columns."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def sprints(self, tool: Tool | None = None) -> Iterator[SprintBook]:
        return self._rows("book_sprints", "tool, sprint_id", SprintBook, tool)

    def periods(self, tool: Tool | None = None) -> Iterator[PeriodBook]:
        """Periods in which nothing at all happened have no row."""
        return self._rows("book_periods", "tool, team_id, period", PeriodBook, tool)

    def items(self, tool: Tool | None = None) -> Iterator[ItemBook]:
        return self._rows("book_items", "tool, item_id", ItemBook, tool)

    def surveys(self) -> Iterator[SurveyBook]:
        rows = self._connection.execute("select body from book_surveys order by cell, key")
        return _decoded(rows, SurveyBook)

    def _rows(self, table: str, order: str, struct: type[_Struct], tool: Tool | None) -> Iterator[_Struct]:
        where = "" if tool is None else "where tool = ?"
        rows = self._connection.execute(
            f"select tool, body from {table} {where} order by {order}",  # noqa: S608 - our own names
            () if tool is None else (tool.value,),
        )
        decoder = msgspec.msgpack.Decoder(struct)
        for name, body in rows:
            row = decoder.decode(body)
            row.tool = name  # type: ignore[attr-defined]
            yield row


def _decoded(rows: sqlite3.Cursor, struct: type[_Struct]) -> Iterator[_Struct]:
    decoder = msgspec.msgpack.Decoder(struct)
    for (body,) in rows:
        yield decoder.decode(body)


def _known(person: Person, now: datetime) -> Person:
    """A person as they are known now: what is still to come is not known."""
    past = {name: at if at is not None and at <= now else None for name, at in _fate(person).items()}
    if not person.former_names or person.former_names[0][0] <= now:
        name, former = person.name, person.former_names
    else:
        name, former = person.former_names[0][1], []
    return msgspec.structs.replace(
        person, name=name, former_names=former, is_active=past["deactivated_at"] is None, **past
    )


def _fate(person: Person) -> dict[str, datetime | None]:
    return {"deactivated_at": person.deactivated_at, "removed_at": person.removed_at}


def _whole(instant: datetime) -> datetime:
    return instant.replace(microsecond=0)
