"""Entries of a list that do not have the form that they should have: told by name, and no reason to stop a run.

Old servers leave out what newer ones send, add-ons write what nobody describes, and accounts see records in part.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pyarrow as pa

from extractors.connection import Coverage
from extractors.rows import from_mappings
from extractors.streams import STREAMS

Json = dict[str, Any]
PROJECT = "(odd entries)"  # of their rows in the coverage, which go when they do
UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)  # what odd JSON leads to
_SHOWN = 5


class Oddities:
    """What was left out of one run. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: dict[str, dict[str, str]] = {}  # stream → entry → what is odd about it
        self._ids: dict[str, set[str]] = {}

    def rows(self, stream: str, found: Iterable[Any], make: Callable[[Any], Json]) -> list[Json]:
        """The rows of those entries that can be made into one of the stream."""
        made = []
        for entry in found:
            try:
                made.append((entry, make(entry)))
            except UNREADABLE as error:
                self.add(stream, entry, error)
        rows = [row for _, row in made]
        try:
            from_mappings(rows, STREAMS[stream].schema)
        except UNREADABLE:
            rows = [row for entry, row in made if self._fits(stream, entry, row)]
        return rows

    def _fits(self, stream: str, entry: Any, row: Json) -> bool:
        schema = STREAMS[stream].schema
        for name, value in row.items():
            try:
                pa.array([value], schema.field(name).type)
            except UNREADABLE:
                self.add(stream, entry, f"{name}: a {type(value).__name__} that does not fit")
                return False
        return True

    def identified(self, stream: str, found: Iterable[Any], *, is_number: bool = True) -> dict[str, Json]:
        """The entries by their id, which is a whole number unless said otherwise; the others are odd."""
        known: dict[str, Json] = {}
        for entry in found:
            record_id = _id_of(entry)
            if record_id and (record_id.isdecimal() or not is_number):
                known[record_id] = entry
            else:
                self.add(stream, entry, "it has no id" if not record_id else "its id is no number")
        return known

    def add(self, stream: str, entry: Any, problem: Exception | str) -> None:
        """`entry` was left out of `stream`, because of `problem`."""
        record_id = _id_of(entry)
        name = f"entry {record_id[:40] or len(self._told.get(stream, ())) + 1}"
        if isinstance(entry, Mapping) and isinstance(entry.get("name"), str):
            name += f" ({entry['name'][:80]})"
        with self._lock:
            self._told.setdefault(stream, {})[name] = problem if isinstance(problem, str) else _words(problem)
            self._ids.setdefault(stream, set()).add(record_id)

    def has(self, stream: str) -> bool:
        """Whether something was left out of it."""
        return stream in self._told

    def may_hold(self, stream: str, record_id: str) -> bool:
        """Whether a landed record may be one of the odd entries: then it is not gone."""
        ids = self._ids.get(stream, set())
        return record_id in ids or "" in ids

    def coverage(self) -> list[Coverage]:
        """A row for every stream that something was left out of."""
        rows = []
        for stream, told in sorted(self._told.items()):
            shown = "; ".join(f"{name}: {problem}" for name, problem in list(told.items())[:_SHOWN])
            more = f"; and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
            reason = f"sent in an unknown form, and left out: {shown}{more}"
            rows.append(Coverage(stream, PROJECT, got=0, skipped=len(told), reason=reason))
        return rows


def _id_of(entry: Any) -> str:
    found = entry.get("id") if isinstance(entry, Mapping) else None
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


def _words(error: Exception) -> str:
    """What is odd, in names of fields and types only: other errors quote the value, which may be anybody's words."""
    if isinstance(error, KeyError):
        return f"it has no {error}"
    if type(error) in (TypeError, AttributeError, IndexError):
        return " ".join(str(error).split())[:120]
    return f"a value of it cannot be read ({type(error).__name__})"
