"""Where a text stands below a folder, packed or not: the last look of `pmo erase`.

Parquet, DuckDB and Tableau files are compressed, so their values are read; every other file is read as bytes. All of
it in blocks: memory does not grow with the files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from bi.hyper import texts_of_hyper
from extractors.erasure import forms

BLOCK = 8 * 2**20
ROWS = 5_000
NOT_OURS = {"sandbox", "locks"}  # the sandbox stands for the tools, which are asked to erase by other ways
Found = Callable[[str], bool]


def files_with(root: Path, texts: Iterable[str], spared: Iterable[str] = ()) -> Iterator[Path]:
    """The files below `root` that hold any form of `texts`, in upper or lower case, but not as a part of `spared`.

    A packed file that cannot be read is named too: nobody can say what is in it.
    """
    wanted, others = _forms(texts), _forms(spared)
    for path in sorted(root.rglob("*")):
        if path.is_symlink() or not path.is_file() or path.relative_to(root).parts[0] in NOT_OURS:
            continue
        if _has_bytes(path, wanted, others) or _has_values(path, wanted, others):
            yield path


def _forms(texts: Iterable[str]) -> list[str]:
    """All forms in lower case, the longest first."""
    return sorted({form.lower() for text in texts for form in forms(text)}, key=lambda form: (-len(form), form))


def _has_bytes(path: Path, wanted: list[str], spared: list[str]) -> bool:
    """Each place of the file is looked at with as much before and behind it as the longest text has."""
    searched, blots = [text.encode() for text in wanted], [text.encode() for text in spared]
    edge = max(map(len, [*searched, *blots]), default=0)
    before = b""
    with path.open("rb") as content:
        while True:
            block = content.read(BLOCK)
            seen = before + block.lower()
            start = edge if len(before) == 2 * edge else 0
            end = len(seen) - edge if block else len(seen)
            plain = seen
            for blot in blots:
                plain = plain.replace(blot, b"\0" * len(blot))
            if any(plain.find(text, start, max(start, end + len(text) - 1)) >= 0 for text in searched):
                return True
            if not block:
                return False
            before = seen[max(0, len(seen) - 2 * edge) :] if len(seen) >= 2 * edge else seen


def _has_values(path: Path, wanted: list[str], spared: list[str]) -> bool:
    reader = {".parquet": _parquet, ".duckdb": _duckdb, ".hyper": texts_of_hyper}.get(path.suffix)
    if reader is None:
        return False
    try:
        return any(word in _without(text, spared) for text in reader(path) for word in wanted if word in text)
    except (OSError, ValueError, pa.ArrowException, duckdb.Error):
        return True


def _without(text: str, spared: list[str]) -> str:
    for blot in spared:
        text = text.replace(blot, "\0")
    return text


def _parquet(path: Path) -> Iterator[str]:
    """Some thousand rows at a time, nested values and lists included."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(ROWS):
            yield from (text for column in batch.columns for text in _texts(column.to_pylist()))


def _texts(values: Iterable[object]) -> Iterator[str]:
    """Lower-case texts of some values. What is no text has no names, but for what lies in lists and structures."""
    for value in set(values) if all(value is None or isinstance(value, str) for value in values) else values:
        if isinstance(value, str):
            yield value.lower()
        elif isinstance(value, (bytes, bytearray)):
            yield bytes(value).decode("utf-8", "replace").lower()
        elif isinstance(value, dict):
            yield from _texts([*value, *value.values()])
        elif isinstance(value, (list, tuple)):
            yield from _texts(value)


def _duckdb(path: Path) -> Iterator[str]:
    """All tables of all schemas, as text; views hold nothing of their own."""
    with duckdb.connect() as connection:
        connection.execute(f"attach {_literal(str(path))} as searched (read_only)")
        tables = connection.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = 'searched'"
        ).fetchall()
        for schema, table in tables:
            rows = connection.execute(f"select * from searched.{_quoted(schema)}.{_quoted(table)}")  # noqa: S608
            while some := rows.fetchmany(ROWS):
                yield from (text for row in some for text in _texts(row))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
