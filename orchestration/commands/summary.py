"""The end of a run: what each connection brought, what was checked, what was published where, what to do next."""

from __future__ import annotations

import math
import os
import shlex
import shutil
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from orchestration.config.default import SANDBOX_PORT, sandbox_port
from orchestration.paths import Home
from orchestration.pipeline.record import ConnectionResult, RunRecord
from orchestration.settings import Settings
from orchestration.terminal import escape, plain

SHOWN_GAPS = 8


def print_summary(
    console: Console, record: RunRecord, settings: Settings, home: Home, *, seconds: float, is_done: bool
) -> None:
    """Print the closing summary. The last line says how to serve the sandbox again, if the run used it."""
    if record.connections:
        console.print(_connections(record))
    for result in record.connections.values():
        for text in [result.held_reason, *result.failures]:
            if text:
                console.print(f"[red]Held[/] {escape(text)}" if result.is_held else f"[red]Failed[/] {escape(text)}")
        for text in _gaps(result):
            console.print(f"[yellow]Missing[/] {escape(text)}", highlight=False)
        for text in result.warnings:
            console.print(f"[yellow]Note[/] {escape(result.connection_id)}: {escape(text)}", highlight=False)
    _checks(console, record, home)
    _publication(console, record)
    ending = "[bold green]Done[/]" if is_done else "[bold red]Not everything was done[/] (exit status 1)"
    console.print(
        f"{ending} in {seconds:.1f} s. `make dev` shows assets, lineage, checks and runs.",
        highlight=False,
        soft_wrap=True,
    )
    if settings.is_sandbox:
        console.print(
            f"Links in the dashboard lead into the sandbox; serve it again with: {serve_command()}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def serve_command() -> str:
    """`pmo sandbox serve` as it can be typed here: the program as it was called, the port if it was moved."""
    called = Path(sys.argv[0])
    program = "pmo" if shutil.which("pmo") == str(called) else os.path.relpath(called)
    port = sandbox_port(os.environ)
    moved = "" if port == SANDBOX_PORT else f" --port-base {port}"
    return f"{shlex.quote(program)} sandbox serve{moved}"


def _connections(record: RunRecord) -> Table:
    table = Table(title="Connections", title_justify="left", title_style="bold", expand=False)
    for name, justify in [("connection", "left"), ("new rows", "right"), ("records read", "right")]:
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    table.add_column("coverage", justify="right")
    table.add_column("time", justify="right")
    table.add_column("state", overflow="fold")
    for result in record.connections.values():
        seen = sum(stream.seen for stream in result.streams.values())
        table.add_row(
            escape(result.connection_id),
            f"{result.landed:,}",
            f"{seen:,}",
            _coverage(result),
            f"{result.seconds:.1f} s",
            _state(result),
        )
    return table


def _coverage(result: ConnectionResult) -> str:
    if result.expected is None or result.got is None:
        return "—"
    is_whole = result.got >= result.expected
    share = "" if is_whole else f" ({math.floor(1000 * result.got / result.expected) / 10:.1f} %)"
    return f"{result.got:,} of {result.expected:,}{share}"


def _gaps(result: ConnectionResult) -> list[str]:
    """What the connection's data lacks, the largest gaps by name."""
    told = [f"{result.connection_id}: {gap}" for gap in result.gaps[:SHOWN_GAPS]]
    if len(result.gaps) > SHOWN_GAPS:
        rest = sum(gap.missing for gap in result.gaps[SHOWN_GAPS:])
        more = len(result.gaps) - SHOWN_GAPS
        told.append(f"{result.connection_id}: {rest:,} records in {more} more parts. Dagster shows all of them.")
    return told


def _state(result: ConnectionResult) -> str:
    if result.held_reason:
        return "[red]held[/] at its last good state"
    if not result.is_asked:
        return "[dim]not asked (--only)[/]"
    if result.failures:
        return f"[yellow]fresh[/] but for {len(result.failures)} parts"
    return "[green]fresh[/]"


def _checks(console: Console, record: RunRecord, home: Home) -> None:
    failed = [check for check in record.checks if not check.passed]
    passed = len(record.checks) - len(failed)
    if not record.checks:
        return
    docs = home.root / "data_docs" / "index.html"
    where = f" Data Docs: {escape(str(docs))}" if docs.exists() else ""
    console.print(f"Checks: {passed:,} passed, {len(failed)} failed.{where}", highlight=False, soft_wrap=True)
    for check in failed:
        mark = "[red]blocking[/]" if check.is_blocking else "[yellow]warning[/]"
        told = escape(f"{check.asset} {check.name}: {check.detail}")
        console.print(f"  {mark} {told}", highlight=False)


def _publication(console: Console, record: RunRecord) -> None:
    publication = record.publication
    if publication is None:
        console.print("Nothing was published; the last good publication stays.", highlight=False)
        return
    folder = Path(publication.folder)
    as_of = f", data as of {publication.data_as_of:%Y-%m-%d %H:%M} UTC" if publication.data_as_of else ""
    console.print(
        f"Published {publication.tables} tables, {publication.rows:,} rows{as_of}:", highlight=False, soft_wrap=True
    )
    places = [("DuckDB", folder / "marts.duckdb"), ("Parquet", folder / "parquet"), ("Tableau", folder / "marts.hyper")]
    for name, place in [*places, ("Dashboard", folder / "dashboard" / "index.html")]:
        if place.exists():
            console.print(f"  {name:<10} {place}", highlight=False, markup=False, soft_wrap=True)
    if publication.postgres:
        console.print(
            f"  {'PostgreSQL':<10} {plain(publication.postgres)}", highlight=False, markup=False, soft_wrap=True
        )
    for notice in publication.notices:
        console.print(f"  Note: {plain(notice)}", highlight=False, markup=False, soft_wrap=True)
