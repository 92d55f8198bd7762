"""What can go wrong between us and a source: one class per remedy.

`str(error)` is one readable paragraph that names the connection, the thing asked for, the status and
what to do. It never holds a secret, and never a body that was not meant for people (HTML pages).
Transient failures are worth another run; the others need a person.
"""

# ruff: noqa: N818 - the names say what happened and are those of the architecture
from __future__ import annotations


class ExtractError(Exception):
    """A source or its landing failed.

    `connection` is the connection's id, `subject` what was asked for (an endpoint's path, a project, a file),
    `status` the HTTP status if there was one, `remedy` what the reader can do, `detail` what happened, in words.
    """

    is_transient = False
    what = "could not be read"

    def __init_subclass__(cls, *, what: str | None = None, is_transient: bool | None = None) -> None:
        """`what` follows the subject in the message; subclasses take over what they are not given."""
        super().__init_subclass__()
        cls.what = what or cls.what
        cls.is_transient = cls.is_transient if is_transient is None else is_transient

    def __init__(
        self,
        connection: str,
        subject: str,
        status: int | None = None,
        remedy: str = "",
        *,
        detail: str = "",
    ) -> None:
        super().__init__(connection, subject, status, remedy)
        self.connection = connection
        self.subject = subject
        self.status = status
        self.remedy = remedy
        self.detail = detail

    def __str__(self) -> str:
        status = f" (HTTP {self.status})" if self.status is not None else ""
        sentences = [f"Connection '{self.connection}': {self.subject} {self.what}{status}", self.detail, self.remedy]
        return " ".join(_sentence(text) for text in sentences if text)

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions cross process borders (Dagster steps); keyword arguments would be lost without this.
        state = {"detail": self.detail}
        return (type(self), (self.connection, self.subject, self.status, self.remedy), state)


def _sentence(text: str) -> str:
    """`text` on one line, with a full stop if it has no end mark of its own."""
    text = " ".join(text.split())
    return text if text.endswith((".", "!", "?")) else f"{text}."


class ConfigError(ExtractError, what="is not configured correctly"):
    """A setting cannot be right (no token, plain http to another machine, unknown file)."""


class AuthError(ExtractError, what="was refused: authentication failed"):
    """The token was refused, or a sign-in page or proxy answered in place of the tool."""


class AccessDenied(ExtractError, what="was refused: no permission"):
    """The token is good but may not read this."""


class NotFound(ExtractError, what="was not found"):
    """The site, project, board or file does not exist, or is hidden from the token."""


class Gone(ExtractError, what="was removed by the vendor"):
    """The vendor removed the endpoint; the vendor's text says what replaces it."""


class BadRequest(ExtractError, what="was rejected as a bad request"):
    """The tool understood the address but not the request (a JQL it refuses, a limit it sets)."""


class RateLimited(ExtractError, what="is rate limited", is_transient=True):
    """The tool asked us to wait for longer than a run may take."""


class Unreachable(ExtractError, what="could not be reached", is_transient=True):
    """No connection, time-outs, or server errors that did not go away."""


class Truncated(ExtractError, what="was not received completely", is_transient=True):
    """Fewer records or bytes arrived than the source says there are; nothing of it was kept."""


class HistoryCut(Truncated):
    """The tool gives fewer changes of one record than it says there are; what it gave was kept.

    `subject` ends with the record's id.
    """

    @property
    def record_id(self) -> str:
        return self.subject.rpartition(" ")[2]


class RepeatedPage(ExtractError, what="does not page to an end", is_transient=True):
    """Paging does not move on: the same page token came twice, or too many empty pages."""


class NotJson(ExtractError, what="did not answer with JSON"):
    """Something else than JSON came with a success status."""


class SchemaChanged(ExtractError, what="answered in an unknown form"):
    """The answer is JSON, but not of the form that the source's description promises."""


class TooManyDeleted(ExtractError, what="has lost more records than allowed at once"):
    """So many records have vanished at once that a lost permission is likelier than a deletion."""


class AlreadyRunning(ExtractError, what="is in use by another run", is_transient=True):
    """Another run holds the lock."""


class LandingError(ExtractError, what="could not be stored"):
    """What was read could not be stored (disk full, damaged table)."""
