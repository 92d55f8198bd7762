"""Revisions that no row can be made of: remembered with the token, asked for in each run, red until they land."""

from __future__ import annotations

from collections.abc import Sequence

from extractors.azure_devops.cursor import AzureDevOpsCursor
from extractors.azure_devops.isolation import BrokenRevision
from extractors.azure_devops.mending import Mended
from extractors.azure_devops.records import REVISIONS
from extractors.errors import ExtractError
from extractors.writing import Writer


def note(cursor: AzureDevOpsCursor, found: Sequence[BrokenRevision]) -> None:
    """Remember what the feed has just told, before its token moves on.

    One that does not say whose it is can only be missed by a census, so that is due then.
    """
    cursor.broken = sorted({*cursor.broken, *(one.record_id for one in found if one.is_named)})
    if not all(one.is_named for one in found):
        cursor.census_at = None


def items_of(cursor: AzureDevOpsCursor, found: Sequence[BrokenRevision]) -> set[int]:
    """Items whose histories are to be read by themselves: another endpoint may give what the feed does not."""
    return {int(record_id.partition(":")[0]) for record_id in cursor.broken} | {
        one.item_id for one in found if one.item_id is not None
    }


def settle(
    writer: Writer, cursor: AzureDevOpsCursor, found: Sequence[BrokenRevision], mended: Mended
) -> list[ExtractError]:
    """One error for each that is not landed even now; `found` are those of this run, of the feed and of the mending."""
    known = writer.landing.latest(REVISIONS, writer.connection.id, ["record_id"], cursor.broken)
    landed = set(known["record_id"].to_pylist())
    left = [one for one in cursor.broken if one not in landed and int(one.partition(":")[0]) not in mended.foreign]
    gone = [one for one in left if int(one.partition(":")[0]) in mended.gone]
    if gone:
        writer.report.warnings.append(f"Revisions of deleted items cannot be read: {', '.join(gone)}")
    cursor.broken = [one for one in left if one not in gone]
    by_id = {one.record_id: one for one in found}
    unknown = "No endpoint of the tool gives it in a form that is known"
    failures: list[ExtractError] = []
    for record_id in cursor.broken:
        item_id, _, rev = record_id.partition(":")
        one = by_id.get(record_id, BrokenRevision(int(item_id), int(rev), unknown))
        failures.append(one.failure(writer.connection.id))
    nameless = [one.failure(writer.connection.id) for one in found if not one.is_named]
    return [*failures, *nameless]
