"""Rows of pmo/coverage: items that the tool says it has, against items that we hold with their whole history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from extractors.azure_devops.items import Ids, LandedItems
from extractors.azure_devops.links import LINKS
from extractors.azure_devops.records import REVISIONS
from extractors.connection import Coverage
from extractors.errors import ExtractError


def item_coverage(
    items: LandedItems,
    short: npt.NDArray[np.bool_],
    projects: Sequence[str],
    census: Mapping[str, Ids] | None,
    deleted: set[int],
    missing: Sequence[ExtractError],
    uncounted: Mapping[str, ExtractError],
    stopped: Mapping[str, ExtractError],
) -> list[Coverage]:
    """One row per project: the selected ones, those of which something is landed, those that cannot be seen.

    `expected` counts the live items of the census (None in a run without one), `got` those of them that are landed
    with all their revisions, `skipped` the `short` ones: those of which the tool itself does not give all revisions.
    `missing`: of projects that cannot be seen; by name, `uncounted`: of those that no census could be taken of, and
    `stopped`: of those of whose items too many vanished at once.
    """
    is_gone = items.is_deleted | np.isin(items.ids, np.array(sorted(deleted), np.int64))
    rows = {project: _of_project(items, items.ids[short], project, census, is_gone) for project in projects}
    for project in items.project_names:
        if project and project not in rows:
            rows[project] = _not_read(items, project, is_gone)
    for error in missing:
        name = error.subject.split("'")[1]
        rows[name] = replace(rows.get(name, Coverage(REVISIONS, name)), reason=str(error))
    for name, error in (*uncounted.items(), *stopped.items()):
        earlier = rows[name].reason
        rows[name] = replace(rows[name], reason=f"{earlier}; {error}" if earlier else str(error))
    return list(rows.values())


def unread_links(projects: Iterable[str]) -> list[Coverage]:
    """Rows where no census was taken: nobody says how many parent links there are."""
    return [Coverage(LINKS, project) for project in projects]


def _not_read(items: LandedItems, project: str, is_gone: npt.NDArray[np.bool_]) -> Coverage:
    """A project of which something is landed, but which is not selected, or cannot be seen any more."""
    own = items.in_project(project)
    return Coverage(
        REVISIONS,
        project,
        got=int((own & ~is_gone).sum()),
        deleted=int((own & is_gone).sum()),
        reason="the project is not selected, or cannot be seen; what was landed of it is kept",
    )


def _of_project(
    items: LandedItems,
    short_ids: Ids,
    project: str,
    census: Mapping[str, Ids] | None,
    is_gone: npt.NDArray[np.bool_],
) -> Coverage:
    own = items.in_project(project)
    counted = census.get(project) if census is not None else None
    listed = counted if counted is not None else items.ids[own & ~is_gone]
    landed = np.isin(listed, items.ids)
    short = int(np.isin(listed, short_ids).sum())
    reasons = []
    if short:
        reasons.append(f"of {short:,} items the tool does not give all revisions")
    return Coverage(
        REVISIONS,
        project,
        expected=len(listed) if counted is not None else None,
        got=int(landed.sum()) - short,
        deleted=int((own & is_gone).sum()),
        skipped=short,
        reason="; ".join(reasons) or None,
    )
