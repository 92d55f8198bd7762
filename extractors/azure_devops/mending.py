"""Fetch what the feed did not give: items with missing revisions, and items that a census knows but we do not.

An item that moves into a selected project brings its history along: its earlier revisions went by in the
feed while it belonged to a project that is not selected.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from extractors.azure_devops.client import THREADS, AzureDevOpsClient
from extractors.azure_devops.isolation import each_by_itself
from extractors.azure_devops.items import LandedItems
from extractors.azure_devops.records import REVISIONS, RevisionReader
from extractors.errors import ExtractError, NotFound
from extractors.writing import Writer

APPEND_ROWS = 5_000
Page = tuple[list[msgspec.Raw], datetime]  # revisions as they came, and when
MOST_ITEMS = 20_000  # of one run: beyond that something else is wrong, and a full run is cheaper


@dataclass(frozen=True)
class Mended:
    """How many rows were landed, and what stood in the way: errors by the number of the item.

    `gone`: items that have no history any more, for they were deleted. `foreign`: items that were never in a selected
    project, so nothing of them was landed.
    """

    landed: int
    failures: Mapping[int, ExtractError]
    gone: Collection[int]
    foreign: Collection[int]


def mend_histories(
    client: AzureDevOpsClient,
    writer: Writer,
    reader: RevisionReader,
    items: LandedItems,
    short: npt.NDArray[np.bool_],
    others: Collection[int],
    tried: Mapping[int, int],
    selected: Collection[str] | None,
) -> Mended:
    """Land the full histories of items that lack revisions (`short`) and of `others`: unknown or broken ones.

    `selected`: names of the projects that count, None for all. The feed tells broken revisions of every project.
    `tried`: item -> last revision when it was incomplete before; as long as nothing happens to it there is no use
    in asking again.
    """
    pairs = zip(items.ids[short].tolist(), items.last_revisions[short].tolist(), strict=True)
    wanted = sorted({*others, *(item_id for item_id, last in pairs if tried.get(item_id) != last)})
    if len(wanted) > MOST_ITEMS:
        writer.report.warnings.append(f"{len(wanted):,} items lack revisions; {MOST_ITEMS:,} of them were fetched")
        wanted = wanted[:MOST_ITEMS]
    landed = 0
    failures: dict[int, ExtractError] = {}
    gone: set[int] = set()
    foreign: set[int] = set()
    landed_before = set(items.ids.tolist())
    waiting: list[pa.Table] = []
    for item_id, pages in each_by_itself(lambda item_id: _history(client, reader, item_id), wanted, THREADS):
        if isinstance(pages, ExtractError):
            failures[item_id] = pages
            continue
        if not pages:
            gone.add(item_id)
            continue
        if selected is not None and item_id not in landed_before:
            projects = _projects(pages, reader.names["project"])
            if projects.isdisjoint(selected):
                if projects and None not in projects:  # else it may have been in one, and stays red
                    foreign.add(item_id)
                continue
        waiting += [reader.table(raws, sent_at) for raws, sent_at in pages]
        if sum(table.num_rows for table in waiting) >= APPEND_ROWS:
            landed += _append_new(writer, waiting)
            waiting.clear()
    landed += _append_new(writer, waiting) if waiting else 0
    return Mended(landed, failures, gone, foreign)


def _projects(pages: Iterable[Page], field: str) -> set[str | None]:
    """All projects that a history names; with None if a revision does not say where it was."""
    found = (msgspec.json.decode(raw)["fields"] for raws, _ in pages for raw in raws)
    names = ((fields or {}).get(field) for fields in found)
    return {name if isinstance(name, str) and name else None for name in names}


def _append_new(writer: Writer, tables: Sequence[pa.Table]) -> int:
    """Only revisions that are not landed: this endpoint writes the others in another form than the feed."""
    table = pa.concat_tables(tables)
    names = table["record_id"].to_pylist()
    known = writer.landing.latest(REVISIONS, writer.connection.id, ["record_id"], names)
    return writer.append(REVISIONS, table.filter(pc.invert(pc.is_in(table["record_id"], known["record_id"]))))


def _history(client: AzureDevOpsClient, reader: RevisionReader, item_id: int) -> list[Page]:
    """All revisions of one item, cut down to the fields that the feed would have given."""
    asked = set(reader.asked_fields)
    try:
        answers = list(client.item_revisions(item_id))
    except NotFound:
        return []  # deleted or destroyed meanwhile; the deletions will tell
    return [([_cut(raw, asked) for raw in answer.value.items], answer.sent_at) for answer in answers]


def _cut(raw: msgspec.Raw, asked: set[str]) -> msgspec.Raw:
    """Descriptions and other long texts come along here, and are dropped: they are not ours to keep."""
    revision = msgspec.json.decode(raw)
    known: dict[str, Any] = revision if isinstance(revision, dict) else {}
    fields = known.get("fields")
    kept = {name: value for name, value in fields.items() if name in asked} if isinstance(fields, dict) else None
    return msgspec.Raw(msgspec.json.encode({"id": known.get("id"), "rev": known.get("rev"), "fields": kept}))
