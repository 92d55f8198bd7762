"""The house keeps its shape: top level, import rules, nothing committed that must not be."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

TOP_LEVEL = {
    # named by the owner
    "orchestration", "dbt_project", "extractors", "quality", "tests", "dagster.yaml", "pyproject.toml", "README.md",
    # named by the architecture, and the usual files
    "bi", "sandbox", "docs", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile", "requirements.lock", "pmo.example.toml",
    "LICENSE", ".ci", ".gitignore", ".pre-commit-config.yaml", ".sqlfluff", ".sqlfluffignore", ".gitattributes",
}  # fmt: skip

ALLOWED = {
    "orchestration": {"extractors", "quality", "bi", "sandbox"},
    "extractors": set(),
    "quality": set(),
    "bi": set(),
    "sandbox": set(),
}

FORBIDDEN_PACKAGES = {
    "extractors": {"dagster", "dagster_dbt", "dbt", "duckdb"},
    "quality": {"dagster", "dagster_dbt"},
    "bi": {"dagster", "dagster_dbt"},
    "sandbox": {"dagster", "dagster_dbt"},
}

DANGEROUS_CALLS = {"eval", "exec"}


def tracked_files() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listing.split("\0") if name and (ROOT / name).exists()]


def imported_packages(path: Path) -> set[str]:
    packages: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            packages.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            packages.add(node.module.split(".")[0])
    return packages


def test_the_top_level_holds_only_what_the_architecture_names():
    present = {path.relative_to(ROOT).parts[0] for path in tracked_files()}
    assert present - TOP_LEVEL == set()


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_imports_run_one_way(package: str):
    others = set(ALLOWED) - {package} - ALLOWED[package]
    wrong = {
        str(path.relative_to(ROOT)): sorted(found)
        for path in (ROOT / package).rglob("*.py")
        if (found := imported_packages(path) & (others | FORBIDDEN_PACKAGES.get(package, set())))
    }
    assert wrong == {}


def test_no_file_names_a_registry_or_pins_an_address():
    addresses = re.compile(rb"--(extra-)?index-url|--find-links|\"resolved\":\s*\"http")
    wrong = [
        str(path.relative_to(ROOT))
        for path in tracked_files()
        if path.suffix in {".lock", ".txt", ".json"} and addresses.search(path.read_bytes())
    ]
    assert wrong == []


def test_every_locked_version_has_a_hash():
    lock = (ROOT / "requirements.lock").read_text()
    requirements = re.findall(
        r"^([A-Za-z0-9_.\-\[\]]+==\S+)(.*?)(?=^[A-Za-z0-9]|\Z)", lock, flags=re.MULTILINE | re.DOTALL
    )
    assert len(requirements) > 100
    assert [name for name, rest in requirements if "--hash=sha256:" not in rest] == []


def test_nothing_dangerous_is_called():
    """No code from data (eval, exec, pickle, yaml.load), and TLS checks have no off switch."""
    wrong = []
    for path in tracked_files():
        if path.suffix != ".py" or "tests" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func)
            unverified = any(
                keyword.arg == "verify" and isinstance(keyword.value, ast.Constant) and keyword.value.value is False
                for keyword in node.keywords
            )
            if name in DANGEROUS_CALLS or name in {"pickle.load", "pickle.loads", "yaml.load"} or unverified:
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} {name}")
    assert wrong == []


def test_no_file_is_too_large_to_be_source():
    wrong = [str(path.relative_to(ROOT)) for path in tracked_files() if path.stat().st_size > 400_000]
    assert wrong == []
