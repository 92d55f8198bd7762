"""A Parquet file -> `Table`. Line numbers are row numbers, from 1."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from extractors.connection import SurveyFileConnection
from extractors.surveys.tables import FileRefused, Row, Table

MAX_ROWS = 2_000_000  # run lengths let a file of a few bytes claim any number of rows
MAX_UNPACKED_BYTES = 512 * 2**20


def open_parquet(connection: SurveyFileConnection, name: str, data: bytes, wanted: frozenset[str]) -> Table:
    """Only the columns in `wanted` are unpacked; the header names them all."""
    try:
        file = pq.ParquetFile(io.BytesIO(data))
    except (pa.ArrowException, OSError) as error:
        raise _refused(connection, name, f"It cannot be read as Parquet ({error}).") from None
    metadata = file.metadata
    unpacked = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    if metadata.num_rows > MAX_ROWS or unpacked > MAX_UNPACKED_BYTES:
        raise _refused(
            connection, name, f"It holds {metadata.num_rows:,} rows, {unpacked / 2**20:,.0f} MB: more than allowed."
        )
    header = tuple(file.schema_arrow.names)
    used = [column for column in header if column in wanted]

    def rows() -> Iterator[Row]:
        number = 0
        for batch in file.iter_batches(batch_size=10_000, columns=used):
            columns = {column: batch.column(column).to_pylist() for column in used}
            for offset in range(batch.num_rows):
                number += 1
                yield Row(number, [columns[column][offset] if column in columns else None for column in header])

    return Table(name=name, header=header, header_line=0, rows=rows)


def _refused(connection: SurveyFileConnection, name: str, detail: str) -> FileRefused:
    return FileRefused(
        connection.id, f"file {name}", remedy="Export it again, or remove it from the folder.", detail=detail
    )
