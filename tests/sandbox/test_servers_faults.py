"""Faults on demand: each kind does what its name says, as often as it was asked to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.servers.faults import KINDS, Fault, FaultError, load_faults, read_faults
from tests.sandbox.serving import Sandbox, Site

SEARCH = "/rest/api/3/search/jql"
BOUNDED = {"jql": "project is not EMPTY", "maxResults": 5}


@pytest.fixture
def cloud(sandbox: Sandbox) -> Iterator[Site]:
    yield sandbox.cloud
    sandbox.cloud.call("DELETE", "/_sandbox/faults")


def search(site: Site, **more: Any) -> requests.Response:
    return site.call("POST", SEARCH, json=BOUNDED | more)


def test_a_fault_waits_strikes_and_ends(cloud: Site) -> None:
    cloud.fault("search/jql", "502", after=1, times=2)
    assert [search(cloud).status_code for _ in range(5)] == [200, 502, 502, 200, 200]
    assert cloud.json("/rest/api/3/field")


def test_a_fault_may_mind_what_is_asked(cloud: Site) -> None:
    keys = [project["key"] for project in cloud.json("/rest/api/3/project/search")["values"]]
    cloud.fault("search/jql", "403", asks=f"project = {keys[0]}", times=None)
    assert [search(cloud, jql=f"project = {key}").status_code for key in keys] == [403] + [200] * (len(keys) - 1)
    asked = {"jql": f"project = {keys[0]}"}
    assert cloud.call("GET", SEARCH, params=asked).status_code == 403


def test_too_many_requests_in_three_forms(cloud: Site) -> None:
    for kind in ("429", "429-date", "429-none"):
        cloud.fault("search/jql", kind, seconds=600, reason="jira-quota-tenant-based")
    seconds, date, none = (search(cloud) for _ in range(3))
    assert [answer.status_code for answer in (seconds, date, none)] == [429, 429, 429]
    assert seconds.headers["retry-after"] == "600"
    assert seconds.headers["ratelimit-reason"] == "jira-quota-tenant-based"
    assert parsedate_to_datetime(date.headers["retry-after"]) > datetime.now(UTC) + timedelta(seconds=500)
    assert "retry-after" not in none.headers


def test_a_cut_connection_ends_in_the_body(cloud: Site) -> None:
    cloud.fault("search/jql", "cut")
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        search(cloud)
    assert search(cloud).status_code == 200


@pytest.mark.parametrize(("kind", "status"), [("html200", 200), ("html203", 203)])
def test_sign_in_pages(cloud: Site, kind: str, status: int) -> None:
    cloud.fault("search/jql", kind)
    answer = search(cloud)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")


def test_redirects_lead_elsewhere(cloud: Site) -> None:
    cloud.fault("search/jql", "redirect", to="http://127.0.0.2:9/login")
    answer = cloud.call("POST", SEARCH, json=BOUNDED, allow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (302, "http://127.0.0.2:9/login")


def test_slow_answers_come_late(cloud: Site) -> None:
    cloud.fault("search/jql", "slow", seconds=0.4)
    started = time.monotonic()
    assert search(cloud).status_code == 200
    assert time.monotonic() - started >= 0.4


def test_empty_lists_and_repeated_tokens(cloud: Site) -> None:
    cloud.fault("search/jql", "empty")
    assert search(cloud).json()["issues"] == []
    cloud.fault("search/jql", "repeat_token", times=None)
    first = search(cloud).json()
    second = search(cloud, nextPageToken=first["nextPageToken"]).json()
    assert second["nextPageToken"] == first["nextPageToken"]
    assert second["isLast"] is False


def test_hidden_items_are_those_of_the_last_seconds(cloud: Site) -> None:
    everything = {"maxResults": 5000}
    known = {issue["id"] for issue in search(cloud, **everything).json()["issues"]}
    cloud.fault("search/jql", "hide", seconds=30 * 86_400)
    seen = {issue["id"] for issue in search(cloud, **everything).json()["issues"]}
    assert seen < known
    assert {issue["id"] for issue in search(cloud, **everything).json()["issues"]} == known


def test_histories_are_cut_and_their_total_stays(cloud: Site) -> None:
    numbers = [issue["id"] for issue in search(cloud).json()["issues"]]
    asked = {"issueIdsOrKeys": numbers, "fields": ["status"], "expand": ["changelog"]}
    whole = cloud.post("/rest/api/3/issue/bulkfetch", asked)["issues"]
    cloud.fault("bulkfetch", "truncate_changelog", keep=1)
    cut = cloud.post("/rest/api/3/issue/bulkfetch", asked)["issues"]
    assert [issue["changelog"]["total"] for issue in cut] == [issue["changelog"]["total"] for issue in whole]
    assert {len(issue["changelog"]["histories"]) for issue in cut} <= {0, 1}


def test_azure_devops_delays_with_status_200_and_repeats_tokens(sandbox: Sandbox, cloud: Site) -> None:  # noqa: ARG001
    azure, feed = sandbox.azure, "/_apis/wit/reporting/workitemrevisions"
    azure.fault("workitemrevisions", "delay", seconds=3)
    delayed = azure.call("GET", feed)
    assert (delayed.status_code, delayed.headers["retry-after"], delayed.headers["x-ratelimit-delay"]) == (
        200,
        "3",
        "3.0",
    )
    azure.fault("workitemrevisions", "repeat_token", times=None)
    first = azure.json(feed)["continuationToken"]
    again = azure.json(feed, continuationToken=first)
    assert (again["continuationToken"], again["isLastBatch"]) == (first, False)


def test_requests_are_counted_and_written_down(cloud: Site) -> None:
    cloud.call("DELETE", "/_sandbox/requests")
    search(cloud)
    cloud.json("/rest/api/3/myself", expand="groups")
    seen = cloud.json("/_sandbox/requests")
    assert [(one["method"], one["path"], one["status"]) for one in seen] == [
        ("POST", SEARCH, 200), ("GET", "/rest/api/3/myself", 200),
    ]  # fmt: skip
    assert seen[1]["query"] == [["expand", "groups"]]
    assert '"jql"' in seen[0]["body"]
    stats = cloud.json("/_sandbox/stats")
    assert stats == {"total": 2, "by_path": {f"jira_cloud POST {SEARCH}": 1, "jira_cloud GET /rest/api/3/myself": 1}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "not a list of faults"),
        ('[{"match": "x"}]', "missing required field `kind`"),
        ('[{"match": "(", "kind": "500"}]', "not a list of faults"),
        ('[{"match": "x", "kind": "flood"}]', "unknown fault kind 'flood'"),
        ('[{"match": "x", "kind": "500", "tims": 3}]', "unknown field `tims`"),
    ],
)
def test_a_bad_fault_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "faults.json"
    path.write_text(text)
    with pytest.raises(FaultError, match=r"faults\.json") as error:
        load_faults(path)
    assert message in str(error.value)


def test_every_kind_is_accepted() -> None:
    for kind in KINDS:
        assert read_faults(f'[{{"match": "x", "kind": "{kind}"}}]', "test") == [Fault(match="x", kind=kind)]
