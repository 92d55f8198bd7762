"""What stands before every site: who may come in, faults, latency, and a record of what was asked."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.servers.faults import Answer, Fault, FaultError, bend, read_faults, refusal, striking

ADMIN = "/_sandbox/"
_RECORDED = 2_000  # requests that are remembered

Door = Callable[[str | None, str, str], Answer | None]
"""(scheme or None, token, path) → a refusal, or None: come in."""


@dataclass
class Control:
    """Shared by all sites of one process, and changed through `/_sandbox/…` on any of their ports."""

    faults: list[Fault] = field(default_factory=list)
    latency_ms: float = 0
    counts: Counter[str] = field(default_factory=Counter)
    requests: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_RECORDED))

    def admin(self, method: str, path: str, body: bytes) -> Answer:
        """GET stats, GET/DELETE requests, GET/POST/DELETE faults."""
        name = path.removeprefix(ADMIN)
        if name == "stats":
            return json_answer({"total": sum(self.counts.values()), "by_path": dict(self.counts)})
        if name == "requests":
            seen = list(self.requests)
            if method == "DELETE":
                self.requests.clear()
                self.counts.clear()
            return json_answer(seen)
        if name == "faults":
            return self._change_faults(method, body)
        return json_answer({"message": f"No such page: {path}"}, 404)

    def _change_faults(self, method: str, body: bytes) -> Answer:
        if method == "DELETE":
            self.faults.clear()
        elif method == "POST":
            try:
                self.faults.extend(read_faults(body, "POST /_sandbox/faults"))
            except FaultError as error:
                return json_answer({"message": str(error)}, 400)
        return json_answer(self.faults)


def json_answer(value: Any, status: int = 200) -> Answer:
    return Answer(status, {"content-type": "application/json;charset=UTF-8"}, msgspec.json.encode(value))


def credentials(authorization: str) -> tuple[str | None, str]:
    """(scheme, token) of an Authorization header; of Basic the password is the token."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            return "basic", base64.b64decode(value).decode("utf-8", "replace").partition(":")[2]
        except binascii.Error:
            return "basic", ""
    return ("bearer", value.strip()) if scheme.lower() == "bearer" else (None, "")


class Gate:
    """ASGI: wraps one site's application."""

    def __init__(self, site: str, app: ASGIApp, door: Door, control: Control, now: Callable[[], datetime]) -> None:
        """`now` is the site's clock, sent as `Date`: it runs ahead of ours once the organisation was advanced."""
        self._site, self._app, self._door, self._control, self._now = site, app, door, control, now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = await _body(receive)
        path = str(scope["path"])
        if path.startswith(ADMIN):
            await _send(self._control.admin(str(scope["method"]), path, body), send)
            return
        answer = await self._answer(scope, body, path)
        self._record(scope, body, path, answer.status)
        answer.headers["date"] = format_datetime(self._now(), usegmt=True)
        await _send(answer, send)

    async def _answer(self, scope: Scope, body: bytes, path: str) -> Answer:
        if self._control.latency_ms:
            await asyncio.sleep(self._control.latency_ms / 1000)
        faults: list[Fault] = []
        if self._control.faults:
            asked = f"{unquote_plus(scope['query_string'].decode('latin-1'))}\n{body.decode('utf-8', 'replace')}"
            faults = striking(self._control.faults, path, asked)
        for fault in faults:
            if refused := refusal(fault):
                return refused
            if fault.kind == "slow":
                await asyncio.sleep(1.0 if fault.seconds is None else fault.seconds)
            if fault.kind == "hide":
                scope.setdefault("state", {})["hidden_seconds"] = 60.0 if fault.seconds is None else fault.seconds
        scheme, token = credentials(_header(scope, b"authorization"))
        if refused := self._door(scheme, token, path):
            return refused
        answer = await _inner(self._app, scope, body)
        for fault in faults:
            bend(fault, answer)
        return answer

    def _record(self, scope: Scope, body: bytes, path: str, status: int) -> None:
        self._control.counts[f"{self._site} {scope['method']} {path}"] += 1
        self._control.requests.append(
            {
                "site": self._site, "method": scope["method"], "path": path, "status": status,
                "query": parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True),
                "body": body.decode("utf-8", "replace"), "accept": _header(scope, b"accept"),
            }
        )  # fmt: skip


def _header(scope: Scope, name: bytes) -> str:
    return next((bytes(value).decode("latin-1") for key, value in scope["headers"] if key == name), "")


async def _body(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = bool(message.get("more_body", False))
    return b"".join(parts)


async def _inner(app: ASGIApp, scope: Scope, body: bytes) -> Answer:
    answer = Answer(500, {}, b"")
    parts: list[bytes] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def collect(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {
                name.decode("latin-1"): value.decode("latin-1") for name, value in message.get("headers", [])
            }
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, collect)
    answer.body = b"".join(parts)
    return answer


async def _send(answer: Answer, send: Send) -> None:
    headers = answer.headers | {"content-length": str(len(answer.body))}
    start = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": start})
    if answer.cut is not None:  # more was promised: uvicorn closes the connection
        await send({"type": "http.response.body", "body": answer.body[: answer.cut], "more_body": True})
        return
    await send({"type": "http.response.body", "body": answer.body})
