"""What the raw tables hold after killed runs, beside what a run left alone has landed."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from extractors.landing import Landing
from extractors.ledger import LedgerRow
from extractors.streams import PMO, STREAMS
from tests.faults.sites import Site
from tests.faults.trials import run_to_end

_PASSING = {"run_id", "batch_id", "extracted_at"}  # of a run, not of a record
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*(Z|[+-]\d\d:?\d\d)?")


def records(site: Site, home: Path) -> dict[str, set[tuple[Any, ...]]]:
    """No version of a record twice: all accepted rows of every stream of the tool, without what belongs to a run."""
    landing = Landing(home)
    accepted = {row.batch_id: row.run_started_at for row in landing.batches() if row.verdict == "accepted"}
    found = {}
    for name, stream in STREAMS.items():
        if stream.tool != site.tool:
            continue
        table = landing.table(name)
        rows = table.scan(table.files(site.connection_id), table.schema.names, site.connection_id).to_pylist()
        rows = [row for row in rows if row["batch_id"] in accepted]
        versions = {(row["record_id"], row["payload_hash"], row["is_deleted"]) for row in rows}
        assert len(versions) == len(rows), f"{name}: a record is there twice"
        rows = [_timeless(row, accepted[row["batch_id"]]) for row in rows]
        found[name] = {tuple(_plain(row[key]) for key in table.schema.names if key not in _PASSING) for row in rows}
        assert len(found[name]) == len(rows), f"{name}: a record is there twice, but for its instant"
    return found


def _timeless(row: dict[str, Any], started_at: datetime) -> dict[str, Any]:
    """Where nobody knows when a thing happened, a record holds the start of the run that missed it: blotted out."""
    if row.get("deleted_at") != started_at:
        return row
    blotted = dict.fromkeys(("deleted_at", "updated_at", "payload_hash"), "<start of the run>")
    return row | blotted | {"payload": _INSTANT.sub("<instant>", row["payload"])}


def batches_with_rows(site: Site, home: Path) -> int:
    """Batches that hold records of the tool."""
    streams = [json.loads(row.streams) for row in Landing(home).batches(site.connection_id)]
    return sum(any(part["stream"] not in PMO and part["rows"] for part in parts) for parts in streams)


def held_counts(site: Site, home: Path) -> dict[tuple[str, str], int | None]:
    """What the last run says that we hold: (stream, project) → records."""
    landing = Landing(home)
    last = landing.batches(site.connection_id)[-1]
    columns = ["record_id", "stream", "project", "got"]
    rows = landing.latest("pmo/coverage", site.connection_id, columns).to_pylist()
    return {(row["stream"], row["project"]): row["got"] for row in rows if row["record_id"].startswith(last.run_id)}


def cursor(site: Site, home: Path) -> str:
    """Where the next run goes on, with every instant of a run blotted out.

    A survey whose first reading went on where another was cut off has no census yet: the next run takes it.
    """
    row = Landing(home).ledger.last_visible(site.connection_id)
    assert row is not None
    assert row.is_final
    _assert_watermarks(site, row)
    text = _INSTANT.sub("<instant>", row.cursors)
    return text.replace('"census_at":null', '"census_at":"<instant>"') if site.tool == "surveys" else text


def _assert_watermarks(site: Site, last: LedgerRow) -> None:
    """No run goes on from later than where the last one began: what changed while it read would be lost.

    Of Jira each project was read to its end, so it goes on from exactly there.
    """
    if site.tool == "jira":
        assert {datetime.fromisoformat(value) for value in last.cursor["projects"].values()} == {last.run_started_at}
    names = {"jira": ["census_at"], "azure_devops": ["metadata_at", "census_at"]}.get(site.tool, [])
    told = [last.cursor[name] for name in names if last.cursor[name]]
    assert all(datetime.fromisoformat(value) <= last.run_started_at for value in told)


def unknown_files(home: Path) -> list[str]:
    """Data files on the disk that no table knows."""
    landing = Landing(home)
    known = {uri for name in STREAMS for uri in landing.table(name).file_uris()}
    return [str(path) for path in (home / "raw").rglob("*.parquet") if "_delta_log" not in path.parts
            and path.parent.name != "batches" and str(path) not in known]  # fmt: skip


def assert_whole_batches(site: Site, home: Path) -> None:
    """Of every batch in the ledger all rows are there, and sequences have no gaps: what a kill may leave visible."""
    landing = Landing(home)
    batches = landing.batches(site.connection_id)
    assert [row.sequence for row in batches] == list(range(1, len(batches) + 1))
    stored: dict[tuple[str, str], int] = {}
    for name in [name for name, stream in STREAMS.items() if stream.tool == site.tool or name in PMO]:
        table = landing.table(name)
        ids = table.scan(table.files(site.connection_id), ["batch_id"], site.connection_id)["batch_id"].to_pylist()
        for batch_id in ids:
            stored[(name, batch_id)] = stored.get((name, batch_id), 0) + 1
    for row in batches:
        for part in json.loads(row.streams):
            assert stored.get((part["stream"], row.batch_id), 0) == part["rows"], part["stream"]


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


class Undisturbed:
    """What a run that nobody kills leaves behind."""

    def __init__(self, site: Site, home: Path) -> None:
        self.points = run_to_end(site, home)
        self.records = records(site, home)
        self.held = held_counts(site, home)
        self.cursor = cursor(site, home)
        assert sum(map(len, self.records.values())) > 50
        assert any(self.held.values())

    def assert_same(self, site: Site, home: Path) -> None:
        """After a killed run and another."""
        assert_whole_batches(site, home)
        run_to_end(site, home)
        assert_whole_batches(site, home)
        self.assert_equals(site, home)

    def assert_equals(self, site: Site, home: Path) -> None:
        """Nothing lost, nothing doubled, and the cursor where it belongs."""
        assert records(site, home) == self.records
        assert held_counts(site, home) == self.held
        assert cursor(site, home) == self.cursor


def assert_next_run_lands_nothing(site: Site, home: Path) -> None:
    before = records(site, home), len(Landing(home).batches())
    run_to_end(site, home)
    assert records(site, home) == before[0]
    assert len(Landing(home).batches()) > before[1]
