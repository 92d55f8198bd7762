"""Is every parent link landed? Queries for links say which there are; an item's updates give what the feed did not.

A pair of child and parent is one whole number, so that a million of them are some megabytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from extractors.azure_devops.client import THREADS, AzureDevOpsClient, asks_too_much
from extractors.azure_devops.isolation import each_by_itself
from extractors.azure_devops.items import Ids
from extractors.azure_devops.links import HIERARCHY, LINKS, TO_PARENT, parent_rows
from extractors.azure_devops.people import People
from extractors.connection import Coverage
from extractors.errors import BadRequest, ExtractError, NotFound
from extractors.writing import Writer

ID_SPACE = 1 << 31  # the tool's ids are 32-bit numbers
MOST_ITEMS = 20_000  # of one run: beyond that something else is wrong


def live_parents(client: AzureDevOpsClient, project: str) -> Ids:
    """Parent links between live items; the parent is in `project`. In halves, where they are too many for a query."""
    found: list[Ids] = [np.empty(0, np.int64)]
    ranges = [(0, ID_SPACE)]
    while ranges:
        low, high = ranges.pop()
        try:
            links = client.query_links(_query(project, low, high))
        except BadRequest as error:
            if not asks_too_much(error) or high - low <= 1:
                raise
            middle = (low + high) // 2
            ranges += [(low, middle), (middle, high)]
            continue
        found.append(np.array([child * ID_SPACE + parent for parent, child in links], np.int64))
    return np.unique(np.concatenate(found))


def _query(project: str, low: int, high: int) -> str:
    name = project.replace("'", "''")
    return (
        "SELECT [System.Id] FROM WorkItemLinks "  # noqa: S608 - the only text is quoted
        f"WHERE ([Source].[System.TeamProject] = '{name}' AND [Source].[System.Id] > {low} "
        f"AND [Source].[System.Id] <= {high}) AND ([System.Links.LinkType] = '{HIERARCHY}-Forward') MODE (MustContain)"
    )


@dataclass(frozen=True)
class _Landed:
    """The last word on each pair; all of one length, `pairs` ascending. `changed_at` in epoch microseconds."""

    pairs: Ids
    is_active: npt.NDArray[np.bool_]
    changed_at: Ids

    def younger_than(self, instant: datetime) -> Ids:
        return self.pairs[self.changed_at >= int(instant.timestamp() * 1_000_000)]


class LinkCensus:
    """Compares and mends. `pairs`: the parent links of each project by its name, from before the feed was read."""

    def __init__(
        self,
        client: AzureDevOpsClient,
        writer: Writer,
        people: People,
        pairs: Mapping[str, Ids],
        live: Mapping[str, Ids],
    ) -> None:
        """`live`: ids of the same projects' live items, of the same time."""
        self.client, self.writer, self.people, self.pairs, self.live = client, writer, people, pairs, live
        self._different: dict[str, Ids] | None = None  # what the last look found
        self._everybody = np.unique(np.concatenate([np.empty(0, np.int64), *live.values()]))

    def mend(self) -> int:
        """Land the parent histories of items with differences; how many events that were."""
        self._different = self._differences()
        different = np.concatenate([np.empty(0, np.int64), *self._different.values()])
        children = np.unique(different // ID_SPACE).tolist()
        if len(children) > MOST_ITEMS:
            text = f"{len(children):,} items have other parents than their links say; {MOST_ITEMS:,} were read"
            self.writer.report.warnings.append(text)
        landed = 0
        for child, updates in each_by_itself(self._updates, children[:MOST_ITEMS], THREADS):
            if isinstance(updates, ExtractError):
                self.writer.report.failures.append(updates)
                continue
            rows = list(parent_rows(child, updates, self._project_of(child), self.people))
            landed += self.writer.append(LINKS, rows)
        if landed:
            self._different = None
        return landed

    def coverage(self) -> list[Coverage]:
        """Per project: the parent links that the tool has, and how many of them are landed as they are."""
        differences = self._different if self._different is not None else self._differences()
        rows = []
        for project, pairs in self.pairs.items():
            bad = len(differences[project])
            reason = f"{bad:,} parent links are not what the histories of their items say" if bad else None
            rows.append(Coverage(LINKS, project, expected=len(pairs), got=len(pairs) - bad, skipped=bad, reason=reason))
        return rows

    def _differences(self) -> dict[str, Ids]:
        """Links on one side alone, by the parent's project; what changed while the run went on does not count."""
        landed = _landed(self.writer)
        young = landed.younger_than(self.writer.run.started_at)
        active = landed.pairs[landed.is_active]
        found = {}
        for project, pairs in self.pairs.items():
            here, there = (self._between_live(one, project) for one in (active, pairs))
            found[project] = np.setdiff1d(np.setxor1d(here, there, assume_unique=True), young)
        return found

    def _between_live(self, pairs: Ids, project: str) -> Ids:
        """Those with a child that is live in any of the projects, and a parent that is live in this one."""
        children, parents = pairs // ID_SPACE, pairs % ID_SPACE
        return pairs[np.isin(children, self._everybody) & np.isin(parents, self.live[project])]

    def _project_of(self, item_id: int) -> str | None:
        return next((project for project, ids in self.live.items() if np.isin(item_id, ids)), None)

    def _updates(self, child: int) -> Sequence[dict[str, Any]]:
        try:
            pages = list(self.client.item_updates(child))
        except NotFound:
            return []  # deleted meanwhile; the deletions will tell
        return [msgspec.json.decode(raw) for page in pages for raw in page.value.items]


def _landed(writer: Writer) -> _Landed:
    columns = ["source_id", "target_id", "link_type", "changed_at", "is_active", "is_deleted"]
    table = writer.landing.latest(LINKS, writer.connection.id, columns)
    table = table.filter(pc.and_(pc.equal(table["link_type"], TO_PARENT), pc.invert(table["is_deleted"])))
    children, parents = (table[name].cast(pa.int64()).to_numpy() for name in ("source_id", "target_id"))
    pairs, is_active = children * ID_SPACE + parents, table["is_active"].to_numpy()
    changed_at = pc.fill_null(table["changed_at"].cast(pa.int64()), 0).to_numpy()
    # Of two words of one instant the one that says that the link is gone holds, as in int_item.
    order = np.lexsort((~is_active, changed_at, pairs))
    is_last = np.append(pairs[order][1:] != pairs[order][:-1], True) if len(order) else np.empty(0, np.bool_)
    last = order[is_last]
    return _Landed(pairs[last], is_active[last], changed_at[last])
