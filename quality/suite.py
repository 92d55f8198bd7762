"""Suites as data: measures that DuckDB computes over a table, and what each of them may be.

A measure is one aggregate. Great Expectations then judges a small frame of measures: one row per connection on
raw, one row per table on the marts. Expectations over rows pass on an empty table; measures do not, and the first
measures of every suite count rows.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """One aggregate and its bounds (inclusive).

    sql: an aggregate expression over the suite's rows. examples: an expression for a violating row's name, and
    where: its condition; both for people, shown when the measure is out of bounds.
    """

    name: str
    meaning: str
    sql: str
    minimum: float | None = None
    maximum: float | None = None
    is_blocking: bool = True
    where: str | None = None
    examples: str | None = None

    @property
    def expected(self) -> str:
        if self.minimum is not None and self.minimum == self.maximum:
            return f"{self.minimum:g}"
        low = "" if self.minimum is None else f"{self.minimum:g} or more"
        high = "" if self.maximum is None else f"{self.maximum:g} or less"
        return ", ".join(part for part in (low, high) if part)


@dataclass(frozen=True)
class Suite:
    """Everything that is expected of one table."""

    name: str
    asset: str
    measures: tuple[Measure, ...]

    def __post_init__(self) -> None:
        names = [measure.name for measure in self.measures]
        if len(set(names)) != len(names):
            raise ValueError(f"{self.name}: a measure's name stands there twice")


def rows(minimum: int, meaning: str, where: str = "true", *, is_blocking: bool = True) -> Measure:
    """At least so many rows."""
    return Measure("row_count", meaning, f"count(*) filter (where {where})", minimum=minimum, is_blocking=is_blocking)


def never(name: str, where: str, meaning: str, *, examples: str | None = None, is_blocking: bool = True) -> Measure:
    """No row may satisfy `where`."""
    sql = f"count(*) filter (where {where})"
    return Measure(name, meaning, sql, 0, 0, is_blocking, where=where, examples=examples)


def warn_if(name: str, where: str, meaning: str, *, examples: str | None = None) -> Measure:
    """Rows that satisfy `where` are reported, but stop nothing."""
    return never(name, where, meaning, examples=examples, is_blocking=False)
