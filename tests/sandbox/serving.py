"""Starts real sandboxes for tests: a process of their own, on free ports."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from sandbox.serve import Serving, start_background
from tests.ports import free_ports

PRESENT = datetime(2026, 11, 20, 12, tzinfo=UTC)
"""Where the clock of simulated organisations stands: they are the same in every run, on whatever day it takes place."""


@dataclass
class Site:
    """One site as a client sees it. `call` gives the answer; `json` its body, and fails unless the status is 200."""

    url: str
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.session.auth = ("me@example.com", "token")

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, f"{self.url}{path}", timeout=30, **options)

    def json(self, path: str, **params: Any) -> Any:
        return self._body(self.call("GET", path, params=params))

    def post(self, path: str, body: Any, **params: Any) -> Any:
        return self._body(self.call("POST", path, json=body, params=params))

    @staticmethod
    def _body(answer: requests.Response) -> Any:
        assert answer.status_code == 200, (
            f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text[:500]}"
        )
        return answer.json()

    def fault(self, match: str, kind: str, **more: Any) -> None:
        origin = "/".join(self.url.split("/")[:3])
        faults = [{"match": match, "kind": kind, **more}]
        self.session.post(f"{origin}/_sandbox/faults", json=faults, timeout=30).raise_for_status()


@dataclass
class Sandbox:
    home: Path
    serving: Serving

    def site(self, name: str) -> Site:
        return Site(self.serving.urls[name])

    @property
    def cloud(self) -> Site:
        return self.site("jira_cloud")

    @property
    def data_center(self) -> Site:
        return self.site("jira_dc")

    @property
    def azure(self) -> Site:
        return self.site("azure_devops")


@contextmanager
def serving_organisation(home: Path, *, items: int, seed: int = 1) -> Iterator[Sandbox]:
    serving = start_background(home, seed=seed, items=items, now=PRESENT, port_base=free_ports(4))
    try:
        yield Sandbox(home, serving)
    finally:
        stop(serving.pid)


def stop(pid: int) -> None:
    """Ends a sandbox as an operator would, and waits until it is gone."""
    import os
    import signal
    import time

    os.kill(pid, signal.SIGTERM)
    for _ in range(200):
        try:
            os.kill(pid, 0)
            os.waitpid(pid, os.WNOHANG)  # our own child: take its exit status, or it stays as a zombie
        except (ProcessLookupError, ChildProcessError):
            return
        time.sleep(0.05)


@contextmanager
def replaying(folder: Path, *, flavour: str | None = None) -> Iterator[Site]:
    port = free_ports(4)
    command = [sys.executable, "-m", "sandbox.serve", "--replay", str(folder), "--port", str(port)]
    command += ["--flavour", flavour] if flavour else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if line.strip() == "ready":
                break
        else:
            raise RuntimeError(f"the replay did not come up: {''.join(said)}")
        try:
            yield Site(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            process.wait(10)
