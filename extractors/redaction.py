"""Secrets never reach a log, an exception text or a terminal.

`remember` takes a secret once it is known; `redact` blanks it and the forms that it takes on the wire
(Basic and Bearer values, base64, URL quoting). `install` puts a filter on the root logger's handlers.
"""

from __future__ import annotations

import base64
import logging
import re
import threading
from urllib.parse import quote

_MASK = "***"
_HEADER = re.compile(r"(?i)\b(basic|bearer)\s+[A-Za-z0-9+/=._~-]{8,}")
_lock = threading.Lock()
_secrets: set[str] = set()


def remember(secret: str, username: str = "") -> None:
    """Blank `secret` from now on, and the Basic credentials that it makes with `username` and without one."""
    if len(secret) < 4:  # blanking it would blank ordinary words
        return
    forms = {secret, quote(secret, safe="")}
    forms |= {base64.b64encode(f"{name}:{secret}".encode()).decode() for name in {username, ""}}
    forms.add(base64.b64encode(secret.encode()).decode())
    with _lock:
        _secrets.update(forms)


def redact(text: str) -> str:
    with _lock:
        known = sorted(_secrets, key=len, reverse=True)
    for secret in known:
        text = text.replace(secret, _MASK)
    return _HEADER.sub(rf"\1 {_MASK}", text)


class RedactingFilter(logging.Filter):
    """Blanks secrets in the finished message and in the text of its exception."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        clean = redact(message)
        if clean != message:
            record.msg, record.args = clean, None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        return True


_FILTER = RedactingFilter()
_LIBRARIES = ("urllib3.connectionpool", "requests", "jira", "msrest", "azure", "stamina", "extractors")


def install() -> None:
    """Filter what the libraries below us log, and what the root logger's handlers write."""
    for name in _LIBRARIES:
        logger = logging.getLogger(name)
        if _FILTER not in logger.filters:
            logger.addFilter(_FILTER)
    for handler in logging.getLogger().handlers:
        if _FILTER not in handler.filters:
            handler.addFilter(_FILTER)
