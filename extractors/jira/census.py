"""The census: which issues are gone, told apart from those that moved or that a search did not show.

No feed tells deletions. So the ids of all issues are compared with what is landed; what is missing is
asked for by id before it counts as gone, and a mass disappearance stops for a person to look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from extractors.brake import allows
from extractors.errors import TooManyDeleted, Truncated
from extractors.jira.bulk import Bulk, issue_id_of
from extractors.jira.client import THREADS, JiraClient
from extractors.writing import Writer, in_parallel

Ids = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Landed:
    """Ids of the landed issues that are not deleted, by project id. Arrays, because there may be millions."""

    by_project: Mapping[str, Ids]

    def count(self, project_id: str) -> int:
        return len(self.by_project.get(project_id, ()))

    @property
    def everything(self) -> Ids:
        return np.concatenate([*self.by_project.values(), np.empty(0, np.int64)])


@dataclass(frozen=True)
class Difference:
    """`unknown`: at the source but not landed. `missing`: landed but not in the walk, by project id."""

    unknown: list[int]
    missing: Mapping[str, list[int]]


def landed_issues(writer: Writer) -> Landed:
    table = writer.landing.latest("jira/issues", writer.connection.id, ["record_id", "project_id", "is_deleted"])
    table = table.filter(pc.invert(table["is_deleted"]))
    ids = table["record_id"].cast(pa.int64()).to_numpy()
    projects = table["project_id"].combine_chunks().dictionary_encode()
    codes = projects.indices.to_numpy(zero_copy_only=False)
    return Landed({name: ids[codes == code] for code, name in enumerate(projects.dictionary.to_pylist()) if name})


def compare(walked: Mapping[str, set[int]], landed: Landed) -> Difference:
    """Only projects that were walked to their end are compared."""
    there = np.fromiter((number for ids in walked.values() for number in ids), np.int64)
    missing = {}
    for project_id in walked:
        gone = np.setdiff1d(landed.by_project.get(project_id, np.empty(0, np.int64)), there)
        if len(gone):
            missing[project_id] = gone.tolist()
    return Difference(np.setdiff1d(there, landed.everything).tolist(), missing)


@dataclass(frozen=True)
class Limit:
    """How many issues of a project may vanish at once: `ratio` of them, or a few (`brake.FEW`) in any project."""

    connection_id: str
    ratio: float

    def deletions(self, project: str, known: int, gone: int, walked: int) -> TooManyDeleted | None:
        """The error that stops the deletions of a project. One that is empty at once does, unless the ratio is 1."""
        if self.ratio >= 1 or (walked and self._allows(known, gone)):
            return None
        return TooManyDeleted(
            self.connection_id,
            f"project {project}",
            None,
            "Check that the account may still browse the project; if they really were deleted, raise "
            "max_deleted_ratio to 1 for one run",
            detail=f"{gone} of {known} issues are not found any more (allowed: {self.ratio:.0%}); nothing was deleted",
        )

    def hidden(self, project: str, known: int, hidden: int) -> Truncated | None:
        """The error of a search that does not show many issues that there are."""
        if self._allows(known, hidden):
            return None
        return Truncated(
            self.connection_id,
            f"the search of project {project}",
            200,
            "Run again later: the tool's search index is behind or was cut",
            detail=f"It did not show {hidden} of {known} issues that can be read by id",
        )

    def allows_of_list(self, known: int, gone: int) -> bool:
        """Whether so many entries of a small list may go. A list that is empty at once is not believed."""
        return self.ratio >= 1 or (gone < known and self._allows(known, gone))

    def of_list(self, stream: str, known: int, gone: int) -> TooManyDeleted:
        return TooManyDeleted(
            self.connection_id,
            f"the list {stream}",
            None,
            "Check that the account may still see them; if they really were deleted, set max_deleted_ratio to 1 for "
            "one run",
            detail=f"{gone} of {known} are not listed any more (allowed: {self.ratio:.0%}); nothing was deleted",
        )

    def _allows(self, known: int, count: int) -> bool:
        return allows(count, known, self.ratio)


def still_there(client: JiraClient, ids: Sequence[int]) -> set[int]:
    """Which of `ids` can be read by id, wherever they are now. Unlike a search this does not depend on an index."""
    bulk = Bulk(client)
    if client.is_cloud:
        chunks = [ids[start : start + bulk.chunk_size] for start in range(0, len(ids), bulk.chunk_size)]
        return {
            number for _, found in in_parallel(lambda one: _existing(bulk, one), chunks, THREADS) for number in found
        }
    answers = in_parallel(lambda number: bulk.exists(str(number)), ids, THREADS)
    return {number for number, exists in answers if exists}


def _existing(bulk: Bulk, chunk: Sequence[int]) -> list[int]:
    return [int(issue_id_of(payload)) for payload in bulk.bulk_fetch(chunk, ["project"]).value.issues]
