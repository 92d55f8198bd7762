"""The organisation's own tables beside its tools: which portfolio a project belongs to, and what it aims at.

They are seeds of the product, so that the built-in run shows portfolios and targets.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from sandbox.model import Site, Tool

_TARGETS = (
    # kpi_id, target, at_risk: hours for times, ratios from 0 to 1
    ("cycle_time_p85", 240, 360),
    ("lead_time_p85", 720, 1080),
    ("flow_efficiency", 0.85, 0.7),
    ("defect_ratio", 0.2, 0.35),
    ("reopen_ratio", 0.05, 0.1),
    ("say_do", 0.8, 0.6),
    ("scope_change", 0.25, 0.5),
    ("predictability", 0.8, 0.6),
    ("data_trust", 0.95, 0.9),
    ("nps", 30, 10),
    ("csat", 0.8, 0.7),
)


def write_seeds(sites: Iterable[Site], folder: Path) -> None:
    """`kpi_targets.csv` and `portfolio_mapping.csv` in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(
        folder / "kpi_targets.csv",
        ("kpi_id", "scope_type", "scope_name", "target", "at_risk", "valid_from"),
        [(kpi, "", "", target, at_risk, "") for kpi, target, at_risk in _TARGETS],
    )
    projects = [
        # A project is named as its tool names it: Jira by key, Azure DevOps by name.
        ("", project.name if site.tool == Tool.AZURE_DEVOPS else project.key, "", "", project.portfolio)
        for site in sites
        for project in site.projects
    ]
    _write(
        folder / "portfolio_mapping.csv",
        ("connection_id", "project", "epic_ref", "program", "portfolio"),
        sorted(set(projects)),
    )


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    unfinished = path.with_suffix(".part")
    unfinished.write_text(text.getvalue(), "utf-8")
    unfinished.replace(path)
