"""A served sandbox for tests of the extractors, and what a site holds, read in the plainest way."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import requests

from extractors.connection import JiraConnection, Secret
from extractors.landing import Landing
from tests.ports import free_ports
from tests.sandbox.serving import PRESENT

ROOT = Path(__file__).parents[2]


@dataclass
class Sandbox:
    home: Path
    port_base: int
    process: subprocess.Popen[str]

    @property
    def cloud(self) -> str:
        return f"http://127.0.0.1:{self.port_base}"

    @property
    def data_center(self) -> str:
        return f"http://127.0.0.1:{self.port_base + 1}"

    def faults(self, *faults: dict[str, Any]) -> None:
        requests.delete(f"{self.cloud}/_sandbox/faults", timeout=10).raise_for_status()
        if faults:
            requests.post(f"{self.cloud}/_sandbox/faults", json=list(faults), timeout=10).raise_for_status()

    def requests(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = requests.get(f"{self.cloud}/_sandbox/requests", timeout=10).json()
        return found

    def forget_requests(self) -> None:
        requests.delete(f"{self.cloud}/_sandbox/requests", timeout=10).raise_for_status()

    def advance(self, days: int) -> None:
        from sandbox.serve import advance

        advance(self.home, days)


@contextmanager
def served(
    home: Path, *, items: int = 300, seed: int = 7, now: datetime | None = PRESENT, arguments: Sequence[str] = ()
) -> Iterator[Sandbox]:
    """`now`: where its clock stands; None: it goes on from today, for tests that compare the instants of runs."""
    base = free_ports(4)
    command = [sys.executable, "-m", "sandbox.serve"]
    if "--replay" in arguments:
        command += [*arguments, "--port", str(base)]
    else:
        command += ["--home", str(home), "--items", str(items), "--seed", str(seed), "--port-base", str(base)]
        command += ["--now", now.isoformat()] if now else []
    log = (home.parent / f"{home.name}.log").open("w")
    process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, text=True)
    try:
        _wait(f"http://127.0.0.1:{base}/_sandbox/stats", process)
        yield Sandbox(home, base, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        log.close()


def _wait(url: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            requests.get(url, timeout=5)
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the sandbox did not come up")


def jira(url: str, **settings: Any) -> JiraConnection:
    return JiraConnection(
        id="jira-a",
        url=url,
        token=Secret("sandbox-token"),
        token_env="JIRA_TOKEN",
        username="me@example.com",
        **settings,
    )


def source_issues(url: str) -> dict[str, dict[str, Any]]:
    """All issues of a site by id, each with its whole history, asked for one page and one issue at a time."""
    info = requests.get(f"{url}/rest/api/2/serverInfo", timeout=10).json()
    is_cloud = info["deploymentType"] == "Cloud"
    with requests.Session() as session:
        session.auth = ("me", "sandbox-token")
        found = _cloud_issues(session, url) if is_cloud else _data_center_issues(session, url)
        return {issue["id"]: issue for issue in found}


def _cloud_issues(session: requests.Session, url: str) -> Iterator[dict[str, Any]]:
    token = None
    while True:
        body = {"jql": "project is not empty ORDER BY id ASC", "fields": ["*all"], "maxResults": 100}
        page = session.post(
            f"{url}/rest/api/3/search/jql", json=body | ({"nextPageToken": token} if token else {})
        ).json()
        for issue in page["issues"]:
            histories: list[Any] = []
            while True:
                params = {"startAt": len(histories), "maxResults": 100}
                log = session.get(f"{url}/rest/api/3/issue/{issue['id']}/changelog", params=params).json()
                histories += log["values"]
                if log["isLast"]:
                    break
            yield issue | {"histories": histories}
        token = page.get("nextPageToken")
        if not token:
            return


def _data_center_issues(session: requests.Session, url: str) -> Iterator[dict[str, Any]]:
    start = 0
    while True:
        body = {"jql": "project is not empty ORDER BY id ASC", "fields": ["*all"], "expand": ["changelog"]}
        page = session.post(f"{url}/rest/api/2/search", json=body | {"startAt": start, "maxResults": 100}).json()
        for issue in page["issues"]:
            yield issue | {"histories": issue["changelog"]["histories"]}
        start += len(page["issues"])
        if start >= page["total"]:
            return


def landed_issues(
    landing: Landing, connection_id: str = "jira-a"
) -> dict[str, tuple[str, str, datetime, frozenset[str]]]:
    """Issues that are landed and not deleted: id → key, status, updated, ids of the landed histories."""
    columns = ["issue_id", "issue_key", "status_id", "updated_at", "is_deleted", "payload"]
    issues = landing.latest("jira/issues", connection_id, columns).to_pylist()
    changes = landing.latest("jira/issue_changes", connection_id, ["issue_id", "history_id", "is_deleted"]).to_pylist()
    histories: dict[str, set[str]] = {}
    for change in changes:
        histories.setdefault(change["issue_id"], set()).add(str(change["history_id"]))
    assert all(json.loads(issue["payload"])["key"] == issue["issue_key"] for issue in issues if not issue["is_deleted"])
    return {
        issue["issue_id"]: (
            issue["issue_key"],
            issue["status_id"],
            issue["updated_at"],
            frozenset(histories.get(issue["issue_id"], set())),
        )
        for issue in issues
        if not issue["is_deleted"]
    }


def held_by_source(url: str) -> dict[str, tuple[str, str, datetime, frozenset[str]]]:
    return {
        number: (
            issue["key"],
            issue["fields"]["status"]["id"],
            datetime.fromisoformat(issue["fields"]["updated"]),
            frozenset(history["id"] for history in issue["histories"]),
        )
        for number, issue in source_issues(url).items()
    }
