"""`pmo maintain`: put the raw tables' small files together, drop what counts for nobody, free the disk."""

from __future__ import annotations

import time
from datetime import timedelta

from rich.console import Console
from rich.table import Table

from extractors.landing import Landing
from extractors.maintenance import MaintenanceReport, maintain
from orchestration.commands.failing import log_to_file
from orchestration.commands.progress import terminal_reporter
from orchestration.locking import one_run
from orchestration.paths import Home

UNITS = ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "kB"))


def maintain_raw(*, is_dry: bool, retention_hours: int) -> int:
    """Maintain everything under the lock of a run; the exit status. Prints what was done, or would be."""
    begun = time.monotonic()
    home = Home.of()
    log_to_file()
    console = Console()
    if not (home.root / "raw").exists():
        console.print(f"Nothing to maintain: {home.root / 'raw'} does not exist yet. `pmo run` makes it.", markup=False)
        return 0
    with one_run(home.root), terminal_reporter(console) as progress:

        def told(name: str, done: int, total: int) -> None:
            progress.stage(f"{name} ({done} of {total})")

        report = maintain(Landing(home.root), retention=timedelta(hours=retention_hours), is_dry=is_dry, told=told)
        progress.close()
    _print(console, report, is_dry=is_dry, seconds=time.monotonic() - begun)
    return 0


def _print(console: Console, report: MaintenanceReport, *, is_dry: bool, seconds: float) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("table")
    for title in ("files before", "files after", "rows removed", "old files", "freed"):
        table.add_column(title, justify="right")
    for each in report.tables:
        if each.has_work:
            counts = (each.files_before, each.files_after, each.rows_removed, each.files_vacuumed)
            table.add_row(each.name, *(f"{count:,}" for count in counts), size_text(each.bytes_freed))
    if table.row_count:
        console.print(table)
    before, after = report.total("files_before"), report.total("files_after")
    verb = "Would maintain" if is_dry else "Maintained"
    rows, freed = report.total("rows_removed"), size_text(report.total("bytes_freed"))
    console.print(
        f"{verb} {len(report.tables)} tables in {seconds:.1f} s: {before:,} files to {after:,}, "
        f"{rows:,} rows that counted for nobody removed, {freed} freed.",
        highlight=False,
    )


def size_text(size: int) -> str:
    """`3.2 MB`."""
    return next((f"{size / unit:.1f} {name}" for unit, name in UNITS if size >= unit), f"{size} B")
