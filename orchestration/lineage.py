"""From which columns each column of a model comes, down to the raw streams: read from the SQL that dbt ran.

Parsing takes seconds once, so results are kept by the SQL's hash in `$PMO_HOME/dbt/lineage.json`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extractors.streams import STREAMS

if TYPE_CHECKING:
    from sqlglot.lineage import Node

LOG = logging.getLogger("pmo.lineage")
logging.getLogger("sqlglot").setLevel(logging.ERROR)
DIALECT = "duckdb"
VERSION = 1  # of this algorithm: a new one forgets the cache
RAW_SCHEMA = "raw"

Schema = dict[str, dict[str, dict[str, str]]]  # schema → table → column → type
Columns = dict[str, list[tuple[str, str]]]  # column → (asset as "schema/table", its column)

_STREAM_FILES = re.compile(r"read_parquet\(\s*\[\s*'[^']*?/empty/(\w+?)\.parquet'.*?\]\s*(?:,[^()]*)?\)", re.DOTALL)
_INPUT_FILE = re.compile(r"read_parquet\(\s*'[^']*?/inputs/(\w+)\.parquet'\s*\)")


def column_lineage(compiled: Mapping[str, str], warehouse: Schema, cache_file: Path) -> dict[str, Columns]:
    """Lineage of every model. compiled: asset ("schema/table") → SQL; warehouse: the columns of all tables."""
    cache = _read(cache_file)
    schema = {**warehouse, RAW_SCHEMA: _raw_tables()}
    kept: dict[str, Any] = {}
    found: dict[str, Columns] = {}
    for asset, sql in compiled.items():
        plain = readable(sql)
        key = hashlib.sha256(f"{VERSION}|{asset}|{plain}".encode()).hexdigest()
        kept[key] = cache.get(key) or _of(asset, plain, schema)
        found[asset] = {column: [(str(up), str(name)) for up, name in sources] for column, sources in kept[key].items()}
    if kept.keys() != cache.keys():
        part = cache_file.with_suffix(".part")
        part.write_text(json.dumps(kept))
        part.replace(cache_file)
    return found


def readable(sql: str) -> str:
    """The SQL with the lists of landed files, which change with every run, as tables `raw.jira__issues`."""
    return _INPUT_FILE.sub(r"raw.pmo__\1", _STREAM_FILES.sub(r"raw.\1", sql))


def _raw_tables() -> dict[str, dict[str, str]]:
    return {
        name.replace("/", "__"): {field.name: "varchar" for field in stream.schema} for name, stream in STREAMS.items()
    }


def _of(asset: str, sql: str, schema: Schema) -> dict[str, list[tuple[str, str]]]:
    """Lineage of one model; empty, and noted in the log, where the SQL is beyond the parser."""
    import sqlglot
    from sqlglot.errors import SqlglotError
    from sqlglot.lineage import lineage

    try:
        nodes = lineage(None, sqlglot.parse_one(sql, dialect=DIALECT), schema, dialect=DIALECT, trim_selects=False)
        return {name: _sources(node) for name, node in nodes.items() if name != "*"}
    except (SqlglotError, RecursionError, ValueError, KeyError) as error:
        LOG.warning("no column lineage of %s: %s", asset, " ".join(str(error).split())[:300])
        return {}


def _sources(node: Node) -> list[tuple[str, str]]:
    """The columns of real tables at the ends of the graph below `node`."""
    from sqlglot import exp

    found: set[tuple[str, str]] = set()
    seen: set[int] = set()
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        waiting.extend(each.downstream)
        table = each.source
        if not each.downstream and isinstance(table, exp.Table) and table.db:
            found.add((f"{table.db}/{table.name}", each.name.rpartition(".")[2].strip('"')))
    return sorted(found)


def _read(file: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return content
