"""The least that landing these records costs: `python -m tests.bench.side_components URL HOME FIELDS`.

Inflating the same answers, decoding them typed (and letting go what was decoded) and writing the same tables as
Parquet, each on its own and nothing else: no request, no row made, no hash, no Delta, no ledger, no start of a program.
Fetching and reading back is not counted. Prints the seconds of CPU.
"""

from __future__ import annotations

import json
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import requests

from extractors.jira.documents import History, Issue
from extractors.landing import Landing
from tests.bench.side_ours import CONNECTION

STREAMS = ("jira/issues", "jira/issue_changes")
T = TypeVar("T")


class Issues(msgspec.Struct):
    issues: list[Issue]


class Log(msgspec.Struct):
    issue_id: str = msgspec.field(name="issueId")
    histories: list[History] = msgspec.field(name="changeHistories")


class Logs(msgspec.Struct):
    logs: list[Log] = msgspec.field(name="issueChangeLogs")


class Seconds:
    """CPU time of this process, added up over the parts."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}

    def run(self, part: str, work: Callable[[], T]) -> T:
        started = time.process_time()
        result = work()
        self.spent[part] = self.spent.get(part, 0.0) + time.process_time() - started
        return result


def answers(url: str, ids: list[int], fields: list[str]) -> Iterator[tuple[type, bytes]]:
    """The bodies as they come over the wire, with the form that each has."""
    with requests.Session() as session:
        session.auth = ("me@example.com", "sandbox")
        for form, path, size, more in (
            (Issues, "issue/bulkfetch", 100, {"fields": fields}),
            (Logs, "changelog/bulkfetch", 1_000, {"maxResults": 10_000}),
        ):
            for start in range(0, len(ids), size):
                body = {"issueIdsOrKeys": [str(number) for number in ids[start : start + size]], **more}
                while body:
                    answer = session.post(f"{url}/rest/api/3/{path}", json=body, timeout=120, stream=True)
                    raw = answer.raw.read(decode_content=False)
                    yield form, raw
                    token = json.loads(zlib.decompress(raw, 31)).get("nextPageToken")
                    body = body | {"nextPageToken": token} if token else {}


def main(url: str, home: str, fields: str) -> None:
    landing = Landing(Path(home))
    tables = {name: read_back(landing, name) for name in STREAMS}
    ids = sorted(pc.cast(tables["jira/issues"]["record_id"], pa.int64()).to_pylist())
    seconds, size = Seconds(), 0
    for form, raw in answers(url, ids, fields.split(",")):
        body = seconds.run("inflate", partial(zlib.decompress, raw, 31))
        size += len(body)
        seconds.run("decode", partial(decode_and_forget, body, form))
    for name, table in tables.items():
        target = Path(home) / "limit.parquet"
        seconds.run("write", partial(pq.write_table, table, target, compression="zstd"))
        target.unlink()
        assert table.num_rows, name
    said = {"cpu": sum(seconds.spent.values()), "issues": len(ids), "bytes": size, **seconds.spent}
    sys.stdout.write(json.dumps(said) + "\n")


def decode_and_forget(body: bytes, form: type) -> None:
    msgspec.json.decode(body, type=form)


def read_back(landing: Landing, stream: str) -> pa.Table:
    files = landing.table(stream).files(CONNECTION)
    return landing.table(stream).scan(files, landing.table(stream).schema.names, CONNECTION)


if __name__ == "__main__":
    main(*sys.argv[1:])
