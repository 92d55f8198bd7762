"""The attempts of one request: when to try again, when to stop, and what to say then."""

from __future__ import annotations

import logging
import re
import time
from typing import Any
from urllib.parse import urlsplit

import requests
import stamina
import stamina.instrumentation

from extractors import redaction
from extractors.access import Access
from extractors.errors import ExtractError, RateLimited, Truncated, Unreachable
from extractors.limiter import HostLimiter, endpoint_of

_log = logging.getLogger(__name__)


class RetryLater(Exception):  # noqa: N818 - no error yet; never leaves the HTTP layer
    """One attempt failed in a way that another one may cure. `seconds` is a wait that the tool asked for."""

    def __init__(self, error: ExtractError, seconds: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.seconds = seconds


class Call:
    """One request with its attempts: counts failures, keeps to the time budget, words the final error."""

    def __init__(self, access: Access, request: requests.PreparedRequest, limiter: HostLimiter) -> None:
        self.access = access
        self.limiter = limiter
        self.url = request.url or ""
        path = urlsplit(self.url).path
        self.endpoint = f"{request.method} {endpoint_of(path)}"
        self.subject = f"{request.method} {path} on {urlsplit(self.url).netloc}"
        self.failures = 0
        self.refusals = 0
        self._started = time.monotonic()

    def attempts(self) -> Any:
        policy = self.access.retry
        return stamina.retry_context(
            on=self._decide,
            attempts=None,
            timeout=None,
            wait_initial=policy.wait_initial,
            wait_max=policy.wait_max,
            wait_jitter=policy.wait_initial,
        )

    def remaining_seconds(self) -> float:
        return self.access.retry.total_seconds - (time.monotonic() - self._started)

    def wait_for_slot(self) -> None:
        if not self.limiter.acquire(self.endpoint, self.remaining_seconds()):
            raise self.rate_limited(None, "It asks to wait for longer than a run may take")

    def _decide(self, error: Exception) -> bool | float:
        """Whether to try again; a number is the wait in seconds (the limiter does the waiting that was asked for)."""
        if not isinstance(error, RetryLater):
            return False
        policy = self.access.retry
        if error.seconds is not None and isinstance(error.error, RateLimited):
            self.refusals += 1
            is_worth_it = error.seconds <= self.remaining_seconds() and self.refusals <= 5 * policy.attempts
            return 0.01 if is_worth_it else False
        self.failures += 1
        allowed = policy.attempts if self.limiter.has_answered else policy.first_attempts
        return self.failures < allowed and self.remaining_seconds() > 0

    def exhausted(self, response: requests.Response) -> ExtractError:
        """What to say if this transient status is the last word."""
        status = response.status_code
        if status == 429 or (status == 503 and response.headers.get("Retry-After")):
            wait = response.headers.get("Retry-After")
            return self.rate_limited(status, f"It asks to wait ({wait})" if wait else "Too many requests")
        return Unreachable(
            self.access.connection,
            self.subject,
            status,
            "The tool has a problem of its own; run again later",
            detail=f"It kept answering with a server error, {self.access.retry.attempts} attempts",
        )

    def rate_limited(self, status: int | None, detail: str) -> RateLimited:
        remedy = "Run again later, at a quieter time, or for fewer projects"
        return RateLimited(self.access.connection, self.subject, status, remedy, detail=detail)

    def truncated(self, detail: str) -> Truncated:
        return Truncated(
            self.access.connection,
            self.subject,
            None,
            "A proxy on the way may cut long answers; run again",
            detail=detail,
        )

    def unreachable(self, detail: str) -> Unreachable:
        remedy = "Check `url`, the network and the proxy settings"
        return Unreachable(self.access.connection, self.subject, None, remedy, detail=detail)


def cause_of(error: BaseException) -> str:
    """The innermost reason of a connection error, without object addresses and secrets."""
    inner = error.args[0] if error.args else error
    text = str(getattr(inner, "reason", None) or inner)
    text = re.sub(r"^HTTPS?Connection(Pool)?\([^)]*\): ", "", text)
    return redaction.redact(re.sub(r"<[^>]*>", "", text))[:300]


def _log_retry(details: stamina.instrumentation.RetryDetails) -> None:
    """Retries are ordinary; they are told where somebody listens."""
    _log.info("Attempt %d failed, next in %.1f s: %s", details.retry_num, details.wait_for, details.caused_by)


stamina.instrumentation.set_on_retry_hooks([_log_retry])
