"""A session of our own on the HTTP layer, for bulk reads: typed answers and when they were asked for."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import msgspec
import requests
from requests.auth import AuthBase

from extractors import redaction
from extractors.answers import decode
from extractors.connection import Secret
from extractors.http import Access, mount, origin_of
from extractors.limiter import limiter_of

T = TypeVar("T")


class BearerAuth(AuthBase):
    """`Authorization: Bearer …`. As an auth object, because a header of its own would lose against a .netrc file."""

    def __init__(self, token: Secret) -> None:
        self._token = token
        redaction.remember(token.reveal())

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        return request


class BasicAuth(AuthBase):
    """`Authorization: Basic …` of a user (which may be empty) and a token."""

    def __init__(self, username: str, token: Secret) -> None:
        self._username = username
        self._token = token
        redaction.remember(token.reveal(), username)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        credentials = base64.b64encode(f"{self._username}:{self._token.reveal()}".encode()).decode()
        request.headers["Authorization"] = f"Basic {credentials}"
        return request


@dataclass(frozen=True)
class Answer(Generic[T]):
    """`value` is the decoded body, `sent_at` when the request for it was made (not when it came back).

    `size`: bytes of the body, inflated.
    """

    value: T
    sent_at: datetime
    headers: Mapping[str, str]
    size: int = 0


class SourceClient:
    """Reads one tool below `base_url`. Threads may share it: its session keeps no state between calls."""

    def __init__(self, access: Access, base_url: str, auth: AuthBase, pool_size: int = 16) -> None:
        self.access = access
        self.base_url = base_url.rstrip("/")
        self.clock_offset = timedelta(0)  # the source's clock less ours; `sent_at` is told by the source's
        self._session = requests.Session()
        self._session.auth = auth
        self.adapter = mount(self._session, access, pool_size)

    @property
    def waited_seconds(self) -> float:
        return limiter_of(origin_of(self.base_url)).waited_seconds

    def get(self, path: str, form: type[T], params: Mapping[str, Any] | None = None) -> Answer[T]:
        """GET base_url + path as `form`; a list among `params` goes as a repeated parameter."""
        return self._call("GET", path, form, params=params)

    def post(self, path: str, form: type[T], body: Any, params: Mapping[str, Any] | None = None) -> Answer[T]:
        """POST of a search: `body` goes as JSON."""
        content = msgspec.json.encode(body)
        return self._call("POST", path, form, params=params, data=content, headers={"Content-Type": "application/json"})

    def download(self, path: str, params: Mapping[str, Any] | None = None) -> bytes:
        """GET of a file, of whatever type."""
        return self._send("GET", path, expects_json=False, params=params).content

    def _call(self, method: str, path: str, form: type[T], **options: Any) -> Answer[T]:
        sent_at = datetime.now(UTC) + self.clock_offset
        response = self._send(method, path, expects_json=True, **options)
        value = decode(self.access.connection, self.access.token_env, response, form)
        return Answer(value, sent_at, response.headers, len(response.content))

    def _send(self, method: str, path: str, *, expects_json: bool, **options: Any) -> requests.Response:
        request = self._session.prepare_request(requests.Request(method, self.base_url + path, **options))
        # `requests` hands the prepared request to the adapter as it is; this is how the adapter learns it.
        request.expects_json = expects_json  # type: ignore[attr-defined]
        return self._session.send(request, allow_redirects=True, **self._settings)

    @cached_property
    def _settings(self) -> dict[str, Any]:
        """Proxies and certificates as the environment says, once: all calls go to one host."""
        return dict(self._session.merge_environment_settings(self.base_url, {}, None, None, None))

    def close(self) -> None:
        self._session.close()

    def __repr__(self) -> str:
        return f"SourceClient({urlsplit(self.base_url).netloc})"
