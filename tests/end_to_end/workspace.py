"""Runs the installed `pmo` as a user does: a process of its own, a folder of its own, real servers on loopback."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
PMO = Path(sys.executable).parent / "pmo"


@dataclass
class Workspace:
    """A folder with pmo.toml and PMO_HOME, as a user would have."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.folder / ".pmo"

    def configure(self, text: str) -> None:
        (self.folder / "pmo.toml").write_text(text, "utf-8")

    def env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PMO_", "DAGSTER", "DBT_"))}
        return {**kept, "PMO_HOME": str(self.home), "COLUMNS": "160", **self.environment}

    def pmo(self, *arguments: str, timeout: float = 1000) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(PMO), *arguments], cwd=self.folder, env=self.env(), capture_output=True, text=True, timeout=timeout
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`pmo run --config …`, which must succeed."""
        done = self.pmo("run", "--config", str(self.folder / "pmo.toml"), *arguments)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-4000:]
        return done

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the published marts, as a BI tool would read them."""
        with duckdb.connect() as database:
            # Under its own name the file's catalog would be called `marts` like its schema, which DuckDB refuses.
            database.execute(f"attach '{self.home}/published/marts.duckdb' as published (read_only); use published")
            return database.execute(sql).fetchall()


@contextmanager
def serving(workspace: Workspace, port: int, *arguments: str) -> Iterator[int]:
    """`pmo sandbox serve …` until the block ends; yields the first port."""
    log = (workspace.folder / f"sandbox-{port}.log").open("w")
    server = subprocess.Popen(
        [str(PMO), "sandbox", "serve", *arguments],
        cwd=workspace.folder,
        env=workspace.env(),
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/rest/api/2/serverInfo", timeout=2).read()
                break
            except urllib.error.HTTPError:
                break
            except OSError:
                assert server.poll() is None, Path(log.name).read_text()
                assert time.monotonic() < deadline, Path(log.name).read_text()
                time.sleep(0.2)
        yield port
    finally:
        server.terminate()
        server.wait(20)
        log.close()
