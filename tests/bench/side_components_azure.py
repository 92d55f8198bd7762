"""The least that landing the feeds costs: `python -m tests.bench.side_components_azure URL HOME FIELDS`.

As `side_components.py`: inflating the same answers, decoding them typed and writing the same tables as Parquet, each on
its own. Prints the seconds of CPU.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import requests

from extractors.azure_devops.people import People
from extractors.azure_devops.records import FIELDS, RevisionReader
from extractors.landing import Landing
from tests.bench.side_components import Seconds
from tests.bench.side_ours_azure import CONNECTION

STREAMS = ("azure_devops/revisions", "azure_devops/links")


class Link(msgspec.Struct, rename="camel"):
    """What a link event has."""

    source_id: int
    target_id: int
    rel: str | None = None
    changed_date: str | None = None
    is_active: bool = False
    changed_by: msgspec.Raw = msgspec.Raw(b"null")


class Links(msgspec.Struct):
    values: list[Link]


def answers(url: str, fields: str) -> Iterator[tuple[str, bytes]]:
    """The bodies of both feeds as they come over the wire, each with the feed's name."""
    asked = {"fields": fields, "includeIdentityRef": "true", "includeDeleted": "true", "$maxPageSize": "1000"}
    with requests.Session() as session:
        session.auth = ("", "sandbox")
        for feed, parameters in (("workitemrevisions", asked), ("workitemlinks", {})):
            token: str | None = None
            while True:
                query = {**parameters, "api-version": "7.1", **({"continuationToken": token} if token else {})}
                answer = session.get(f"{url}/_apis/wit/reporting/{feed}", params=query, timeout=120, stream=True)
                raw = answer.raw.read(decode_content=False)
                yield feed, raw
                page = json.loads(zlib.decompress(raw, 31))
                if page["isLastBatch"]:
                    break
                token = page["continuationToken"]


def main(url: str, home: str, fields: str) -> None:
    landing = Landing(Path(home))
    names = {ours: theirs for ours, theirs in FIELDS.items() if theirs in fields.split(",")}
    revisions = msgspec.defstruct("Revisions", [("values", list[RevisionReader(names, People()).form])])  # type: ignore[misc]
    forms: dict[str, Any] = {"workitemrevisions": revisions, "workitemlinks": Links}
    seconds, count = Seconds(), 0
    for feed, raw in answers(url, fields):
        body = seconds.run("inflate", lambda raw=raw: zlib.decompress(raw, 31))
        assert isinstance(body, bytes)
        page = seconds.run("decode", lambda body=body, feed=feed: msgspec.json.decode(body, type=forms[feed]))
        count += len(page.values) if feed == "workitemrevisions" else 0  # type: ignore[attr-defined]
    for stream in STREAMS:
        table = landing.table(stream)
        rows = table.scan(table.files(CONNECTION), table.schema.names, CONNECTION)
        target = Path(home) / "limit.parquet"
        seconds.run("write", lambda rows=rows, target=target: pq.write_table(rows, target, compression="zstd"))
        target.unlink()
    said = {"cpu": sum(seconds.spent.values()), "revisions": count, **seconds.spent}
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
