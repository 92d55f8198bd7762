"""The memory that DuckDB may use in dbt."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestration.dbt_files import dbt_environment, memory_limit
from orchestration.paths import Home


@pytest.mark.parametrize(
    ("written", "limit"), [("2000000000\n", "1200MB"), ("64000000000000\n", None), ("max\n", None)]
)
def test_memory_is_a_share_of_what_a_container_may_use(tmp_path: Path, written: str, limit: str | None) -> None:
    cgroup = tmp_path / "memory.max"
    assert memory_limit(cgroup) == machine()  # no such file
    cgroup.write_text(written)
    assert memory_limit(cgroup) == (limit or machine())


def test_a_limit_of_the_user_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMO_MEMORY_LIMIT", "750MB")
    assert dbt_environment(Home.of({"PMO_HOME": str(tmp_path)}))["PMO_MEMORY_LIMIT"] == "750MB"
    monkeypatch.setenv("PMO_MEMORY_LIMIT", "")
    assert dbt_environment(Home.of({"PMO_HOME": str(tmp_path)}))["PMO_MEMORY_LIMIT"] == memory_limit()


def machine() -> str:
    installed_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 10**6
    return "6000MB" if installed_mb >= 10_000 else f"{int(installed_mb * 0.6)}MB"
