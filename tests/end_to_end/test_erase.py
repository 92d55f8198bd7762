"""`pmo erase` over everything that a run makes: nobody finds the person, and every figure is the same."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from extractors.landing import Landing
from tests.end_to_end.figures import figures
from tests.end_to_end.workspace import Workspace, serving
from tests.ports import free_ports

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
JIRA = """
[[connections]]
id = "site"
kind = "jira"
url = "http://127.0.0.1:{port}"
token_env = "TOKEN"
"""
FIGURES = ["kpi_flow", "kpi_velocity", "kpi_burndown", "kpi_cfd", "kpi_wip", "fct_item_flow"]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    server = Workspace(tmp_path_factory.mktemp("server"))
    base = free_ports(4)
    with serving(server, base, "--items", "60", "--port-base", str(base)):
        yield base


def texts_of_most_active(user: Workspace) -> list[str]:
    """Id, name and address of the person who is assigned most issues."""
    landing = Landing(user.home)
    assignees = landing.latest("jira/issues", "site", ["assignee_id"])["assignee_id"].to_pylist()
    person = max({each for each in assignees if each}, key=assignees.count)
    users = landing.latest("jira/users", "site", ["user_id", "display_name", "email"]).to_pylist()
    (row,) = (each for each in users if each["user_id"] == person)
    return [text for text in (row["user_id"], row["display_name"], row["email"]) if text]


def stored_texts(home: Path) -> Iterator[tuple[Path, str]]:
    """All that lies below `home`, packed or not, but for the sandbox."""
    import pyarrow.parquet as pq

    for path in home.rglob("*"):
        if not path.is_file() or path.is_symlink() or path.relative_to(home).parts[0] in {"sandbox", "locks"}:
            continue
        if path.suffix == ".parquet" and "_delta_log" not in path.parts:
            yield path, str(pq.read_table(path).to_pylist())
        elif path.suffix == ".db":
            with sqlite3.connect(path) as database:
                yield path, "\n".join(database.iterdump())
        else:
            yield path, path.read_bytes().decode("utf-8", "replace")


def test_nobody_finds_the_person_and_the_figures_stay(workspace: Workspace, port: int):
    workspace.environment = {"TOKEN": "a-token-of-the-tests"}
    workspace.configure(JIRA.format(port=port))
    workspace.run()
    before = figures(workspace, FIGURES), workspace.query("select count(*) from marts.dim_person")
    word, *names = texts_of_most_active(workspace)
    refused = workspace.pmo("erase", word)
    assert refused.returncode == 1
    assert "--yes" in refused.stderr
    assert all(name in refused.stdout for name in (word, *names, "jira/issues"))
    keys = Landing(workspace.home).latest("jira/issues", "site", ["issue_key"])["issue_key"].to_pylist()
    mistyped = workspace.pmo("erase", keys[0], "--yes")
    assert mistyped.returncode == 1
    assert "--even-if-unknown" in mistyped.stderr
    assert (figures(workspace, FIGURES), workspace.query("select count(*) from marts.dim_person")) == before
    done = workspace.pmo("erase", word, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Erased as erased-" in done.stdout
    assert (figures(workspace, FIGURES), workspace.query("select count(*) from marts.dim_person")) == before
    for path, text in stored_texts(workspace.home):
        assert [each for each in (word, *names) if each in text] == [], path
    again = workspace.run()
    assert "Traceback" not in again.stdout
    for path, text in stored_texts(workspace.home):
        assert [each for each in (word, *names) if each in text] == [], path
