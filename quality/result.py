"""What a check says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace


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

    def with_examples(self, names: Sequence[str]) -> CheckResult:
        """The same with a few of the rows that are meant."""
        return replace(self, detail=f"{self.detail} (e.g. {', '.join(names)})") if names else self
