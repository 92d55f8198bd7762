"""Dagster's instance: settings from dagster.yaml at the root of the project, state in $PMO_HOME/dagster."""

from __future__ import annotations

from pathlib import Path

from orchestration.paths import PROJECT, Home


def dagster_home(home: Home) -> Path:
    """The folder for DAGSTER_HOME, with the project's dagster.yaml in it."""
    folder = home.dagster
    folder.mkdir(parents=True, exist_ok=True)
    shipped = (PROJECT / "dagster.yaml").read_bytes()
    copy = folder / "dagster.yaml"
    if not copy.exists() or copy.read_bytes() != shipped:
        copy.write_bytes(shipped)
    return folder
