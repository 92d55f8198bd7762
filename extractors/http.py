"""The one HTTP layer: every byte that an extractor reads from a source comes through here.

`SourceAdapter` is a transport adapter of `requests`. It is mounted into the sessions of the `jira` and
`azure-devops` packages and into our own, so that all of them share one rate limiter per host (limiter.py),
the same retries (attempts.py), the same checks of an answer (answers.py), and the same errors. It only
reads: a method that could change something at the source is refused.
"""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from extractors import redaction
from extractors.access import Access, RetryPolicy, check_url, is_loopback, origin_of
from extractors.answers import check_answer, error_of
from extractors.attempts import Call, RetryLater, cause_of
from extractors.errors import AuthError, ConfigError, ExtractError
from extractors.limiter import limiter_of

__all__ = ["Access", "RetryPolicy", "SourceAdapter", "check_url", "is_loopback", "mount", "origin_of"]

CONNECT_SECONDS = 10.0
_GZIP = 31  # zlib's word for a window of 32 kB with a gzip header
READ_SECONDS = 120.0
_READING_POSTS = re.compile(
    r"/(search|search/jql|approximate-count|bulkfetch|list|wiql(/[^/]+)?|workitemsbatch|workitemrevisions"
    r"|export-responses|token)$"
)
_SIGN_IN = re.compile(r"(?i)(log-?in|sign-?in|sso|saml|oauth2?/authorize|adfs)")
_TRANSIENT = frozenset({429, 500, 502, 503, 504})
_REFUSED = frozenset({203, 401})  # Azure DevOps sends its sign-in page with status 203


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
        call = Call(self.access, request, limiter)
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
                    return self._once(call, request, options)
        except RetryLater as failure:
            raise failure.error from None
        raise AssertionError("unreachable: the loop returns or raises")

    def _once(self, call: Call, request: requests.PreparedRequest, options: dict[str, Any]) -> requests.Response:
        response, seconds = self._exchange(call, request, options)
        # Outside of the slot: a new token may come from the same host, and all its slots may wait for that token.
        while response.status_code in _REFUSED and self.access.renew is not None and self.access.renew(request):
            response, seconds = self._exchange(call, request, options)
        if response.status_code in _TRANSIENT:
            raise RetryLater(call.exhausted(response), seconds)
        if response.is_redirect:
            self._refuse_redirect(call, response)
            return response
        if response.status_code >= 400:
            raise error_of(self.access.connection, self.access.token_env, response)
        if getattr(request, "expects_json", True):
            is_cut = check_answer(self.access.connection, self.access.token_env, response)
            if is_cut:
                raise RetryLater(call.truncated("The JSON ends in the middle"))
        return response

    def _exchange(
        self, call: Call, request: requests.PreparedRequest, options: dict[str, Any]
    ) -> tuple[requests.Response, float | None]:
        """One call of those that may be under way, when the limiter lets it go; and the wait that the tool asks for."""
        with call.limiter.slot():
            call.wait_for_slot()
            self.requests += 1
            response = self._receive(call, request, options)
            return response, call.limiter.learn(call.endpoint, response.status_code, response.headers)

    def _receive(self, call: Call, request: requests.PreparedRequest, options: dict[str, Any]) -> requests.Response:
        """One exchange with the whole body read, so that a cut body is a failure of this attempt."""
        try:
            started = time.monotonic()
            response = super().send(request, stream=True, **options)
            call.limiter.has_answered = True
            _read_at_once(response)
            seconds = time.monotonic() - started
            call.limiter.timed(call.endpoint, seconds, is_good=response.status_code < 400)
        except requests.exceptions.SSLError as error:
            raise self._untrusted(call, error) from None
        except (urllib3.exceptions.ProtocolError, urllib3.exceptions.DecodeError, zlib.error):
            raise RetryLater(call.truncated("The connection was cut in the middle of the answer")) from None
        except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError):
            raise RetryLater(call.unreachable("No answer in time")) from None
        except (requests.exceptions.ConnectionError, urllib3.exceptions.HTTPError, OSError) as error:
            raise RetryLater(call.unreachable(cause_of(error))) from None
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

    def _refuse_redirect(self, call: Call, response: requests.Response) -> None:
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

    def _untrusted(self, call: Call, error: Exception) -> ExtractError:
        return ConfigError(
            self.access.connection,
            f"the certificate of {urlsplit(call.url).hostname}",
            remedy="If it is signed by a private authority, set `ca_bundle` to the file with its certificate",
            detail=cause_of(error),
        )


def _read_at_once(response: requests.Response) -> None:
    """The whole body in one piece; `requests` would inflate it ten kilobytes at a time, and copy it thrice."""
    is_gzip = response.headers.get("Content-Encoding", "").strip().lower() == "gzip"
    body = response.raw.read(decode_content=not is_gzip)
    response._content = _inflated(body) if is_gzip else body  # noqa: SLF001 - there is no other way to set it
    response._content_consumed = True  # type: ignore[attr-defined] # noqa: SLF001


def _inflated(body: bytes) -> bytes:
    """The text of a gzip file, which may have several members. Raises zlib.error if it is broken or cut."""
    parts = []
    while body:
        inflating = zlib.decompressobj(_GZIP)
        parts.append(inflating.decompress(body))
        if not inflating.eof:
            raise zlib.error("the end is missing")
        body = inflating.unused_data
    return parts[0] if len(parts) == 1 else b"".join(parts)


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
