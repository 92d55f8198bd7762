"""The census of one run: of every selected project the live ids and the parent links, and the last revisions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from extractors.azure_devops.census import live_ids
from extractors.azure_devops.client import THREADS, AzureDevOpsClient
from extractors.azure_devops.isolation import each_by_itself
from extractors.azure_devops.items import Ids
from extractors.azure_devops.links_census import live_parents
from extractors.azure_devops.revision_census import NOTHING_ASKED, LastRevisions, last_revisions
from extractors.errors import ExtractError


@dataclass(frozen=True)
class Census:
    """Live ids, and parent links, by project name; the last revision of every item if that was asked for, too.

    `failed`: errors by the names of projects that could not be counted, which are in neither of the other two.
    """

    ids: dict[str, Ids]
    parents: dict[str, Ids]
    last: LastRevisions
    failed: dict[str, ExtractError]


def take_census(
    client: AzureDevOpsClient, projects: Iterable[dict[str, Any]], warn: Callable[[str], None], *, has_last: bool
) -> Census:
    """Count several projects at a time; one that cannot be counted is an error, and the others are counted."""

    def count(project: dict[str, Any]) -> tuple[Ids, Ids]:
        return live_ids(client, project["id"]), live_parents(client, project["name"])

    ids: dict[str, Ids] = {}
    parents: dict[str, Ids] = {}
    failed: dict[str, ExtractError] = {}
    with ThreadPoolExecutor(1, thread_name_prefix="last") as beside:
        last = beside.submit(last_revisions, client, warn) if has_last else None
        for project, counted in each_by_itself(count, projects, THREADS):
            name = project["name"]
            if isinstance(counted, ExtractError):
                counted.detail = f"It concerns the count of project '{name}'. {counted.detail}".strip()
                failed[name] = counted
            else:
                ids[name], parents[name] = counted
        return Census(ids, parents, last.result() if last else NOTHING_ASKED, failed)
