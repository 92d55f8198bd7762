"""Landed projects that this run does not read: in the trash, out of sight, or not selected. Each is told by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from extractors.connection import Coverage
from extractors.errors import NotFound
from extractors.jira.census import Landed, Limit
from extractors.landing import Landing
from extractors.writing import Writer

STREAM = "jira/issues"
Json = dict[str, Any]


def in_trash(project: Json) -> bool:
    """Whether an administrator has deleted the project; Jira keeps it in the trash for a while."""
    return bool(project.get("deleted"))


@dataclass(frozen=True)
class Absence:
    """What became of the projects of earlier runs.

    `found`: all projects that the account sees, by id, those in the trash too. `selected`: those that are read.
    `names`: keys of the landed projects by id, as of the run's start.
    """

    writer: Writer
    names: Mapping[str, str]
    found: Mapping[str, Json]
    selected: Collection[str]
    limit: Limit

    def settle(self, landed: Landed) -> bool:
        """Delete the issues of projects in the trash, name the hidden ones; whether all is explained.

        A hidden project keeps its issues: it may be deleted for good, or the permission is lost, and Jira does not say
        which. With max_deleted_ratio 1 it counts as deleted.
        """
        is_explained = True
        for project_id, ids in landed.by_project.items():
            if project_id in self.selected or not len(ids):
                continue
            project = self.found.get(project_id)
            if project is None and self.limit.ratio < 1:
                is_explained = self._name(project_id) and is_explained
            elif project is None or in_trash(project):
                self.writer.delete(STREAM, [str(number) for number in ids.tolist()])
        return is_explained

    def _name(self, project_id: str) -> bool:
        """A hidden project makes the run red, unless the connection names what it wants, and this is not among it."""
        connection = self.writer.connection
        if connection.projects:
            return True
        error = NotFound(
            connection.id,
            f"project {self.names.get(project_id, project_id)}",
            None,
            "Let the account of the token browse it again, or name the remaining ones in `projects`; if it was deleted "
            "for good, set max_deleted_ratio to 1 for one run with --census",
            detail="It was there before and is in no list any more, not in the trash either; its issues are kept",
        )
        self.writer.report.failures.append(error)
        return False

    def coverage(self) -> list[Coverage]:
        """A row, with its reason, for every landed project that was not read, and for every former key of one."""
        table = self.writer.landing.latest(STREAM, self.writer.connection.id, ["project_id", "is_deleted"])
        gone = np.asarray(table["is_deleted"].to_numpy(), bool)
        projects = table["project_id"].combine_chunks().dictionary_encode()
        codes = pa.compute.fill_null(projects.indices, -1).to_numpy(zero_copy_only=False)
        rows = [
            Coverage(STREAM, self.names[project_id], got=0, reason=f"the project is called {key} now")
            for project_id, key in ((each, str(self.found[each].get("key") or each)) for each in self.selected)
            if project_id in self.names and self.names[project_id] != key
        ]
        for code, project_id in enumerate(projects.dictionary.to_pylist()):
            if project_id in self.selected:
                continue
            own = codes == code
            rows.append(
                Coverage(
                    STREAM,
                    self.names.get(project_id, project_id),
                    got=int((own & ~gone).sum()),
                    deleted=int((own & gone).sum()),
                    reason=self._reason(project_id),
                )
            )
        return rows

    def _reason(self, project_id: str) -> str:
        project = self.found.get(project_id)
        if project is None:
            return "cannot be seen any more: deleted for good, or the account has lost the permission to browse it"
        if in_trash(project):
            return "in the tool's trash: its issues count as deleted"
        return "not selected in `projects`: what was landed of it is kept"


def landed_keys(landing: Landing, connection_id: str) -> dict[str, str]:
    """Keys of the landed projects, by id."""
    rows = landing.latest("jira/projects", connection_id, ["record_id", "project_key"]).to_pylist()
    return {row["record_id"]: row["project_key"] or row["record_id"] for row in rows}
