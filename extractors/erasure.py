"""Persons who were erased: what stands in their place, and how they are known again without being named.

The list lies in `$PMO_HOME/erasures.json`, apart from `raw`, so that a restored backup of `raw` does not bring anybody
back. It holds keyed hashes of what identified a person (ids, addresses, names), never these themselves, and the word
that stands in their place. So texts are read in pieces: every run of words that has the length of an erased one is
hashed and looked up.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from extractors.decoding import decode

FILE = "erasures.json"
_WORD = re.compile(r"\w(?:[\w.@+~-]*\w)?")
_MOST_CACHED = 200_000

PEOPLE = {"jira/users", "azure_devops/users"}
"""Streams whose records are persons: all accounts of an erased one become the same record."""
# Ids of other records, of which two may name the same erased person in two ways: they must not become one.
_DISTINCT = {"record_id", "response_id"}

# What figures are made of is nobody's name, whatever word it is. `from_` and `to_` of a change are one or the other.
KEPT = {
    "connection_id", "run_id", "batch_id", "payload_hash", "kind", "tool", "deployment", "time_zone", "stream",
    "board_column", "board_lane", "column_name", "activity", "scope_name", "metric", "survey", "question",
    "status_id", "status", "status_category", "status_ids", "resolution_id", "resolution", "reason",
    "resolved_reason", "issue_type_id", "issue_type", "item_type", "type_group", "priority", "severity", "project_id",
    "project_key", "project", "attribute", "field", "field_id", "custom_type", "category", "state", "link_type",
    "board_type", "column_type", "state_mappings", "iteration_path", "area_path", "scope_type", "verdict", "streams",
    # Keys of things, by which tables are joined.
    "issue_key", "parent_key", "epic_ref", "issue_id", "parent_id", "source_issue_id", "target_issue_id", "worklog_id",
    "board_id", "board", "filter_id", "points_field_id", "sprint_id", "sprint_ids", "version_id", "fix_version_ids",
    "outcome", "outward_text", "item_id", "item_key", "source_id", "target_id", "source_project", "target_project",
    "area_id", "area_guid", "iteration_id", "iteration_guid", "team_id", "backlog_iteration_path", "reference_name",
    "visibility", "working_days", "days_off",
}  # fmt: skip
_CHANGED = {"from_id", "from_text", "to_id", "to_text"}


class Tombstone(msgspec.Struct, frozen=True):
    """One identifying text: keyed hash of its lower-case form, and its length in words and characters.

    `is_whole`: an ordinary word (the user `test`) means the person only where it stands alone.
    """

    hash: str
    words: int
    characters: int
    is_whole: bool = False


class Erasure(msgspec.Struct):
    """One erased person. `replacement` stands wherever the person stood; the rest says who did what, when.

    `spared`: ids and names of others that the person's own are a part of (`Ann Lee` and `Ann Lee Young`).
    """

    replacement: str
    erased_at: str
    tombstones: list[Tombstone]
    spared: list[Tombstone] = []
    records: dict[str, int] = {}  # stream → records in which the person stood
    erased_by: str = ""


class _File(msgspec.Struct):
    """The list on the disk. The key makes the hashes useless to who has only them; it is made with the first entry."""

    key: str
    erasures: list[Erasure]


class Erasures:
    """All erased persons of one PMO_HOME. Without any, cleaning costs nothing."""

    def __init__(self, home: Path) -> None:
        self.file = home / FILE
        self._cache: dict[str, str] = {}

    @cached_property
    def _content(self) -> _File:
        try:
            return decode(self.file.read_bytes(), _File)
        except FileNotFoundError:
            return _File(secrets.token_hex(32), [])

    @property
    def all(self) -> list[Erasure]:
        return self._content.erasures

    @cached_property
    def _stones(self) -> dict[str, tuple[str, bool]]:
        """Hash → what stands in its place (nothing: the text stays), and whether only for a whole text."""
        spared = {stone.hash: ("", False) for each in self.all for stone in each.spared}
        erased = {stone.hash: (each.replacement, stone.is_whole) for each in self.all for stone in each.tombstones}
        return spared | erased

    @cached_property
    def _shapes(self) -> dict[int, set[int]]:
        """Words → lengths in characters that an erased text may have."""
        shapes: dict[int, set[int]] = {}
        for each in self.all:
            for stone in (*each.tombstones, *each.spared):
                shapes.setdefault(stone.words, set()).add(stone.characters)
        return shapes

    def __bool__(self) -> bool:
        return bool(self.all)

    def store(self, erasures: Sequence[Erasure]) -> None:
        """Replace the list on the disk at once; readable by its owner only."""
        part = self.file.with_suffix(".part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as content:
            stored = _File(self._content.key, list(erasures))
            content.write(msgspec.json.format(msgspec.json.encode(stored), indent=1))
            content.flush()
            os.fsync(content.fileno())
        part.replace(self.file)

    def tombstone(self, text: str) -> Tombstone | None:
        """Of an identifying text; None where there is no word in it."""
        words = list(_WORD.finditer(text))
        if not words:
            return None
        core = text[words[0].start() : words[-1].end()].lower()
        return Tombstone(self._hash(core), len(words), len(core), is_whole=len(words) == 1 and core.isalpha())

    def _hash(self, text: str) -> str:
        key = bytes.fromhex(self._content.key)
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, key=key).hexdigest()

    def cleaned(self, text: str) -> str:
        """`text` with every erased person replaced, wherever in it; the same text where there is none."""
        if (known := self._cache.get(text)) is None:
            known = self._replaced(text, is_distinct=False)
            if len(text) < 400 and len(self._cache) < _MOST_CACHED:
                self._cache[text] = known
        return known

    def cleaned_id(self, text: str, stream: str) -> str:
        """The same for the id of a record: different ones stay different, but for the accounts of one person."""
        return self.cleaned(text) if stream in PEOPLE else self._replaced(text, is_distinct=True)

    def _replaced(self, text: str, *, is_distinct: bool) -> str:
        """`is_distinct`: what stands for a person tells in which words the person stood there, by a keyed hash."""
        words = [(word.start(), word.end()) for word in _WORD.finditer(text)]
        found: list[tuple[int, int, str]] = []
        for count, lengths in sorted(self._shapes.items(), reverse=True):  # the longest first
            for first in range(len(words) - count + 1):
                start, end = words[first][0], words[first + count - 1][1]
                if end - start not in lengths:
                    continue
                stone = self._stones.get(self._hash(text[start:end].lower()))
                if stone is None or (stone[1] and not _stands_alone(text, start, end)):
                    continue
                if all(end <= other[0] or start >= other[1] for other in found):
                    found.append((start, end, stone[0]))
        result = text
        for start, end, replacement in sorted(found, reverse=True):
            if replacement:
                mark = f".{self._hash(text[start:end])[:8]}" if is_distinct else ""
                result = result[:start] + replacement + mark + result[end:]
        return result

    def clean(self, table: pa.Table, stream: str) -> pa.Table:
        """`table` of a stream with every text cleaned; the very same object where nobody stands in it."""
        if not self:
            return table
        for position, field in enumerate(table.schema):
            if field.name in KEPT:
                continue
            if pa.types.is_string(field.type):
                is_distinct = field.name in _DISTINCT and stream not in PEOPLE
                column = self._clean_texts(table[field.name], is_distinct=is_distinct)
            elif pa.types.is_list(field.type) and pa.types.is_string(field.type.value_type):
                column = self._clean_lists(table[field.name])
            else:
                continue
            if column is None:
                continue
            if field.name in _CHANGED and "attribute" in table.column_names:
                is_person = pc.fill_null(pc.equal(table["attribute"], "assignee"), True)
                column = pc.if_else(is_person, column, table[field.name])
            table = table.set_column(position, field, column)
        return table

    def _clean_texts(self, column: pa.ChunkedArray, *, is_distinct: bool) -> pa.Array | None:
        encoded = column.combine_chunks().dictionary_encode()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.combine_chunks() if encoded.num_chunks != 1 else encoded.chunk(0)
        before = encoded.dictionary.to_pylist()
        after = [self._replaced(text, is_distinct=True) if is_distinct else self.cleaned(text) for text in before]
        return None if after == before else pa.array(after, pa.string()).take(encoded.indices)

    def _clean_lists(self, column: pa.ChunkedArray) -> pa.Array | None:
        before = column.to_pylist()
        after = [None if texts is None else [text and self.cleaned(text) for text in texts] for texts in before]
        return None if after == before else pa.array(after, column.type)


def _stands_alone(text: str, start: int, end: int) -> bool:
    """The whole text, or a whole text inside JSON."""
    return (start == 0 or text[start - 1] == '"') and (end == len(text) or text[end] == '"')


def contains(text: str, part: str) -> bool:
    """Whether the words of `part` stand one after the other in the longer `text`, as an erasure would find them."""
    words = [word.span() for word in _WORD.finditer(text)]
    count = len(_WORD.findall(part))
    pieces = (text[words[n][0] : words[n + count - 1][1]] for n in range(len(words) - count + 1)) if count else ()
    return len(words) > count and any(piece.lower() == part.lower() for piece in pieces)


def forms(text: str) -> Iterable[str]:
    """The forms in which tools write an identifying text: as it is, in JSON, in an address, and as an avatar's hash."""
    yield text
    yield json.dumps(text)[1:-1]
    yield quote(text, safe="")
    if "@" in text:
        yield hashlib.md5(text.strip().lower().encode(), usedforsecurity=False).hexdigest()
