"""The ways into Jira: classic tokens, scoped tokens and OAuth by the gateway, and that nothing is ever written."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.compute as pc
import pytest

from extractors import limiter as limiters
from extractors.connection import ExtractReport, JiraConnection, Secret
from extractors.errors import AuthError, ConfigError
from extractors.jira.client import JiraClient
from extractors.jira.source import JiraSource
from extractors.landing import Landing, Run
from sandbox.servers.jira_common import SANDBOX_CLOUD_ID
from tests.extractors.sandbox_site import Sandbox, held_by_source, jira, landed_issues, served


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with served(tmp_path_factory.mktemp("sandbox") / "home", items=240, seed=11) as one:
        yield one


@pytest.fixture(autouse=True)
def _clean(sandbox: Sandbox) -> None:
    limiters._limiters.clear()
    sandbox.forget_requests()


def extract(home: Path, connection: JiraConnection) -> ExtractReport:
    landing = Landing(home)
    report = JiraSource(connection).extract(landing, Run(uuid.uuid4().hex, datetime.now(UTC)))
    landing.judge(connection.id, "accepted")
    return report


def scoped(sandbox: Sandbox) -> JiraConnection:
    return replace(jira(sandbox.cloud), cloud_id=SANDBOX_CLOUD_ID, gateway=sandbox.cloud)


@pytest.mark.parametrize("username", ["me@example.com", None], ids=["scoped token", "OAuth"])
def test_scoped_tokens_and_oauth_go_by_the_gateway_only(sandbox: Sandbox, tmp_path: Path, username: str | None) -> None:
    connection = replace(scoped(sandbox), username=username)
    report = extract(tmp_path, connection)
    assert report.is_complete, [str(failure) for failure in report.failures]
    paths = {request["path"] for request in sandbox.requests()}
    assert all(path.startswith(f"/ex/jira/{SANDBOX_CLOUD_ID}/rest/") for path in paths), paths
    assert landed_issues(Landing(tmp_path)) == held_by_source(sandbox.cloud)


def test_a_wrong_scoped_token_is_told(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(AuthError, match=r"jira-a.*401.*JIRA_TOKEN"):
        extract(tmp_path, replace(scoped(sandbox), token=Secret("wrong")))
    assert Landing(tmp_path).batches() == []


def test_the_gateway_is_atlassians_unless_another_one_is_set() -> None:
    connection = JiraConnection(id="a", url="https://x.invalid", token=Secret("t"), cloud_id="c-1")
    assert JiraClient(connection).api_url == "https://api.atlassian.com/ex/jira/c-1"
    other = replace(connection, gateway="https://api.atlassian-us-gov-mod.invalid/")
    assert JiraClient(other).api_url == "https://api.atlassian-us-gov-mod.invalid/ex/jira/c-1"
    with pytest.raises(ConfigError, match="https"):
        JiraClient(replace(connection, gateway="http://gateway.invalid"))


@pytest.mark.parametrize("flavour", ["cloud", "data_center"])
def test_only_reads_are_sent(sandbox: Sandbox, tmp_path: Path, flavour: str) -> None:
    extract(tmp_path, jira(getattr(sandbox, flavour)))
    reading = ("/search", "/search/jql", "/bulkfetch", "/approximate-count", "/worklog/list")
    for request in sandbox.requests():
        assert request["method"] == "GET" or request["path"].endswith(reading), request


@pytest.mark.parametrize("flavour", ["cloud", "data_center"])
def test_worklogs_comment_counts_and_ratings_are_landed(sandbox: Sandbox, tmp_path: Path, flavour: str) -> None:
    extract(tmp_path, jira(getattr(sandbox, flavour)))
    landing = Landing(tmp_path)
    columns = ["record_id", "comment_count", "satisfaction", "spent_seconds", "payload"]
    issues = {row["record_id"]: row for row in landing.latest("jira/issues", "jira-a", columns).to_pylist()}
    worklogs = landing.latest("jira/worklogs", "jira-a", ["issue_id", "author_id", "started_at", "spent_seconds"])
    assert worklogs.num_rows > 0
    spent = worklogs.group_by("issue_id").aggregate([("spent_seconds", "sum")]).to_pylist()
    assert {row["issue_id"]: row["spent_seconds_sum"] for row in spent} == {
        number: row["spent_seconds"] for number, row in issues.items() if row["spent_seconds"]
    }
    assert not worklogs["author_id"].null_count
    assert sum(row["comment_count"] or 0 for row in issues.values()) > 0
    ratings = {row["satisfaction"] for row in issues.values()} - {None}
    assert ratings
    assert ratings <= {1.0, 2.0, 3.0, 4.0, 5.0}
    assert pc.all(pc.greater(worklogs["spent_seconds"], 0)).as_py()
    assert not any('"comments"' in row["payload"] for row in issues.values())


def test_worklogs_that_were_read_are_not_read_again(sandbox: Sandbox, tmp_path: Path) -> None:
    extract(tmp_path, jira(sandbox.cloud))
    sandbox.forget_requests()
    again = extract(tmp_path, jira(sandbox.cloud))
    assert again.count("jira/worklogs").landed == 0
    (asked,) = [request for request in sandbox.requests() if request["path"].endswith("worklog/updated")]
    assert int(dict(asked["query"])["since"]) > 0
