"""What a connection remembers from one run to the next, and where a run begins."""

from __future__ import annotations

from datetime import datetime

import msgspec

from extractors.azure_devops.records import FIELDS
from extractors.connection import AzureDevOpsConnection
from extractors.decoding import convert
from extractors.landing import Landing, Run
from extractors.rows import canonical_json, digest

VERSION = 1


class AzureDevOpsCursor(msgspec.Struct):
    """Committed with every batch.

    `selection` is a hash of the projects and fields: with others the feed has to be read from its beginning.
    `is_reread`: everything is being read again and has not been read to its end, so the next run goes on with that,
    whatever it was asked for. `gaps`: items whose history the tool itself does not give completely, with their last
    revision. `broken`: ids of revisions that could not be read, `broken_links`: tokens of the pages of links with odd
    events ("" is the first page); each run asks for them again.
    """

    version: int = VERSION
    selection: str = ""
    revisions_token: str | None = None
    links_token: str | None = None
    metadata_at: datetime | None = None  # the last deep reading of the teams
    census_at: datetime | None = None
    gaps: dict[int, int] = {}
    broken: list[str] = []
    broken_links: list[str] = []
    is_reread: bool = False


def start(landing: Landing, connection: AzureDevOpsConnection, run: Run) -> AzureDevOpsCursor:
    """Where to go on; from the beginning if another selection is asked for than before, or everything."""
    # Fields that the organisation gets later come with new revisions, so only what we wish for counts.
    asked = {"projects": sorted(connection.projects), "fields": {**FIELDS, **connection.fields}}
    selection = digest(canonical_json(asked).encode())
    stored = landing.cursor(connection.id)
    if stored is not None and stored.get("version") == VERSION:
        cursor = convert(stored, AzureDevOpsCursor, strict=False)
        if cursor.selection == selection and (cursor.is_reread or not run.is_full):
            return cursor
    return AzureDevOpsCursor(selection=selection, is_reread=run.is_full)
