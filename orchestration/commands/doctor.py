"""`pmo doctor`: what works and what is missing, for every connection, before a run does it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from extractors.connection import CheckLine, Connection
from extractors.errors import ExtractError
from extractors.redaction import redact, remember
from orchestration.commands.sandbox import served_sandbox
from orchestration.config.default import is_sandbox, load
from orchestration.paths import Home
from orchestration.pipeline.extraction import source_of
from orchestration.seeds import merge_seeds
from orchestration.settings import PostgresServer, Settings
from orchestration.terminal import escape

MARKS = {"ok": "[green]ok[/]  ", "warn": "[yellow]warn[/]", "fail": "[red]FAIL[/]"}


def examine(config: Path | None) -> int:
    """Check everything and print a line for each finding; the exit status: 1 if something fails."""
    home = Home.of()
    settings, _ = load(config, home, os.environ)
    for secret in settings.secrets():
        remember(secret)
    console = Console()
    _print(console, CheckLine("ok", settings.file.name, f"{len(settings.connections)} connections, no unknown keys"))
    replaced = merge_seeds(settings.seeds, home.dbt_seeds)
    _print(console, CheckLine("ok", "seeds", f"replaced by yours: {', '.join(replaced) or 'none'}"))
    if is_sandbox(config):
        with served_sandbox(home):
            levels = _all(console, settings)
    else:
        levels = _all(console, settings)
    return 1 if "fail" in levels else 0


def _all(console: Console, settings: Settings) -> set[str]:
    levels: set[str] = set()
    for connection in settings.connections:
        console.print(f"[bold]{escape(connection.id)}[/] ({connection.kind})", highlight=False)
        for line in _checked(connection):
            levels.add(line.level)
            _print(console, line)
    if settings.postgres:
        console.print("[bold]PostgreSQL[/]")
        line = _postgres(settings.postgres)
        levels.add(line.level)
        _print(console, line)
    return levels


def _checked(connection: Connection) -> list[CheckLine]:
    try:
        lines = source_of(connection).check()
    except ExtractError as error:
        lines = [CheckLine("fail", error.subject, str(error))]
    return [_without_repetition(connection, line) for line in lines]


def _without_repetition(connection: Connection, line: CheckLine) -> CheckLine:
    """An error's text names connection and subject, which stand before it here."""
    text = line.text.removeprefix(f"Connection '{connection.id}': ").removeprefix(f"{line.subject} ")
    return replace(line, text=text)


def _postgres(server: PostgresServer) -> CheckLine:
    import psycopg

    place = f"{server.host}:{server.port}/{server.database}"
    try:
        with psycopg.connect(
            host=server.host,
            port=server.port,
            dbname=server.database,
            user=server.user,
            password=server.password.reveal(),
            connect_timeout=10,
        ) as connection:
            row = connection.execute("select has_database_privilege(current_database(), 'create')").fetchone()
    except psycopg.OperationalError as error:
        said = redact(" ".join(str(error).split()))
        return CheckLine("fail", place, f"{said}. Check [serving.postgres] and its password variable.")
    if row is None or not row[0]:
        text = f"user {server.user} may not create schemas; grant create on database {server.database}."
        return CheckLine("fail", place, text)
    return CheckLine("ok", place, f"user {server.user} may create schemas")


def _print(console: Console, line: CheckLine) -> None:
    told = f"  {MARKS[line.level]} {escape(line.subject)}: {escape(redact(line.text))}"
    console.print(told, highlight=False, soft_wrap=True)
