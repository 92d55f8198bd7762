"""Which items does the tool hold? By queries for ids, in slices that stay below the tool's limit of 20,000."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from extractors.azure_devops.client import AzureDevOpsClient, asks_too_much
from extractors.azure_devops.items import Ids
from extractors.errors import BadRequest, SchemaChanged

LIMIT = 20_000
TOP = LIMIT - 1
FIRST_WIDTH = 1 << 20


def live_ids(client: AzureDevOpsClient, project_id: str) -> Ids:
    """Ids of all live items of a project, ascending."""
    slices = [np.array(ids, np.int64) for ids in _slices(client, project_id)]
    return np.concatenate(slices) if slices else np.empty(0, np.int64)


def _slices(client: AzureDevOpsClient, project_id: str) -> Iterator[list[int]]:
    """Go on after the last id; where the tool still finds too many, ask for ever smaller ranges of ids."""
    last, good_width = 0, FIRST_WIDTH
    width: int | None = None
    while True:
        try:
            ids = client.query_ids(project_id, _query(last, width), TOP)
        except BadRequest as error:
            if not asks_too_much(error) or width == 1:
                raise
            width = good_width if width is None else max(1, width // 2)
            continue
        if any(later <= earlier for earlier, later in zip([last, *ids], ids, strict=False)):
            raise SchemaChanged(
                client.connection.id, "the query for ids", remedy="Run again", detail="The ids do not ascend"
            )
        if ids:
            yield ids
        if len(ids) == TOP:
            last = ids[-1]
        elif width is None:
            return
        else:
            # This range was read to its end; whatever is beyond it is asked for at once, or in a wider range.
            last, good_width, width = last + width, min(FIRST_WIDTH, 2 * width), None


def _query(last: int, width: int | None) -> str:
    upper = f" AND [System.Id] <= {last + width}" if width is not None else ""
    return (
        "SELECT [System.Id] FROM WorkItems WHERE [System.TeamProject] = @project "  # noqa: S608 - whole numbers only
        f"AND [System.Id] > {last}{upper} ORDER BY [System.Id]"
    )
