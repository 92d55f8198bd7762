"""The house keeps its shape: top level, import rules, nothing committed that must not be."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
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

PACKAGES = {"orchestration", "extractors", "quality", "bi", "sandbox"}

DANGEROUS_CALLS = {"eval", "exec"}


def tracked_files() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listing.split("\0") if name and (ROOT / name).exists()]


def test_the_top_level_holds_only_what_the_architecture_names():
    present = {path.relative_to(ROOT).parts[0] for path in tracked_files()}
    assert present - TOP_LEVEL == set()


def lint_imports(folder: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    """import-linter, told by the pyproject.toml in `folder`, over the packages in `folder`."""
    program = Path(sys.executable).with_name("lint-imports")
    command = [str(program), "--no-logo", "--cache-dir", str(cache)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_imports_run_one_way(tmp_path: Path):
    """The rules stand once, in pyproject.toml, for `make lint` and for this test."""
    done = lint_imports(ROOT, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("extractors/wrong.py", "import quality.suite"),
        ("bi/wrong.py", "from sandbox import serve"),
        ("quality/wrong.py", "import orchestration.paths"),
        ("extractors/wrong.py", "import duckdb"),
        ("bi/wrong.py", "import dagster"),
        ("sandbox/wrong.py", "def late():\n    import dagster_dbt"),
    ],
)
def test_a_wrong_import_is_found(tmp_path: Path, file: str, line: str):
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    for module in ("quality/suite.py", "sandbox/serve.py", "orchestration/paths.py"):
        (tmp_path / module).touch()
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / file).write_text(line + "\n")
    done = lint_imports(tmp_path, tmp_path / "cache")
    assert done.returncode == 1
    assert file.replace("/", ".").removesuffix(".py") in done.stdout


def test_the_import_rules_know_every_package():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
    assert set(settings["importlinter"]["root_packages"]) == PACKAGES
    assert set(settings["hatch"]["build"]["targets"]["wheel"]["packages"]) == PACKAGES


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


def test_every_test_that_the_reliability_page_names_exists():
    """And every case has a row that says what holds, or what is missing."""
    page = (ROOT / "docs" / "reliability.md").read_text("utf-8")
    rows = re.findall(
        r"^\| (\d+) \| [^|]+ \| ([^|]+) \| (holds|partly: \S|open: \S|not ours: \S)[^|]* \|$", page, re.MULTILINE
    )
    assert [int(number) for number, _, _ in rows] == list(range(1, 62))
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", page)
    assert len(named) > 100
    defined: dict[str, set[str]] = {}
    for file, _ in named:
        nodes = ast.walk(ast.parse((ROOT / "tests" / file).read_text("utf-8")))
        defined[file] = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    assert [f"{file}::{test}" for file, test in named if test not in defined[file]] == []
    for number, tests, result in rows:
        assert ("::" in tests) == (result.startswith(("holds", "partly"))), number
