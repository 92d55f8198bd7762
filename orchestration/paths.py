"""Where everything lies: the project, and the state under PMO_HOME."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
DBT_PROJECT = PROJECT / "dbt_project"
SHIPPED_SEEDS = DBT_PROJECT / "seeds"


@dataclass(frozen=True)
class Home:
    """All state. Removing `root` is a factory reset.

    `build` is where the warehouse and dbt's files of this build lie: `root` itself, or a folder of its own for a
    build *as known on* an earlier date, so that it can never replace the current one.
    """

    root: Path
    build: Path

    @classmethod
    def of(cls, environ: Mapping[str, str] | None = None, as_of: str | None = None) -> Home:
        root = Path((os.environ if environ is None else environ).get("PMO_HOME") or ".pmo").expanduser().resolve()
        return cls(root=root, build=root / "as-of" / as_of if as_of else root)

    @property
    def warehouse(self) -> Path:
        return self.build / "warehouse.duckdb"

    @property
    def dbt_inputs(self) -> Path:
        return self.build / "dbt" / "inputs"

    @property
    def dbt_seeds(self) -> Path:
        return self.build / "dbt" / "seeds"

    @property
    def dbt_target(self) -> Path:
        return self.build / "dbt" / "target"

    @property
    def dbt_logs(self) -> Path:
        return self.build / "dbt" / "logs"

    @property
    def dbt_spill(self) -> Path:
        """Where DuckDB puts what does not fit into memory; only a killed build leaves something there."""
        return self.build / "dbt" / "spill"

    @property
    def manifest(self) -> Path:
        return self.dbt_target / "manifest.json"

    @property
    def published(self) -> Path:
        if self.build == self.root:
            return self.root / "published"
        return self.root / "published-as-of" / self.build.name

    @property
    def dagster(self) -> Path:
        return self.root / "dagster"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def sandbox(self) -> Path:
        return self.root / "sandbox"
