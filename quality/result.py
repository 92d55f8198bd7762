"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CheckResult:
    """One expectation over one table (and, on raw, one connection).

    suite: the suite's name, e.g. `raw.jira.issues`. asset: the table that it judges, e.g. `jira/issues`.
    observed and expected are texts for people; detail says what is wrong in one clause, with examples.
    """

    suite: str
    asset: str
    name: str
    passed: bool
    is_blocking: bool
    observed: str
    expected: str
    detail: str = ""
    connection_id: str | None = None
