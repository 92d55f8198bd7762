"""Publish the marts: write aside, audit, then make visible at once. The last good publication stays on failure.

From the warehouse (read-only) into `$PMO_HOME/published/`: `marts.duckdb`, `parquet/`, `marts.hyper`,
`csv/` and `json/` per KPI, `dashboard/index.html` and `publication.json`, which says what was
published, when, by which run, and as of when. Then, where a server is named, into PostgreSQL.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb

from bi.catalog import Table, read_catalog
from bi.dashboard.build import write_dashboard
from bi.exports import write_exports
from bi.hyper import write_hyper
from bi.marts import open_marts, open_warehouse, write_marts
from bi.publication import PostgresTarget, Publication, PublicationRun, PublishError
from bi.receipt import write_receipt
from bi.versions import Versions, version_name

SPARE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class _Written:
    version: str
    tables: list[Table]
    rows: dict[str, int]
    data_as_of: datetime | None
    notices: tuple[str, ...]


def publish(
    warehouse: Path,
    home: Path,
    *,
    run: PublicationRun,
    postgres: PostgresTarget | None = None,
    as_of: date | None = None,
    manifest: Path,
    before_visible: Callable[[], None] | None = None,
) -> Publication:
    """Publish every table of the layers core and marts from the DuckDB file `warehouse`.

    `home` is PMO_HOME, `manifest` dbt's manifest.json. With `as_of` the files go to
    `published-as-of/<date>`, and PostgreSQL, which shows the present, is left alone.
    `before_visible` is called once everything is written; what it raises drops the publication.
    Raises PublishError; then the files are as they were, or, if only PostgreSQL failed, says so.
    """
    versions = Versions(home)
    _check_free_space(warehouse, home)
    with versions.locked():
        with versions.building(run, as_of) as folder:
            written = _write_files(warehouse, folder, home / "cache", run, manifest)
            if before_visible:
                before_visible()
        notices = written.notices
        if postgres and not as_of:
            from bi.postgres import load_postgres

            notices += load_postgres(postgres, versions.stable_path(None), written.tables).notices
    return Publication(
        folder=versions.stable_path(as_of),
        version=written.version,
        tables=written.rows,
        data_as_of=written.data_as_of,
        postgres=postgres if not as_of else None,
        notices=notices,
    )


def _write_files(warehouse: Path, folder: Path, cache: Path, run: PublicationRun, manifest: Path) -> _Written:
    spill = folder / "spill"
    try:
        with open_warehouse(warehouse, spill) as connection:
            tables = read_catalog(manifest, connection, "warehouse")
            cleaned = write_marts(connection, tables, folder)
            notices = [f"{name}: NUL characters removed from {cells} cells" for name, cells in cleaned.items()]
            write_hyper(connection, tables, folder)
        shutil.rmtree(spill, ignore_errors=True)
        with open_marts(folder, warehouse) as marts:
            notices += write_exports(marts, tables, folder)
            notices += write_dashboard(marts, folder, run, cache=cache)
        rows, as_of = write_receipt(folder, run, tables, cleaned)
    except (OSError, duckdb.OperationalError) as error:
        raise PublishError(
            f"Nothing was published: writing below {folder.parent} failed ({error}). "
            "The last good publication stays. Free disk space or check the permissions, then publish again."
        ) from error
    return _Written(version_name(folder), tables, rows, as_of, tuple(notices))


def _check_free_space(warehouse: Path, home: Path) -> None:
    """All forms together take about as much as the warehouse; twice that leaves room for sorting."""
    if not warehouse.is_file():
        return  # said better when it is opened
    needed = 2 * warehouse.stat().st_size + SPARE_BYTES
    home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home).free
    if free < needed:
        raise PublishError(
            f"Nothing was published: {home} has {free // 2**20} MB free, a publication of {warehouse.name} needs "
            f"up to {needed // 2**20} MB. The last good publication stays. Free some space, then publish again."
        )
