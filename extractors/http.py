"""The one HTTP layer: every byte that an extractor reads from a source comes through here.

`SourceAdapter` is a transport adapter of `requests`. It is mounted into the sessions of the `jira` and
`azure-devops` packages and into our own, so that all of them share one rate limiter per host, the same
retries, the same checks of an answer, and the same errors. It only reads: a method that could change
something at the source is refused.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import stamina
import stamina.instrumentation
import urllib3
from requests.adapters import HTTPAdapter

from extractors import redaction
from extractors.answers import check_answer, error_of
from extractors.errors import AuthError, ConfigError, ExtractError, RateLimited, Truncated, Unreachable
from extractors.limiter import HostLimiter, endpoint_of, limiter_of

CONNECT_SECONDS = 10.0
READ_SECONDS = 120.0
_READING_POSTS = re.compile(
    r"/(search|search/jql|approximate-count|bulkfetch|list|wiql(/[^/]+)?|workitemsbatch|workitemrevisions"
    r"|export-responses|token)$"
)
_SIGN_IN = re.compile(r"(?i)(log-?in|sign-?in|sso|saml|oauth2?/authorize|adfs)")
_log = logging.getLogger(__name__)
_TRANSIENT = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True)
class RetryPolicy:
    """How long to go on: `attempts` for failures, `total_seconds` for everything, waits asked for by the tool included.

    A host that never answered at all gets `first_attempts` only: a wrong address should be told at once.
    """

    attempts: int = 8
    first_attempts: int = 3
    total_seconds: float = 5400.0
    wait_initial: float = 0.5
    wait_max: float = 60.0


@dataclass(frozen=True)
class Access:
    """What the HTTP layer knows about a connection: whom to name in errors, where it may go, how it trusts."""

    connection: str
    origins: tuple[str, ...]  # addresses that calls may go to; nothing else is ever called
    token_env: str = ""
    ca_bundle: Path | None = None
    retry: RetryPolicy = field(default_factory=RetryPolicy)

    def allows(self, url: str) -> bool:
        return origin_of(url) in {origin_of(known) for known in self.origins}


def origin_of(url: str) -> str:
    """Scheme, host and port, in one spelling."""
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}"


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_url(connection: str, url: str) -> str:
    """`url` without its trailing slash, or ConfigError: https everywhere, http for loopback addresses only."""
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_address = False
    if not is_address:
        raise ConfigError(connection, f"the address '{url}'", remedy="Set `url` to the address of the tool: https://…")
    if parts.username or parts.password:
        raise ConfigError(
            connection,
            f"the address of {parts.hostname}",
            remedy="Take the user and password out of `url`; use token_env",
        )
    if parts.scheme == "http" and not is_loopback(url):
        raise ConfigError(
            connection,
            f"the address '{url}'",
            remedy="Use https: plain http would show the token to everybody on the way",
        )
    return url.rstrip("/")


class _RetryLater(Exception):  # noqa: N818 - never leaves this module
    """One attempt failed in a way that another one may cure. `seconds` is a wait that the tool asked for."""

    def __init__(self, error: ExtractError, seconds: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.seconds = seconds


class SourceAdapter(HTTPAdapter):
    """Transport for one connection. Thread-safe; the limiter is shared by all adapters of a host."""

    def __init__(self, access: Access, pool_size: int = 16) -> None:
        self.access = access
        self.requests = 0
        super().__init__(pool_connections=2, pool_maxsize=pool_size, pool_block=True, max_retries=0)

    def __reduce__(self) -> tuple[Any, ...]:
        return (SourceAdapter, (self.access,))

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002 - the body is always read here, inside the retries
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send `request` as often as it takes; the answer is complete, and is JSON unless `expects_json` is unset.

        Raises ExtractError subclasses only.
        """
        url = request.url or ""
        self._refuse_unsafe(request, url)
        limiter = limiter_of(origin_of(url))
        call = _Call(self.access, request, limiter)
        options = {
            "timeout": timeout or (CONNECT_SECONDS, READ_SECONDS),
            # The connection's own authority counts, whatever a client package or the environment asks for.
            "verify": str(self.access.ca_bundle) if self.access.ca_bundle else verify,
            "cert": cert,
            "proxies": None if is_loopback(url) else proxies,
        }
        try:
            for attempt in call.attempts():
                with attempt:
                    call.wait_for_slot()
                    self.requests += 1
                    return self._once(call, request, options)
        except _RetryLater as failure:
            raise failure.error from None
        raise AssertionError("unreachable: the loop returns or raises")

    def _once(self, call: _Call, request: requests.PreparedRequest, options: dict[str, Any]) -> requests.Response:
        response = self._receive(call, request, options)
        seconds = call.limiter.learn(call.endpoint, response.status_code, response.headers)
        if response.status_code in _TRANSIENT:
            raise _RetryLater(call.exhausted(response), seconds)
        if response.is_redirect:
            self._refuse_redirect(call, response)
            return response
        if response.status_code >= 400:
            raise error_of(self.access.connection, self.access.token_env, response)
        if getattr(request, "expects_json", True):
            is_cut = check_answer(self.access.connection, self.access.token_env, response)
            if is_cut:
                raise _RetryLater(call.truncated("The JSON ends in the middle"))
        return response

    def _receive(self, call: _Call, request: requests.PreparedRequest, options: dict[str, Any]) -> requests.Response:
        """One exchange with the whole body read, so that a cut body is a failure of this attempt."""
        try:
            response = super().send(request, stream=True, **options)
            call.limiter.has_answered = True
            _ = response.content
        except requests.exceptions.SSLError as error:
            raise self._untrusted(call, error) from None
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError):
            raise _RetryLater(call.truncated("The connection was cut in the middle of the answer")) from None
        except requests.exceptions.Timeout:
            raise _RetryLater(call.unreachable("No answer in time")) from None
        except (requests.exceptions.ConnectionError, urllib3.exceptions.HTTPError, OSError) as error:
            raise _RetryLater(call.unreachable(_cause(error))) from None
        return response

    def _refuse_unsafe(self, request: requests.PreparedRequest, url: str) -> None:
        check_url(self.access.connection, f"{urlsplit(url).scheme}://{urlsplit(url).netloc}")
        path = urlsplit(url).path
        if not self.access.allows(url):
            raise AuthError(
                self.access.connection,
                f"an address on {urlsplit(url).hostname}",
                remedy="The tool pointed to another host, which never gets the token; check `url`",
            )
        if request.method not in ("GET", "HEAD", "OPTIONS") and not (
            request.method == "POST" and _READING_POSTS.search(path)
        ):
            raise ConfigError(
                self.access.connection, f"{request.method} {path}", detail="Extractors read and never change anything"
            )

    def _refuse_redirect(self, call: _Call, response: requests.Response) -> None:
        target = urljoin(response.url, response.headers.get("Location", ""))
        is_other = origin_of(target) != origin_of(response.url)
        if is_other or _SIGN_IN.search(urlsplit(target).path):
            raise AuthError(
                self.access.connection,
                call.subject,
                response.status_code,
                "Check `url` and the token"
                + (f" in {self.access.token_env}" if self.access.token_env else "")
                + "; a sign-in page or a proxy answers in place of the tool",
                detail=f"It redirects to {urlsplit(target).hostname}{urlsplit(target).path}",
            )

    def _untrusted(self, call: _Call, error: Exception) -> ExtractError:
        return ConfigError(
            self.access.connection,
            f"the certificate of {urlsplit(call.url).hostname}",
            remedy="If it is signed by a private authority, set `ca_bundle` to the file with its certificate",
            detail=_cause(error),
        )


class _Call:
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
        if not isinstance(error, _RetryLater):
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


def _cause(error: BaseException) -> str:
    """The innermost reason of a connection error, without object addresses and secrets."""
    inner = error.args[0] if error.args else error
    text = str(getattr(inner, "reason", None) or inner)
    text = re.sub(r"^HTTPS?Connection(Pool)?\([^)]*\): ", "", text)
    return redaction.redact(re.sub(r"<[^>]*>", "", text))[:300]


def _log_retry(details: stamina.instrumentation.RetryDetails) -> None:
    """Retries are ordinary; they are told where somebody listens."""
    _log.info("Attempt %d failed, next in %.1f s: %s", details.retry_num, details.wait_for, details.caused_by)


stamina.instrumentation.set_on_retry_hooks([_log_retry])


def mount(session: requests.Session, access: Access, pool_size: int = 16) -> SourceAdapter:
    """Let `session` (ours, or that of a client package) go through a SourceAdapter from now on."""
    redaction.install()
    for origin in access.origins:
        check_url(access.connection, origin)
    adapter = SourceAdapter(access, pool_size)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    if access.ca_bundle is not None:
        session.verify = str(access.ca_bundle)
    session.headers.update({"Accept": "application/json", "Accept-Encoding": "gzip"})
    return adapter
