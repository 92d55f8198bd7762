"""Where the steps of a run say how far they are. The command line puts a reporter here; Dagster alone needs none."""

from __future__ import annotations

from typing import Protocol


class Reporter(Protocol):
    """Whoever shows progress. Called from several threads."""

    def stage(self, title: str) -> None:
        """A new part of the run begins."""

    def advance(self, connection_id: str, stream: str, done: int, total: int | None) -> None:
        """`done` of `total` records of a stream have been read."""

    def connection_done(self, connection_id: str, text: str, *, is_good: bool) -> None:
        """One connection was read and judged, or was not."""

    def step(self, title: str, done: int, total: int | None) -> None:
        """`done` of `total` pieces of the present part are done."""

    def note(self, text: str) -> None:
        """Something a person should know."""

    def close(self) -> None:
        """The last part has ended."""


class Quiet:
    """Says nothing."""

    def stage(self, title: str) -> None:
        """Say nothing."""

    def advance(self, connection_id: str, stream: str, done: int, total: int | None) -> None:
        """Say nothing."""

    def connection_done(self, connection_id: str, text: str, *, is_good: bool) -> None:
        """Say nothing."""

    def step(self, title: str, done: int, total: int | None) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def close(self) -> None:
        """Say nothing."""


class _Current:
    reporter: Reporter = Quiet()


def reporter() -> Reporter:
    """The reporter of this process."""
    return _Current.reporter


def report_to(reporter: Reporter) -> None:
    _Current.reporter = reporter
