"""What is landed of each work item: its last revision, how many revisions there are, whether it is deleted.

Computed from the raw table file by file in whole numbers, some twenty bytes per revision, because it is
asked for in every run and the table may hold millions of revisions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from extractors.azure_devops.records import REVISIONS
from extractors.landing import Landing

Ids = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
REVISION_SPACE = 1 << 20  # the tool allows 10,000 revisions per item


@dataclass(frozen=True)
class LandedItems:
    """Arrays of equal length, one place per item, ids ascending. `projects` holds codes into `project_names`."""

    ids: Ids
    last_revisions: Ids
    revision_counts: Ids
    projects: Codes
    is_deleted: npt.NDArray[np.bool_]
    project_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def in_project(self, project: str) -> npt.NDArray[np.bool_]:
        code = self.project_names.index(project) if project in self.project_names else -1
        return np.asarray(self.projects == code)

    @property
    def is_incomplete(self) -> npt.NDArray[np.bool_]:
        """Revisions are numbered from 1 without gaps, so fewer of them than the last number says are too few."""
        return np.asarray(self.revision_counts < self.last_revisions)


class Heads:
    """The last revision of every item that is landed, kept in step while a feed is landed.

    A feed tells an item's revisions in their order, so a later one than the head is new, and nothing of it needs to be
    looked up among millions of others.
    """

    def __init__(self, items: LandedItems) -> None:
        self._ids, self._last = items.ids, items.last_revisions.copy()

    def add(self, table: pa.Table) -> npt.NDArray[np.bool_]:
        """Take in rows of azure_devops/revisions; which of them are later than all that was known of their item."""
        ids = table["item_id"].cast(pa.int64()).to_numpy()
        revisions = table["rev"].to_numpy()
        self._know(np.unique(ids))
        places = np.searchsorted(self._ids, ids)
        is_new = np.asarray(revisions > self._last[places])
        np.maximum.at(self._last, places, revisions)
        return is_new

    def _know(self, ids: Ids) -> None:
        places = np.searchsorted(self._ids, ids)
        is_known = np.append(self._ids, -1)[places] == ids
        self._ids = np.insert(self._ids, places[~is_known], ids[~is_known])
        self._last = np.insert(self._last, places[~is_known], 0)


def landed_items(landing: Landing, connection_id: str) -> LandedItems:
    """All items of a connection, from the visible batches."""
    sequences = landing.ledger.sequences(connection_id)
    names: dict[str, int] = {}
    parts = [
        _read(landing, connection_id, file, sequences, names) for file in landing.table(REVISIONS).files(connection_id)
    ]
    if not sum(len(part[0]) for part in parts):  # also where a killed run has left rows that nobody sees
        empty = np.empty(0, np.int64)
        return LandedItems(empty, empty, empty, empty.astype(np.int32), np.empty(0, np.bool_), ())
    keys = np.concatenate([part[0] for part in parts])
    order = np.concatenate([part[1] for part in parts])
    projects = np.concatenate([part[2] for part in parts])
    is_deleted = np.concatenate([part[3] for part in parts])
    parts.clear()
    # Of several rows of one revision the one of the latest batch counts; then the last revision of each item.
    by_revision = np.lexsort((order, keys))
    last_row = np.append(keys[by_revision][1:] != keys[by_revision][:-1], True)
    rows = by_revision[last_row]
    ids = keys[rows] // REVISION_SPACE
    last_of_item = np.append(ids[1:] != ids[:-1], True)
    ends = np.flatnonzero(last_of_item)
    return LandedItems(
        ids=ids[ends],
        last_revisions=keys[rows][ends] % REVISION_SPACE,
        revision_counts=np.diff(ends, prepend=-1),
        projects=projects[rows][ends],
        is_deleted=is_deleted[rows][ends],
        project_names=tuple(names),
    )


def _read(
    landing: Landing, connection_id: str, file: object, sequences: Mapping[str, int], names: dict[str, int]
) -> tuple[Ids, Codes, Codes, npt.NDArray[np.bool_]]:
    """Revision keys, batch sequences, project codes and deletion flags of the visible rows of one file."""
    columns = ["item_id", "rev", "project", "is_item_deleted", "is_deleted", "batch_id"]
    table = landing.table(REVISIONS).scan([file], columns, connection_id)  # type: ignore[list-item]
    ranks = pc.index_in(table["batch_id"], pa.array(list(sequences), pa.string()))
    table = table.append_column("rank", ranks).filter(pc.is_valid(ranks))
    order = np.array(list(sequences.values()), np.int32)[table["rank"].to_numpy()] if sequences else _none()
    keys = table["item_id"].cast(pa.int64()).to_numpy() * REVISION_SPACE + table["rev"].to_numpy()
    encoded = pc.fill_null(table["project"], "").combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    codes = np.array([names.setdefault(name, len(names)) for name in encoded.dictionary.to_pylist()], np.int32)
    projects = codes[encoded.indices.to_numpy()] if len(codes) else _none()
    return keys, order, projects, pc.fill_null(table["is_item_deleted"], False).to_numpy()


def _none() -> Codes:
    return np.empty(0, np.int32)
