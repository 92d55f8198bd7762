"""What the HTTP layer may do for a connection: where it goes, how long it tries, whose certificates it trusts."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import requests

from extractors.errors import ConfigError


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
    """What the HTTP layer knows about a connection: whom to name in errors, where it may go, how it trusts.

    `renew` signs a refused request anew where tokens expire; False: there is no newer token than the refused one.
    """

    connection: str
    origins: tuple[str, ...]  # addresses that calls may go to; nothing else is ever called
    token_env: str = ""
    ca_bundle: Path | None = None
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    renew: Callable[[requests.PreparedRequest], bool] | None = field(default=None, compare=False, repr=False)

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
