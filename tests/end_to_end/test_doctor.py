"""`pmo doctor` against every stand-in: what works, what a first load costs, and what is wrong and how to mend it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.end_to_end.workspace import Workspace, serving
from tests.ports import free_ports

JIRA = """
[[connections]]
id = "{id}"
kind = "jira"
url = "{url}"
token_env = "{token}"
{more}
"""

AZURE_DEVOPS = """
[[connections]]
id = "{id}"
kind = "azure_devops"
url = "{url}"
token_env = "{token}"
{more}
"""

SURVEY = """
[[connections]]
id = "answers"
kind = "survey_file"
path = "{path}"
survey = "answers"
metric = "nps"
score_column = "score"
survey_date = 2026-01-31
"""

CLOUD = 'username = "pmo@example.com"'


class Office:
    """A user beside a served sandbox."""

    def __init__(self, workspace: Workspace, port: int) -> None:
        self.workspace = workspace
        self.cloud, self.data_center = (f"http://127.0.0.1:{port + offset}" for offset in (0, 1))
        self.azure_devops = f"http://127.0.0.1:{port + 2}/pmo"

    def doctor(self, *connections: str) -> tuple[int, dict[str, str]]:
        """The exit status, and what was said of each connection."""
        self.workspace.configure("".join(connections))
        done = self.workspace.pmo("doctor")
        assert "Traceback" not in done.stdout + done.stderr
        assert done.stderr == ""
        blocks = re.split(r"^(\S+) \((?:jira|azure_devops|survey_file)\)$", done.stdout, flags=re.MULTILINE)
        return done.returncode, dict(zip(blocks[1::2], blocks[2::2], strict=True))


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    workspace = Workspace(tmp_path_factory.mktemp("doctor"), {"RIGHT": "a-good-token", "WRONG": "wrong"})
    (workspace.folder / "answers.csv").write_text("score\n9\n10\n")
    port = free_ports(4)
    with serving(workspace, port, "--items", "60", "--port-base", str(port)):
        yield Office(workspace, port)


def failures(said: str) -> list[str]:
    return [line.strip() for line in said.splitlines() if line.strip().startswith("FAIL")]


def test_what_works_and_what_a_first_load_costs(office: Office):
    status, said = office.doctor(
        JIRA.format(id="cloud", url=office.cloud, token="RIGHT", more=CLOUD),
        JIRA.format(id="dc", url=office.data_center, token="RIGHT", more=""),
        AZURE_DEVOPS.format(id="ado", url=office.azure_devops, token="RIGHT", more=""),
        SURVEY.format(path="answers.csv"),
    )
    assert status == 0, said
    assert list(said) == ["cloud", "dc", "ado", "answers"]
    assert not any(failures(text) for text in said.values()), said
    for name, server in [("cloud", "Jira Cloud"), ("dc", "Jira Data Center")]:
        assert server in said[name]
        assert "ok   field points:" in said[name]
    for name in ("cloud", "dc", "ado"):
        assert re.search(r"first load: .*\b[1-9]\d* (issues|items).*\b[1-9]\d* requests and \d+ min", said[name]), said
    assert "answers.csv" in said["answers"]


def test_a_token_that_is_refused_names_its_variable(office: Office):
    status, said = office.doctor(
        JIRA.format(id="cloud", url=office.cloud, token="WRONG", more=CLOUD),
        JIRA.format(id="dc", url=office.data_center, token="WRONG", more=""),
        AZURE_DEVOPS.format(id="ado", url=office.azure_devops, token="WRONG", more=""),
        SURVEY.format(path="answers.csv"),
    )
    assert status == 1
    for name, answer in [("cloud", "401"), ("dc", "401"), ("ado", "203")]:
        (failure,) = failures(said[name])
        assert f"(HTTP {answer})" in failure
        assert "the token in WRONG" in failure
    assert not failures(said["answers"])


def test_an_address_that_leads_elsewhere(office: Office):
    dead = f"http://127.0.0.1:{free_ports(1)}"
    status, said = office.doctor(
        JIRA.format(id="dead", url=dead, token="RIGHT", more=""),
        JIRA.format(id="not_jira", url=office.azure_devops, token="RIGHT", more=""),
        AZURE_DEVOPS.format(id="no_organisation", url=office.azure_devops + "x", token="RIGHT", more=""),
        AZURE_DEVOPS.format(id="not_azure", url=office.cloud, token="RIGHT", more=""),
        SURVEY.format(path="nowhere/*.csv"),
    )
    assert status == 1
    for name in ("dead", "not_jira", "no_organisation", "not_azure"):
        (failure,) = failures(said[name])
        assert "`url`" in failure, failure
    assert dead.removeprefix("http://") in said["dead"]
    assert "nowhere" in failures(said["answers"])[0]


def test_a_project_that_is_not_there_or_hidden(office: Office):
    missing = 'projects = ["NOSUCH"]'
    status, said = office.doctor(
        JIRA.format(id="cloud", url=office.cloud, token="RIGHT", more=f"{CLOUD}\n{missing}"),
        JIRA.format(id="dc", url=office.data_center, token="RIGHT", more=missing),
        AZURE_DEVOPS.format(id="ado", url=office.azure_devops, token="RIGHT", more=missing),
    )
    assert status == 1
    for name in ("cloud", "dc", "ado"):
        assert any(re.search("'NOSUCH'.* was not found", failure) for failure in failures(said[name])), said[name]
        assert "Correct `projects`" in said[name]
