"""The session of an online survey tool. HTTP only; the tools' own clients put their calls on top of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from requests.auth import AuthBase

from extractors.connection import SurveyApiConnection
from extractors.http import Access, RetryPolicy, check_url
from extractors.session import Answer, SourceClient

T = TypeVar("T")


class SurveyClient:
    """Calls below the connection's address. `tool_time` is what the tool's clock said in its last answer."""

    def __init__(self, connection: SurveyApiConnection, auth: AuthBase, retry: RetryPolicy | None = None) -> None:
        self.connection = connection
        url = check_url(connection.id, connection.url)
        access = Access(
            connection=connection.id,
            origins=(url,),
            token_env=connection.token_env,
            ca_bundle=connection.ca_bundle,
            retry=retry or RetryPolicy(),
        )
        self.http = SourceClient(access, url, auth)
        self.tool_time: datetime | None = None

    def get(self, path: str, form: type[T], params: Mapping[str, Any] | None = None) -> T:
        return self._told(self.http.get(path, form, params))

    def post(self, path: str, form: type[T], body: Any) -> T:
        return self._told(self.http.post(path, form, body))

    def _told(self, answer: Answer[T]) -> T:
        try:
            self.tool_time = parsedate_to_datetime(answer.headers.get("Date", "")).astimezone(UTC)
        except ValueError:
            self.tool_time = None
        return answer.value
