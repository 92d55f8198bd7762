"""What dbt reads of the raw tables: their current files, and which batches count."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from extractors.ledger import Ledger
from extractors.streams import STREAMS
from extractors.tables import RawTable


def write_inputs(ledger: Ledger, tables: Mapping[str, RawTable], target: Path, as_of: datetime | None) -> None:
    """Write `streams.json`, `batches.parquet` and `empty/*.parquet` to `target`, each file at once.

    `as_of` (aware): only batches that were committed up to then, that is, what was known at that time.
    """
    (target / "empty").mkdir(parents=True, exist_ok=True)
    streams = []
    for name, stream in STREAMS.items():
        empty = target / "empty" / f"{name.replace('/', '__')}.parquet"
        _write_parquet(stream.schema.empty_table(), empty)
        streams.append({"stream": name, "files": [str(empty.absolute()), *tables[name].file_uris()]})
    _write_parquet(ledger.accepted(as_of), target / "batches.parquet")
    _replace(target / "streams.json", json.dumps(streams, indent=1).encode())


def _write_parquet(table: pa.Table, path: Path) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    _replace(path, sink.getvalue().to_pybytes())


def _replace(path: Path, content: bytes) -> None:
    """Readers see the old file or the new one, never a part. A file that says the same already stays."""
    if path.exists() and path.read_bytes() == content:
        return
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    os.replace(part, path)  # noqa: PTH105 - Path.replace is the same call; the name says what matters here
