"""Rows of raw tables as Arrow: completing them, cleaning their text, and the latest row of each record."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Raw

DELETED_HASH = "deleted"
_AS_SENT = {"payload"}  # JSON escapes keep it valid text; it stays as the tool sent it


def digest(*parts: bytes | Raw) -> str:
    """128-bit hex hash over `parts`; the lengths go in, too, so that no two splits of a text collide."""
    if len(parts) == 1:
        return hashlib.blake2b(parts[0], digest_size=16).hexdigest()
    lengths = ",".join([str(len(part)) for part in parts]).encode()
    return hashlib.blake2b(b"".join((lengths, b"|", *parts)), digest_size=16).hexdigest()


def digests(parts: Sequence[bytes | Raw]) -> list[str]:
    """The digest of each part: there are millions of them in a first load."""
    return [hashlib.blake2b(part, digest_size=16).hexdigest() for part in parts]


def canonical_json(value: Any) -> str:
    """The same text for the same value, whatever the order of its keys."""
    return msgspec.json.encode(value, order="sorted").decode()


def complete(rows: Sequence[Mapping[str, Any]] | pa.Table, schema: pa.Schema, keys: Mapping[str, Any]) -> pa.Table:
    """`rows` with all columns of `schema`: missing keys filled in, hashes made, text cleaned, one row per record."""
    table = rows if isinstance(rows, pa.Table) else from_mappings(rows, schema)
    columns = [_column(table, field, keys) for field in schema]
    table = pa.Table.from_arrays(columns, schema=schema)
    return newest_of_each(_with_hashes(table))


def from_mappings(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """The columns of `schema` that the rows name, as Arrow. Raises ValueError or TypeError where a value is no such."""
    names = {name for row in rows for name in row}
    if unknown := names - set(schema.names):
        raise ValueError(f"no such columns: {', '.join(sorted(unknown))}")
    fields = [field for field in schema if field.name in names]
    return pa.table({field.name: pa.array([row.get(field.name) for row in rows], field.type) for field in fields})


def _column(table: pa.Table, field: pa.Field, keys: Mapping[str, Any]) -> pa.ChunkedArray | pa.Array:
    if field.name not in table.column_names:
        return pa.repeat(pa.scalar(keys.get(field.name), field.type), table.num_rows)
    column = table[field.name]
    if column.type != field.type:
        column = column.cast(field.type)
    if field.name in keys and column.null_count:
        column = pc.fill_null(column, pa.scalar(keys[field.name], field.type))
    if pa.types.is_string(field.type) and field.name not in _AS_SENT:
        column = without_nul(column)
    return column


def without_nul(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text without U+0000, which PostgreSQL cannot hold."""
    if not pc.any(pc.match_substring(column, "\x00")).as_py():
        return column
    return pc.replace_substring(column, "\x00", "")


def _with_hashes(table: pa.Table) -> pa.Table:
    position = table.schema.get_field_index("payload_hash")
    deleted = table["is_deleted"]
    column = table["payload_hash"]
    if column.null_count:
        payloads = table["payload"].to_pylist()
        known = column.to_pylist()
        made = [value or digest((payload or "").encode()) for value, payload in zip(known, payloads, strict=True)]
        column = pa.chunked_array([pa.array(made, pa.string())])
    column = pc.if_else(deleted, pa.scalar(DELETED_HASH), column)
    return table.set_column(position, table.schema.field(position), column)


def newest_of_each(table: pa.Table) -> pa.Table:
    """The last row of every record of one batch."""
    codes, count = _codes(table["record_id"])
    if count == table.num_rows:
        return table
    return table.take(pa.array(_last_positions(codes, [np.arange(table.num_rows)])))


def worth_landing(table: pa.Table, known: pa.Table) -> pa.Array:
    """Which rows of `table` say something new against `known` (record_id, payload_hash; each record once).

    Those whose hash is another one than the record's in `known`; deletions only of records that are in it.
    """
    if not known.num_rows:
        return pc.invert(table["is_deleted"])
    there = pc.index_in(table["record_id"], value_set=known["record_id"].combine_chunks())
    is_same = pc.fill_null(pc.equal(table["payload_hash"], known["payload_hash"].take(there)), fill_value=False)
    is_unknown_deletion = pc.and_(table["is_deleted"], pc.is_null(there))
    return pc.invert(pc.or_(is_same, is_unknown_deletion))


def latest_rows(table: pa.Table, sequences: Mapping[str, int]) -> pa.Table:
    """Of every record the row of the latest batch that is in `sequences`; rows of other batches do not exist."""
    if not table.num_rows:
        return table
    names = pa.array(list(sequences), pa.string())
    numbers = pa.array(list(sequences.values()), pa.int64())
    ranks = pc.take(numbers, pc.index_in(table["batch_id"], names))
    is_visible = pc.is_valid(ranks)
    if not pc.all(is_visible).as_py():
        table, ranks = table.filter(is_visible), ranks.drop_null()
    codes, count = _codes(table["record_id"])
    if count == table.num_rows:
        return table
    extracted = table["extracted_at"].cast(pa.int64()).to_numpy()
    return table.take(pa.array(_last_positions(codes, [extracted, ranks.to_numpy()])))


def _codes(column: pa.ChunkedArray) -> tuple[np.ndarray[Any, np.dtype[np.int64]], int]:
    """One whole number per distinct text, and how many there are."""
    encoded = column.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks() if encoded.num_chunks != 1 else encoded.chunk(0)
    return np.asarray(encoded.indices.to_numpy(zero_copy_only=False), dtype=np.int64), len(encoded.dictionary)


def _last_positions(
    codes: np.ndarray[Any, Any], order: Sequence[np.ndarray[Any, Any]]
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Positions of the last row of each code, when rows are put in order of the last array first."""
    positions = np.lexsort([*order, codes])
    ordered = codes[positions]
    is_last = np.append(ordered[1:] != ordered[:-1], True)
    return np.sort(positions[is_last])
