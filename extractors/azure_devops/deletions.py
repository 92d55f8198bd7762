"""Deleted, restored and destroyed items.

The recycle bin says who deleted an item and when. A destroyed item is in no list at all, so it shows only
by its absence from a complete census, and is asked for once more by its id before it is believed. Lost
permission on an area looks the same, and its items cannot be read by id either; therefore a project that would
lose too many items at once keeps them all, and is red until a person has settled it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from extractors.azure_devops.client import AzureDevOpsClient
from extractors.azure_devops.isolation import ODD, is_of_one_part, odd_record
from extractors.azure_devops.items import Ids, LandedItems
from extractors.azure_devops.people import People
from extractors.azure_devops.records import REVISIONS, instant_of
from extractors.brake import allows
from extractors.errors import ExtractError, TooManyDeleted
from extractors.rows import canonical_json
from extractors.writing import Writer

DELETED_ITEMS = "azure_devops/deleted_items"


@dataclass(frozen=True)
class KnownDeletion:
    """A row of azure_devops/deleted_items that holds."""

    project: str | None
    deleted_at: datetime | None
    is_destroyed: bool


class Deletions:
    """Brings azure_devops/deleted_items up to date with the tool. `known` is kept in step: what holds now."""

    def __init__(self, client: AzureDevOpsClient, writer: Writer, people: People) -> None:
        self.client, self.writer, self.people = client, writer, people
        self.known = self._known()
        self._in_bin: set[int] = set()

    def land(
        self, bins: Mapping[str, Sequence[int]], projects: Mapping[str, dict[str, Any]], items: LandedItems
    ) -> None:
        """`bins`: ids in the recycle bin of each project that could be read, by project id."""
        self._in_bin = {item_id for ids in bins.values() for item_id in ids}
        before = dict(self.known)
        for project_id, ids in bins.items():
            new = [item_id for item_id in ids if not self._is_in_bin_already(item_id)]
            self._append(list(self._new_rows(project_id, projects[project_id]["name"], new)))
        readable = {projects[project_id]["name"] for project_id in bins}
        left = [
            item_id
            for item_id, deletion in before.items()
            if item_id not in self._in_bin and not deletion.is_destroyed and deletion.project in readable
        ]
        self._settle(left, items)

    def land_missing(
        self, census: Mapping[str, Ids], unread_bins: Collection[str], items: LandedItems, now: datetime
    ) -> dict[str, TooManyDeleted]:
        """Items of the projects of `census` (live ids by project name) that should be in it but are not: destroyed.

        Where the recycle bin could not be read nothing is: it may be in there. Also the reverse: what was taken for
        destroyed and is there again. Returns an error for each project, by name, that lost too many items; of those
        nothing was recorded.
        """
        live = np.concatenate([np.empty(0, np.int64), *census.values()])
        deleted = np.array(sorted(self._in_bin.union(self.known)), np.int64)
        is_untold = ~np.isin(items.ids, deleted)
        stopped = {}
        for project, listed in census.items():
            if project in unread_bins:
                continue
            own = items.in_project(project) & is_untold
            expected = items.ids[own & ~items.is_deleted]
            missing = np.setdiff1d(expected, live, assume_unique=True).tolist()
            gone = sorted(set(missing) - self.client.existing(missing))
            if gone and not self._allows(len(gone), len(expected), len(listed)):
                stopped[project] = self._too_many(project, len(gone), len(expected))
            else:
                self._append([self._destroyed_row(item_id, project, now) for item_id in gone])
            # Their last revision says that they were deleted, and no recycle bin has them any more.
            silent = np.setdiff1d(items.ids[own & items.is_deleted], live)
            instants = self._last_changes(silent.tolist(), items)
            self._append([self._destroyed_row(item_id, project, at) for item_id, at in instants.items()])
        back = [item_id for item_id, one in self.known.items() if one.is_destroyed and np.isin(item_id, live)]
        self._restore(back)
        return stopped

    def land_deleted_projects(self, projects: Iterable[str], items: LandedItems, now: datetime) -> None:
        """With a project its items go; they come back with it, too, as a census will show."""
        for project in projects:
            own = items.ids[items.in_project(project) & ~items.is_deleted].tolist()
            gone = [item_id for item_id in own if item_id not in self.known]
            self._append([self._destroyed_row(item_id, project, now) for item_id in gone])

    def _new_rows(self, project_id: str, project: str, new: Sequence[int]) -> Iterator[dict[str, Any]]:
        """What the recycle bin says of them; what it cannot say now is asked for again in the next run."""
        failures = self.writer.report.failures
        try:
            records = self.client.deleted_items(project_id, new) if new else []
        except ExtractError as error:
            if not is_of_one_part(error):
                raise
            error.detail = f"It concerns the recycle bin of project '{project}'. {error.detail}".strip()
            failures.append(error)
            return
        for record in records:
            try:
                yield self._bin_row(record, project)
            except ODD as error:
                subject = f"an entry of the recycle bin of project '{project}'"
                failures.append(odd_record(self.client.connection.id, subject, error))

    def _last_changes(self, item_ids: list[int], items: LandedItems) -> dict[int, datetime | None]:
        """When the last landed revision of each was made."""
        places = np.searchsorted(items.ids, item_ids)
        names = [f"{one}:{rev}" for one, rev in zip(item_ids, items.last_revisions[places].tolist(), strict=True)]
        columns = ["item_id", "changed_at"]
        rows = self.writer.landing.latest(REVISIONS, self.client.connection.id, columns, names).to_pylist()
        return {int(row["item_id"]): row["changed_at"] for row in rows}

    def _settle(self, left: list[int], items: LandedItems) -> None:
        """Items that left the recycle bin are either live again or destroyed; the tool says which."""
        existing = self.client.existing(left)
        self._restore(existing)
        rows = []
        for item_id in sorted(set(left) - existing):
            deletion = self.known[item_id]
            project = deletion.project or _project_of(item_id, items)
            rows.append(self._destroyed_row(item_id, project, deletion.deleted_at))
        self._append(rows)

    def _allows(self, gone: int, expected: int, listed: int) -> bool:
        """A project that is empty all of a sudden always stops, unless everything is allowed."""
        ratio = self.client.connection.max_deleted_ratio
        return ratio >= 1 or (listed > 0 and allows(gone, expected, ratio))

    def _too_many(self, project: str, gone: int, expected: int) -> TooManyDeleted:
        ratio = self.client.connection.max_deleted_ratio
        return TooManyDeleted(
            self.client.connection.id,
            f"project '{project}'",
            remedy="Give the account back its permission to view work items in the project's area paths; if the items "
            "really were destroyed, set max_deleted_ratio to 1 for one run with --full",
            detail=f"{gone:,} of {expected:,} items are not found any more (allowed: {ratio:.0%}); nothing was deleted",
        )

    def _known(self) -> dict[int, KnownDeletion]:
        columns = ["record_id", "is_deleted", "project", "deleted_at", "is_destroyed"]
        landed = self.writer.landing.latest(DELETED_ITEMS, self.client.connection.id, columns).to_pylist()
        return {
            int(row["record_id"]): KnownDeletion(row["project"], row["deleted_at"], bool(row["is_destroyed"]))
            for row in landed
            if not row["is_deleted"]
        }

    def _is_in_bin_already(self, item_id: int) -> bool:
        return item_id in self.known and not self.known[item_id].is_destroyed

    def _bin_row(self, record: Mapping[str, Any], project: str) -> dict[str, Any]:
        """One item of the recycle bin. The bin names people by text; the id is known if they were seen in this run."""
        deleted_by, item_id = record.get("deletedBy"), str(int(record["id"]))
        return {
            "record_id": item_id,
            "updated_at": instant_of(record.get("deletedDate")),
            "payload": canonical_json(record),
            "item_id": item_id,
            "project": project,
            "deleted_at": instant_of(record.get("deletedDate")),
            "deleted_by_id": self.people.id_of(deleted_by)
            if isinstance(deleted_by, str)
            else self.people.see(deleted_by, is_hint=True),
            "is_destroyed": False,
        }

    def _destroyed_row(self, item_id: int, project: str | None, deleted_at: datetime | None) -> dict[str, Any]:
        """`deleted_at` is the tool's instant where it was known, else the start of the run that first missed it."""
        facts = {"item_id": str(item_id), "project": project, "deleted_at": deleted_at, "is_destroyed": True}
        return {"record_id": str(item_id), "updated_at": deleted_at, "payload": canonical_json(facts), **facts}

    def _append(self, rows: list[dict[str, Any]]) -> None:
        self.writer.append(DELETED_ITEMS, rows)
        self.known.update(
            (int(row["item_id"]), KnownDeletion(row["project"], row["deleted_at"], row["is_destroyed"])) for row in rows
        )

    def _restore(self, item_ids: Iterable[int]) -> None:
        restored = sorted(item_ids)
        self.writer.delete(DELETED_ITEMS, [str(item_id) for item_id in restored])
        for item_id in restored:
            del self.known[item_id]


def _project_of(item_id: int, items: LandedItems) -> str | None:
    place = int(np.searchsorted(items.ids, item_id))
    if place == len(items) or items.ids[place] != item_id:
        return None
    return items.project_names[items.projects[place]] or None
