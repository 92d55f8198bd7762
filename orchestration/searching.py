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


def files_with(root: Path, texts: Iterable[str]) -> Iterator[Path]:
    """The files below `root` that hold any form of `texts`, in upper or lower case.

    A packed file that cannot be read is named too: nobody can say what is in it.
    """
    wanted = sorted({form.lower() for text in texts for form in forms(text)})
    for path in sorted(root.rglob("*")):
        if path.is_symlink() or not path.is_file() or path.relative_to(root).parts[0] in NOT_OURS:
            continue
        if _has_bytes(path, [text.encode() for text in wanted]) or _has_values(path, wanted):
            yield path


def _has_bytes(path: Path, wanted: list[bytes]) -> bool:
    """Blocks overlap by the longest text, so that none is cut in two."""
    overlap = max(map(len, wanted), default=1) - 1
    end = b""
    with path.open("rb") as content:
        while block := content.read(BLOCK):
            block = end + block.lower()
            if any(text in block for text in wanted):
                return True
            end = block[len(block) - overlap :] if overlap else b""
    return False


def _has_values(path: Path, wanted: list[str]) -> bool:
    reader = {".parquet": _parquet, ".duckdb": _duckdb, ".hyper": texts_of_hyper}.get(path.suffix)
    if reader is None:
        return False
    try:
        return any(word in text for text in reader(path) for word in wanted)
    except (OSError, ValueError, pa.ArrowException, duckdb.Error):
        return True


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
