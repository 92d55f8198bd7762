"""Erase a person from everything that was landed, so that no byte of the raw tables, their old files or logs is left.

Tables are rewritten file by file (bounded memory), each by one Delta commit; those that tell who a person is go last.
So an erasure that was cut off can be called again with the same word and finds everything that is left.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake

from extractors.arrow import dataset as ds
from extractors.batch_files import set_right
from extractors.erasure import PEOPLE, Erasure, Erasures, Tombstone, contains, forms
from extractors.landing import Landing, storing
from extractors.maintenance import Told, alone, other_tables
from extractors.streams import LEDGER
from extractors.tables import RawFile, RawTable

RESPONSES = "surveys/responses"
_IDS = ("user_id", "email", "descriptor")  # what only one person has
_SHORTEST_NAME = 5  # a shorter name of one word stands in too many texts that mean something else
MARKER = "erasures.applied"


@dataclass(frozen=True)
class Person:
    """Everything that identifies a person: `texts`; `shared_names` are names that others have, too, and stay.

    `others`: ids and names of others that have one of `texts` in them, and stay whole. `is_known`: a landed user or
    respondent, or somebody who was erased before. Any other word may be a slip of the hand that means a thing, as an
    issue's key.
    """

    texts: frozenset[str]
    connections: frozenset[str]
    shared_names: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()
    is_known: bool = True


def find_person(landing: Landing, word: str, more: Iterable[str] = ()) -> Person:
    """Who `word` is: an account id, user key, descriptor or e-mail in any version of any user that was landed.

    `more`: further texts that stand for the word, as the pseudonym of a respondent.
    """
    wanted = word.strip().lower()
    respondents = {*more, word.strip()}
    texts: set[str | None] = {*more} if word.strip().isdigit() else {*respondents}  # a number is many things
    connections: set[str] = set()
    users = [row for name in sorted(PEOPLE) for row in _rows(landing.table(name))]
    ids = {
        (row["connection_id"], row["user_id"])
        for row in users
        if wanted in {str(row.get(name)).lower() for name in _IDS}
    }
    strangers = [row for row in users if (row["connection_id"], row["user_id"]) not in ids]
    others = {row["display_name"] for row in strangers}
    shared: set[str] = set()
    for row in users:
        if (row["connection_id"], row["user_id"]) not in ids:
            continue
        connections.add(row["connection_id"] or "")
        texts |= {row.get(name) for name in _IDS}
        name = row["display_name"] or ""
        if name and name in others:
            shared.add(name)
        elif " " in name.strip() or len(name) >= _SHORTEST_NAME:
            texts.add(name)
    is_known = bool(ids) or _is_on_the_list(landing, word) or _has_answered(landing.table(RESPONSES), respondents)
    own = frozenset(text for text in texts if text)
    theirs = {row.get(name) for row in strangers for name in (*_IDS, "display_name")} - own
    longer = frozenset(text for text in theirs if text and any(contains(text, part) for part in own))
    return Person(own, frozenset(connections), frozenset(shared), longer, is_known)


def _is_on_the_list(landing: Landing, word: str) -> bool:
    """An erasure that was cut off may have cleaned what tells who the person is."""
    list_of = Erasures(landing.home)
    stone = list_of.tombstone(word)
    return stone is not None and any(stone.hash == other.hash for each in list_of.all for other in each.tombstones)


def _has_answered(table: RawTable, words: Iterable[str]) -> bool:
    """Whether an answer of any version has one of `words` as its respondent or as its id."""
    uris = table.file_uris()
    if not uris:
        return False
    wanted = pa.array(sorted({word.lower() for word in words}))
    is_theirs = pc.is_in(pc.utf8_lower(ds.field("respondent_key")), wanted)
    is_theirs |= pc.is_in(pc.utf8_lower(ds.field("response_id")), wanted)
    return bool(ds.dataset(uris, schema=table.schema).count_rows(filter=is_theirs))


def _rows(table: RawTable) -> list[dict[str, str | None]]:
    uris = table.file_uris()
    if not uris:
        return []
    columns = ["connection_id", "display_name", *(name for name in _IDS if name in table.schema.names)]
    rows: list[dict[str, str | None]] = ds.dataset(uris, schema=table.schema).to_table(columns=columns).to_pylist()
    return rows


def erase(landing: Landing, person: Person, by: str, told: Told = lambda *_: None) -> Erasure:
    """Put the person on the list, then out of every raw table. Raises AlreadyRunning beside an extraction."""
    list_of, erasure = _listed(landing, person, by)
    with alone(landing):
        list_of.store(list_of.all)
        counts = apply(landing, told)
        erasure.records = {name: erasure.records.get(name, 0) + count for name, count in counts.items() if count}
        list_of.store(list_of.all)
        landing.erasures = Erasures(landing.home)
    return erasure


def preview(landing: Landing, person: Person, told: Told = lambda *_: None) -> dict[str, int]:
    """Rows of each raw table, old versions included, that `erase` would rewrite. Changes nothing."""
    erasures, _ = _listed(landing, person, "")
    tables, others = [table for table in landing.tables() if table.open() is not None], other_tables(landing)
    counts = {}
    for number, table in enumerate(tables, start=1):
        told(table.name, number, len(tables))
        counts[table.name] = sum(_differences(*_cleaned(table, file, erasures)) for file in table.all_files())
    for path in others:
        rows = _all_rows(path)
        if rows is not None:
            counts[path.relative_to(landing.folder).as_posix()] = _differences(rows, erasures.clean(rows, path.name))
    return {name: count for name, count in sorted(counts.items()) if count}


def _listed(landing: Landing, person: Person, by: str) -> tuple[Erasures, Erasure]:
    """The list with the person on it, in memory only, and the person's entry."""
    list_of = Erasures(landing.home)
    stones = _stones(list_of, person.texts)
    known = [each for each in list_of.all if {stone.hash for stone in each.tombstones} & stones.keys()]
    erasure = known[0] if known else Erasure(f"erased-{secrets.token_hex(8)}", _now(), [], erased_by=by)
    erasure.tombstones = _united(erasure.tombstones, stones.values())
    erasure.spared = _united(erasure.spared, _stones(list_of, person.others).values())
    list_of.all[:] = [*(each for each in list_of.all if each is not erasure), erasure]
    return list_of, erasure


def _stones(list_of: Erasures, texts: Iterable[str]) -> dict[str, Tombstone]:
    """Of all forms of some texts, by hash."""
    found = (list_of.tombstone(form) for text in texts for form in forms(text))
    return {stone.hash: stone for stone in found if stone is not None}


def _united(first: Iterable[Tombstone], second: Iterable[Tombstone]) -> list[Tombstone]:
    return sorted({stone.hash: stone for stone in (*first, *second)}.values(), key=lambda stone: stone.hash)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def is_applied(landing: Landing) -> bool:
    """Whether the raw tables are clean of everybody on the list. A restored backup is not."""
    erasures = Erasures(landing.home)
    if not erasures or not landing.folder.exists():
        return True
    try:
        return (landing.folder / MARKER).read_text("ascii") == _state(erasures)
    except FileNotFoundError:
        return False


def _state(erasures: Erasures) -> str:
    return "\n".join(sorted(stone.hash for each in erasures.all for stone in each.tombstones))


def apply(landing: Landing, told: Told = lambda *_: None) -> dict[str, int]:
    """Clean every raw table of everybody on the list, old files and logs included; rows changed per table."""
    erasures = Erasures(landing.home)
    tables = sorted(landing.tables(), key=lambda table: table.name in PEOPLE)
    others = other_tables(landing)
    counts = {}
    for number, table in enumerate(tables, start=1):
        if table.open() is None:
            continue
        told(table.name, number, len(tables) + len(others))
        with storing("*", f"stream {table.name}"):
            counts[table.name] = _clean_stream(table, erasures)
    set_right(landing)
    for number, path in enumerate(others, start=len(tables) + 1):
        name = path.relative_to(landing.folder).as_posix()
        told(name, number, len(tables) + len(others))
        with storing("*", name):
            counts[name] = _clean_other(landing, path, erasures)
    for path in [*(table.path for table in tables if table.open() is not None), *others]:
        with storing("*", path.name):
            _forget_the_past(path)
    (landing.folder / MARKER).write_text(_state(erasures), "ascii")
    return counts


def _clean_stream(table: RawTable, erasures: Erasures) -> int:
    changed = 0
    for file in table.all_files():
        rows, cleaned = _cleaned(table, file, erasures)
        count = _differences(rows, cleaned)
        if count:
            changed += count
            table.replace([file], cleaned, file.path.name.split("-")[0], data_change=True)
    return changed


def _cleaned(table: RawTable, file: RawFile, erasures: Erasures) -> tuple[pa.Table, pa.Table]:
    """The rows of one file, before and after."""
    rows = ds.dataset([str(file.path)], schema=table.schema, format="parquet").to_table(use_threads=False)
    return rows, pa.concat_tables(erasures.clean(part, table.name) for part in _parts(rows))


def _parts(rows: pa.Table) -> Iterator[pa.Table]:
    """At most some thousand rows at a time: payloads become Python texts."""
    for start in range(0, max(rows.num_rows, 1), 2000):
        yield rows.slice(start, 2000)


def _differences(before: pa.Table, after: pa.Table) -> int:
    """How many rows are not the same."""
    if before.equals(after):
        return 0
    return sum(old != new for old, new in zip(_keys(before), _keys(after), strict=True))


def _keys(table: pa.Table) -> list[tuple[object, ...]]:
    names = [field.name for field in table.schema if pa.types.is_string(field.type) or pa.types.is_list(field.type)]
    return list(zip(*(map(str, table[name].to_pylist()) for name in names), strict=True))


def _clean_other(landing: Landing, path: Path, erasures: Erasures) -> int:
    """The ledger and past publications: small, so they are read and written as a whole, and nobody writes between."""
    is_ledger = path == landing.folder / LEDGER
    with landing.ledger.writing() if is_ledger else contextlib.nullcontext():
        rows = _all_rows(path)
        if rows is None:
            return 0
        cleaned = erasures.clean(rows, path.name)
        if cleaned is rows:
            return 0
        write_deltalake(path, cleaned, mode="overwrite", schema_mode=None if is_ledger else "merge")
    return _differences(rows, cleaned)


def _all_rows(path: Path) -> pa.Table | None:
    files = DeltaTable(path).file_uris()
    if not files:
        return None
    return pa.concat_tables([_plain_texts(pq.read_table(file)) for file in files], promote_options="default")


def _plain_texts(table: pa.Table) -> pa.Table:
    """The Delta library writes texts in several Arrow forms."""
    fields = [
        field.with_type(pa.string())
        if pa.types.is_large_string(field.type) or pa.types.is_string_view(field.type)
        else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))


def _forget_the_past(path: Path) -> None:
    """Old files go at once, and so does the log up to now: it holds the least and greatest values of old files."""
    DeltaTable(path).vacuum(0, dry_run=False, enforce_retention_duration=False, full=True)
    delta = DeltaTable(path)
    delta.create_checkpoint()
    for file in (path / "_delta_log").iterdir():
        number = file.name.split(".")[0]
        if number.isdigit() and int(number) < delta.version():
            file.unlink()
