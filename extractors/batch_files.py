"""The ledger's word on where a batch lies: `streams[].files`, kept right when files are put together or rewritten.

It is set right after the tables: a kill in between leaves names of files that are not there any more, and the next
time finds them again, for it goes by what the files hold.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pyarrow.compute as pc
import pyarrow.parquet as pq

from extractors.landing import Landing, storing
from extractors.tables import RawTable


def set_right(landing: Landing) -> int:
    """Name the present files of every batch, none for one whose rows were removed; how many batches were wrong.

    Nobody may land meanwhile.
    """
    ledger = landing.ledger.table()
    told = dict(zip(ledger["batch_id"].to_pylist(), map(json.loads, ledger["streams"].to_pylist()), strict=True))
    known = {table.name: {file.path.name for file in table.all_files()} for table in landing.tables()}
    wrong = {
        batch_id
        for batch_id, parts in told.items()
        if any(not known.get(part["stream"], set()).issuperset(part["files"]) for part in parts)
    }
    if wrong:
        streams = {part["stream"] for batch_id in wrong for part in told[batch_id]}
        places = {table.name: _places(table) for table in landing.tables() if table.name in streams}
        with storing("*", "the ledger"):
            landing.ledger.rewrite_streams({name: _text(told[name], name, places) for name in sorted(wrong)})
    return len(wrong)


def _text(parts: Sequence[Mapping[str, object]], batch_id: str, places: Mapping[str, Mapping[str, list[str]]]) -> str:
    return json.dumps([{**part, "files": places[str(part["stream"])].get(batch_id, [])} for part in parts])


def _places(table: RawTable) -> dict[str, list[str]]:
    """Batch → names of the files that hold rows of it."""
    places: dict[str, list[str]] = {}
    for file in table.all_files():
        batches = [file.batch_id]
        if file.batch_id is None:
            batches = pc.unique(pq.read_table(file.path, columns=["batch_id"])["batch_id"]).to_pylist()
        for batch_id in batches:
            places.setdefault(str(batch_id), []).append(file.path.name)
    return places
