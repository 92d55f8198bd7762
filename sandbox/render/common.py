"""Small things that every vendor's documents need."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice
from typing import Any, TypeVar

import msgspec

from sandbox.model import Item

T = TypeVar("T")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def milliseconds(instant: datetime) -> int:
    """Milliseconds since 1970, exactly (a float timestamp would round)."""
    return (instant - EPOCH) // _MILLISECOND


def raw(value: Any) -> msgspec.Raw:
    """A fragment that is serialised once and put into many documents."""
    return msgspec.Raw(msgspec.json.encode(value))


def name_at(instant: datetime, former_names: Sequence[tuple[datetime, str]], name: str) -> str:
    """The name at an instant; `former_names` says until when which name held, `name` is today's."""
    for until, former in former_names:
        if instant < until:
            return former
    return name


def number(text: str | None) -> float | None:
    return None if text is None else float(text)


def split_ids(text: str | None) -> list[int]:
    """'12,15' → [12, 15]; None or '' → []."""
    return [int(part) for part in text.split(",")] if text else []


def named_id(known: dict[str, int], name: str) -> int:
    """The id of a named thing: a known one, else one that follows from the name alone."""
    return known.get(name) or 20_000 + zlib.crc32(name.encode()) % 1_000_000


def people_in(item: Item) -> Iterator[int]:
    """Ids of the people whom an item's documents may show, some of them more than once."""
    yield item.creator
    yield from (int(values["assignee"] or 0) for values in (item.initial, item.current))
    for change_set in item.history:
        yield change_set.author
        yield from (int(change.new or 0) for change in change_set.changes if change.attribute == "assignee")
    yield from (log.author for log in item.worklogs)
    yield item.deleted_by or 0


def releases_in(item: Item) -> list[int]:
    """Ids of the releases that an item's document shows."""
    return split_ids(item.current.get("release"))


def batched(things: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    """Lists of at most `size` (itertools has it from Python 3.12 on)."""
    iterator = iter(things)
    while chunk := list(islice(iterator, size)):
        yield chunk


class Clock:
    """Formats instants as Jira does: in the account's time zone, offset without a colon."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._offsets: dict[int, tuple[timedelta, str]] = {}

    def __call__(self, instant: datetime) -> str:
        hour = milliseconds(instant) // 900_000  # offsets change at quarters of an hour at most
        if hour not in self._offsets:
            if len(self._offsets) > 200_000:
                self._offsets.clear()
            offset = instant.astimezone(self._zone).utcoffset() or timedelta()
            minutes = int(offset.total_seconds() // 60)
            sign = "-" if minutes < 0 else "+"
            self._offsets[hour] = (offset, f"{sign}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}")
        shift, text = self._offsets[hour]
        return f"{(instant + shift).isoformat('T', 'milliseconds')[:23]}{text}"

    def with_colon(self, instant: datetime) -> str:
        """As Data Center writes dates of sprints: +01:00."""
        text = self(instant)
        return f"{text[:-2]}:{text[-2:]}"


def zulu(instant: datetime) -> str:
    """2026-01-31T09:00:00.000Z."""
    return f"{instant.isoformat('T', 'milliseconds')[:23]}Z"
