"""A site that answers what it was asked before from memory: `python -m tests.bench.recorded TOOL STORE PORT MS`.

The first time a page is asked for, the sandbox renders it; from then on it costs the server nothing, so that what is
measured is who reads. Answers are compressed with gzip, as real sites do, and each waits MS milliseconds.
"""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.model import Tool
from sandbox.servers.azure_app import azure_app, azure_door
from sandbox.servers.azure_site import AzureSite
from sandbox.servers.gate import Control, Door
from sandbox.servers.jira_app import cloud_door, data_center_door, jira_app
from sandbox.servers.jira_site import JiraSite
from sandbox.servers.run import HOST, Served, run_sites
from sandbox.store import Store
from tests.bench.measure import ROOT, SideFailedError
from tests.ports import free_ports

_TELLING_TIME = "/serverInfo"  # the one answer that is another one each time


class Recorded:
    """ASGI: remembers the answers of an application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._known: dict[tuple[str, str, bytes, bytes], list[Message]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = await receive()
        asked = (scope["method"], scope["path"], bytes(scope["query_string"]), bytes(request.get("body", b"")))
        answer = self._known.get(asked)
        if answer is None:
            answer = await self._ask(scope, request)
            if not scope["path"].endswith(_TELLING_TIME):
                self._known[asked] = answer
        for message in answer:
            await send(message)

    async def _ask(self, scope: Scope, request: Message) -> list[Message]:
        messages: list[Message] = []

        async def receive() -> Message:
            return request

        async def collect(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, collect)
        body = gzip.compress(b"".join(message.get("body", b"") for message in messages), compresslevel=4)
        kept = [(name, value) for name, value in messages[0]["headers"] if name != b"content-length"]
        start = {**messages[0], "headers": [*kept, (b"content-encoding", b"gzip")]}
        return [start, {"type": "http.response.body", "body": body}]


def _site(tool: Tool, path: Path, base: str) -> tuple[Store, JiraSite | AzureSite, ASGIApp, Door]:
    if tool is Tool.AZURE_DEVOPS:
        store = Store.azure_devops(path)
        azure = AzureSite(store, base)
        return store, azure, azure_app(azure), azure_door
    store = Store.jira(path)
    door = cloud_door if tool is Tool.JIRA_CLOUD else data_center_door
    return store, JiraSite(store, base), jira_app(store, base), door


def main(tool: str, path: str, port: str, latency_ms: str) -> None:
    store, site, app, door = _site(Tool(tool), Path(path), f"http://{HOST}:{port}")
    served = Served("bench", int(port), Recorded(app), door, lambda: site.now)

    def ready() -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    try:
        run_sites([served], Control(latency_ms=float(latency_ms)), ready)
    finally:
        store.close()


@contextmanager
def answering(tool: Tool, store: Path, latency_ms: float) -> Iterator[str]:
    """The site of `store` in a process of its own; yields its address."""
    port = free_ports(1)
    command = [sys.executable, "-m", "tests.bench.recorded", tool.value, str(store), str(port), str(latency_ms)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ)
    try:
        assert process.stdout is not None
        if process.stdout.readline().strip() != "ready":
            raise SideFailedError("The server of the bench did not come up")
        yield f"http://{HOST}:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


if __name__ == "__main__":
    main(*sys.argv[1:])
