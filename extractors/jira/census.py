"""The census: which issues are gone, told apart from those that moved or that a search did not show.

No feed tells deletions. So the ids of all issues are compared with what is landed; what is missing is
asked for by id before it counts as gone, and a mass disappearance stops for a person to look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from extractors.errors import TooManyDeleted
from extractors.jira.client import BULK, THREADS, JiraClient, issue_id_of
from extractors.writing import Writer, in_parallel

FEW = 5  # so many may go in any project, however small


@dataclass(frozen=True)
class Landed:
    """What is landed of one issue."""

    project_id: str
    project_key: str
    is_deleted: bool
    updated: str | None


@dataclass(frozen=True)
class Difference:
    """`unknown`: at the source but not landed. `missing`: landed but not in the walk, by project id."""

    unknown: set[int]
    missing: Mapping[str, set[int]]


def landed_issues(writer: Writer) -> dict[int, Landed]:
    """Latest visible state of all issues of the connection."""
    table = writer.landing.latest(
        "jira/issues", writer.connection.id, ["record_id", "project_id", "project_key", "is_deleted", "updated_at"]
    )
    ids = table["record_id"].to_pylist()
    projects, keys = table["project_id"].to_pylist(), table["project_key"].to_pylist()
    deleted, updated = table["is_deleted"].to_pylist(), table["updated_at"].cast("int64").to_pylist()
    return {
        int(issue_id): Landed(project_id or "", key or "", is_deleted, at)
        for issue_id, project_id, key, is_deleted, at in zip(ids, projects, keys, deleted, updated, strict=True)
    }


def compare(walked: Mapping[str, set[int]], landed: Mapping[int, Landed]) -> Difference:
    """Only projects that were walked to their end are compared."""
    there = set().union(*walked.values()) if walked else set()
    missing: dict[str, set[int]] = {}
    for number, known in landed.items():
        if not known.is_deleted and known.project_id in walked and number not in there:
            missing.setdefault(known.project_id, set()).add(number)
    alive = {number for number, known in landed.items() if not known.is_deleted}
    return Difference(there - alive, missing)


def brake(
    connection_id: str, ratio: float, project: str, known: int, missing: int, walked: int
) -> TooManyDeleted | None:
    """The error that stops deletions of a project, if too many issues vanished at once."""
    is_empty = walked == 0 and known > 0
    if not is_empty and (missing <= FEW or missing <= ratio * known):
        return None
    return TooManyDeleted(
        connection_id,
        f"project {project}",
        None,
        "Check that the account may still browse the project; if they really were deleted, raise max_deleted_ratio "
        "for one run",
        detail=f"{missing} of {known} issues are not found any more (allowed: {ratio:.0%}); nothing was deleted here",
    )


def still_there(client: JiraClient, ids: Sequence[int]) -> set[int]:
    """Which of `ids` can be read by id, wherever they are now. Unlike a search this does not depend on an index."""
    if client.is_cloud:
        chunks = [ids[start : start + BULK] for start in range(0, len(ids), BULK)]
        return {
            number
            for _, found in in_parallel(lambda chunk: _existing(client, chunk), chunks, THREADS)
            for number in found
        }
    answers = in_parallel(lambda number: client.exists(str(number)), ids, THREADS)
    return {number for number, exists in answers if exists}


def _existing(client: JiraClient, chunk: Sequence[int]) -> list[int]:
    return [int(issue_id_of(payload)) for payload in client.bulk_fetch(chunk, ["project"]).value.issues]
