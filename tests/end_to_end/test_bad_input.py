"""What a new user does wrong: one readable paragraph, the other connections go on, exit status not 0."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.end_to_end.workspace import PMO, Workspace, serving
from tests.ports import free_ports

GOOD = """
[[connections]]
id = "good-survey"
kind = "survey_file"
path = "answers.csv"
survey = "good"
metric = "nps"
score_column = "score"
submitted_at_column = "submitted"
date_format = "%Y-%m-%d"
scope_type = "all"
"""

BAD_JIRA = """
[[connections]]
id = "bad-jira"
kind = "jira"
url = "{url}"
username = "a.person@example.com"
token_env = "{token_env}"
{more}
"""

CANARY = "s3cr3t-c4n4ry-t0k3n"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    server = Workspace(tmp_path_factory.mktemp("server"))
    port = free_ports(4)
    with serving(server, port, "--items", "60", "--port-base", str(port)):
        yield port


@pytest.fixture
def user(workspace: Workspace) -> Workspace:
    lines = ["score,submitted", *(f"{score},2026-01-{day:02d}" for day, score in enumerate([10, 9, 8, 7, 3, 10], 1))]
    (workspace.folder / "answers.csv").write_text("\n".join(lines) + "\n")
    workspace.environment = {"WRONG": "wrong", "RIGHT": CANARY}
    return workspace


def outcome(user: Workspace, configuration: str) -> tuple[int, str]:
    user.configure(configuration)
    done = user.pmo("run", "--config", "pmo.toml")
    return done.returncode, done.stdout + done.stderr


def assert_readable(text: str, *words: str) -> None:
    flat = " ".join(text.replace("│", " ").split())
    assert "Traceback" not in text
    assert CANARY not in text
    for word in words:
        assert word in flat, f"{word!r} is not in:\n{text}"


def assert_survey_published(user: Workspace) -> None:
    assert user.query("select count(*) from marts.fct_survey_response where survey = 'good'") == [(6,)]


def assert_no_secret_on_disk(user: Workspace) -> None:
    found = [
        str(path)
        for path in user.home.rglob("*")
        if path.is_file() and not path.is_symlink() and CANARY.encode() in path.read_bytes()
    ]
    assert found == []


def test_wrong_token(user: Workspace, sandbox: int):
    status, text = outcome(user, GOOD + BAD_JIRA.format(url=f"http://127.0.0.1:{sandbox}", token_env="WRONG", more=""))
    assert status != 0
    assert_readable(text, "bad-jira", "401", "WRONG")
    assert_survey_published(user)


@pytest.mark.slow
def test_dead_server(user: Workspace):
    port = free_ports(1)
    status, text = outcome(user, GOOD + BAD_JIRA.format(url=f"http://127.0.0.1:{port}", token_env="RIGHT", more=""))
    assert status != 0
    assert_readable(text, "bad-jira", f"127.0.0.1:{port}")
    assert_survey_published(user)
    assert_no_secret_on_disk(user)


@pytest.mark.slow
def test_unknown_project(user: Workspace, sandbox: int):
    status, text = outcome(
        user,
        GOOD + BAD_JIRA.format(url=f"http://127.0.0.1:{sandbox}", token_env="RIGHT", more='projects = ["NOSUCH"]'),
    )
    assert status != 0
    assert_readable(text, "bad-jira", "NOSUCH")
    assert_survey_published(user)
    assert_no_secret_on_disk(user)


class SignInPage(BaseHTTPRequestHandler):
    """A proxy that answers everything with a page to sign in on."""

    def do_GET(self) -> None:
        body = b"<!doctype html><title>Sign in</title><form>Who are you?</form>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.slow
def test_html_instead_of_json(user: Workspace):
    server = ThreadingHTTPServer(("127.0.0.1", 0), SignInPage)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        status, text = outcome(user, GOOD + BAD_JIRA.format(url=address, token_env="RIGHT", more=""))
    finally:
        server.shutdown()
    assert status != 0
    assert_readable(text, "bad-jira", "sign-in page")
    assert_survey_published(user)
    assert_no_secret_on_disk(user)


@pytest.mark.parametrize(
    ("configuration", "words"),
    [
        (GOOD + 'delimeter = ";"\n', ["pmo.toml", "line 12", "delimeter", "delimiter"]),
        (GOOD.replace('kind = "survey_file"', 'kind = "jria"'), ["line 4", "jria", "jira"]),
        ("[[connections]\nid = 1\n", ["pmo.toml", "line 1"]),
        (GOOD.replace('metric = "nps"', 'metric = "npss"'), ["line 7", "npss"]),
        (BAD_JIRA.format(url="http://jira.example.com", token_env="RIGHT", more=""), ["https", "bad-jira"]),
        (BAD_JIRA.format(url="https://jira.example.com", token_env="NOT_SET", more=""), ["NOT_SET", "bad-jira"]),
    ],
)
def test_malformed_configuration(user: Workspace, configuration: str, words: list[str]):
    status, text = outcome(user, configuration)
    assert status != 0
    assert_readable(text, *words)


def test_missing_survey_column(user: Workspace, sandbox: int):
    jira = BAD_JIRA.format(url=f"http://127.0.0.1:{sandbox}", token_env="RIGHT", more="")
    status, text = outcome(user, jira + GOOD.replace('score_column = "score"', 'score_column = "scroe"'))
    assert status != 0
    assert_readable(text, "good-survey", "scroe", "score", "answers.csv")
    assert user.query("select count(*) > 0 from marts.dim_work_item") == [(True,)]
    assert_no_secret_on_disk(user)


@pytest.mark.slow
def test_a_held_connection_keeps_its_last_good_state(user: Workspace, sandbox: int):
    jira = BAD_JIRA.format(url=f"http://127.0.0.1:{sandbox}", token_env="RIGHT", more="")
    status, text = outcome(user, GOOD + jira)
    assert status == 0, text
    before = user.query("select count(*) from marts.dim_work_item")
    assert before[0][0] > 0
    status, text = outcome(user, GOOD + jira.replace("RIGHT", "WRONG"))
    assert status != 0
    assert user.query("select count(*) from marts.dim_work_item") == before
    assert user.query("select connection_id, is_stale from marts.dim_connection order by 1") == [
        ("bad-jira", True),
        ("good-survey", False),
    ]


@pytest.mark.slow
def test_two_runs_at_once_and_a_killed_one(user: Workspace, sandbox: int):
    user.configure(GOOD + BAD_JIRA.format(url=f"http://127.0.0.1:{sandbox}", token_env="RIGHT", more=""))
    command = [str(PMO), "run", "--config", "pmo.toml"]
    first = subprocess.Popen(
        command,
        cwd=user.folder,
        env=user.env(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not any(user.home.glob("raw/**/*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.05)
    second = user.pmo("run", "--config", "pmo.toml")
    assert second.returncode != 0
    assert_readable(second.stdout + second.stderr, str(first.pid))
    os.killpg(first.pid, signal.SIGKILL)
    first.wait(20)
    status, text = outcome(user, (user.folder / "pmo.toml").read_text())
    assert status == 0, text
    assert_survey_published(user)
