"""Categories of states that histories have and no project lists any more.

A project that was given another process, or a type that was disabled, leaves revisions whose state is in no
list. Other projects may still have it; else the organisation's processes do. Without its category old work
would look as if it had never been started or done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from extractors.azure_devops.client import THREADS, AzureDevOpsClient
from extractors.azure_devops.metadata_landing import STATES
from extractors.azure_devops.metadata_records import former_state_row
from extractors.azure_devops.records import REVISIONS
from extractors.errors import AccessDenied, BadRequest, NotFound
from extractors.writing import Writer, in_parallel

Place = tuple[str, str, str]
"""(project, work item type, state)"""


def land_former_states(client: AzureDevOpsClient, writer: Writer) -> None:
    """Land the states that only histories have; warn of those that nobody knows. Asks for nothing if there are none."""
    listed = _listed(writer)
    unknown = sorted(_used(writer) - set(listed))
    if not unknown:
        return
    categories: dict[tuple[str, str], str | None] = {place[1:]: category for place, category in listed.items()}
    if any(place[1:] not in categories for place in unknown):
        categories = {**_of_processes(client), **categories}
    known = [place for place in unknown if place[1:] in categories]
    writer.append(STATES, [former_state_row(*place, categories[place[1:]]) for place in known])
    if lost := sorted({f"{kind} / {state}" for _, kind, state in set(unknown).difference(known)}):
        shown = ", ".join(lost[:5]) + (f" and {len(lost) - 5} more" if len(lost) > 5 else "")
        writer.report.warnings.append(
            f"No project and no process lists the states {shown} any more: map them in the seed stage_mapping, "
            "else they count as todo"
        )


def _listed(writer: Writer) -> Mapping[Place, str | None]:
    """Category by place of every state that was ever landed."""
    columns = ["project", "item_type", "state", "category"]
    rows = writer.landing.latest(STATES, writer.connection.id, columns).to_pylist()
    return {(row["project"], row["item_type"], row["state"]): row["category"] for row in rows}


def _used(writer: Writer) -> set[Place]:
    """Every combination that a visible revision has."""
    landing, connection_id = writer.landing, writer.connection.id
    visible = pa.array(list(landing.ledger.sequences(connection_id)), pa.string())
    table = landing.table(REVISIONS)
    found: set[Place] = set()
    for file in table.files(connection_id):
        columns = ["project", "item_type", "state", "batch_id"]
        rows = table.scan([file], columns, connection_id)
        rows = rows.filter(pc.is_in(rows["batch_id"], visible))
        places = rows.group_by(columns[:3]).aggregate([]).to_pylist()
        found.update((row["project"], row["item_type"], row["state"]) for row in places)
    return {place for place in found if None not in place}


def _of_processes(client: AzureDevOpsClient) -> dict[tuple[str, str], str | None]:
    """Category by type and state over all processes of the organisation; nothing if they may not be read."""
    try:
        processes = client.processes()
        found = [types for _, types in in_parallel(client.process_types, [one["typeId"] for one in processes], THREADS)]
    except (AccessDenied, NotFound, BadRequest):
        return {}
    return dict(pair for types in found for pair in _states(types))


def _states(types: list[dict[str, Any]]) -> Iterator[tuple[tuple[str, str], str | None]]:
    for record in types:
        for state in record.get("states") or []:
            yield (record["name"], state["name"]), state.get("stateCategory")
