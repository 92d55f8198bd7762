"""A site that answers what it was asked before from memory, compressed: `python -m tests.bench.recorded STORE PORT MS`.

The first time a page is asked for, the sandbox renders it; from then on it costs the server nothing, so that what is
measured is who reads. Answers are compressed with gzip, as real sites do, and each waits MS milliseconds.
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.model import Tool
from sandbox.servers.gate import Control
from sandbox.servers.jira_app import cloud_door, data_center_door, jira_app
from sandbox.servers.jira_site import JiraSite
from sandbox.servers.run import HOST, Served, run_sites
from sandbox.store import Store

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


def main(path: str, port: str, latency_ms: str) -> None:
    store = Store.jira(Path(path))
    base = f"http://{HOST}:{port}"
    site = JiraSite(store, base)
    door = cloud_door if Tool(store.meta("flavour") or Tool.JIRA_CLOUD) is Tool.JIRA_CLOUD else data_center_door
    served = Served("bench", int(port), Recorded(jira_app(store, base)), door, lambda: site.now)

    def ready() -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    try:
        run_sites([served], Control(latency_ms=float(latency_ms)), ready)
    finally:
        store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
