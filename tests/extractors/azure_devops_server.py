"""Serves the tests' small Azure DevOps over real HTTP, with both ways to sign in."""

from __future__ import annotations

import base64
import json
import threading
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from tests.extractors.azure_devops_organisation import ANN, BOB, Fault, Organisation

__all__ = ["ANN", "BOB", "AzureDevOpsServer", "Fault", "Organisation"]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # head and body in one packet
    organisation: Organisation
    tokens: frozenset[str] = frozenset({"good", "any-token-of-the-tests"})

    def date_time_string(self, timestamp: float | None = None) -> str:
        now = self.organisation.now
        return format_datetime(now, usegmt=True) if now else super().date_time_string(timestamp)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def answer(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        path = unquote(parts.path).removeprefix(self.organisation.base)
        self.organisation.requests.append(f"{self.command} {self.path}")
        self.organisation.answering.request = self.path
        try:
            if path.endswith("/oauth2/v2.0/token"):
                self.send(200, self.sign_in(parse_qs(raw.decode())), {})
                return
            if not self.is_signed():
                raise Fault(203, "<html>Sign in</html>", {"Content-Type": "text/html"})
            self.send(200, self.organisation.answer(self.command, path, query, json.loads(raw or b"null")), {})
        except Fault as fault:
            self.send(fault.status, fault.body, fault.headers)

    def sign_in(self, form: dict[str, list[str]]) -> Any:
        if form["client_secret"] != ["secret"] or form["grant_type"] != ["client_credentials"]:
            raise Fault(401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret."})
        token = f"entra-{len(self.organisation.requests)}"
        self.organisation.bearers.add(token)
        return {"access_token": token, "expires_in": self.organisation.bearer_seconds, "token_type": "Bearer"}

    def is_signed(self) -> bool:
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            user, _, token = base64.b64decode(value).decode().partition(":")
            return user == "" and token in self.tokens
        if kind == "Bearer" and value not in self.organisation.bearers:
            raise Fault(401, {"message": "TF400813: The user is not authorized to access this resource."})
        return kind == "Bearer"

    def send(self, status: int, body: Any, headers: dict[str, str]) -> None:
        data = (
            body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else json.dumps(body).encode()
        )
        self.send_response(status)
        for name, value in {"Content-Type": "application/json; charset=utf-8", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_OPTIONS = answer  # noqa: N815 - the interface's names


class AzureDevOpsServer:
    """Serves an organisation on a free loopback port while the block lasts."""

    def __init__(self, organisation: Organisation) -> None:
        handler = type("BoundHandler", (Handler,), {"organisation": organisation})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.origin = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.url = f"{self.origin}{organisation.base}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
