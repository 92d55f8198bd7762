"""What the sources say they have against what is held: `fct_coverage`. Gaps are for people; contradictions stop."""

from __future__ import annotations

from quality.suite import Measure, never, warn_if
from quality.suites.marts.core import foreign_connections

_NAMED = "connection_id || ' ' || stream || ' of ' || project"
_UNCOVERED = """(
    select count(*) from core.dim_connection
    where watermark_at is not null and connection_id not in (select connection_id from records)
)"""

MEASURES: dict[str, tuple[Measure, ...]] = {
    "fct_coverage": (
        Measure(
            "connections_without_coverage", "every connection that was read says what it covered", _UNCOVERED, 0, 0
        ),
        foreign_connections(),
        never(
            "negative_counts",
            "expected < 0 or got < 0 or deleted < 0 or skipped < 0",
            "counts are not negative",
            examples=_NAMED,
        ),
        never(
            "missing_does_not_add_up",
            "missing is distinct from expected - got",
            "what is missing is what the source has less what is held",
            examples=_NAMED,
        ),
        never(
            "ratio_differs_from_its_parts",
            "abs(coverage_ratio - got / nullif(expected, 0)) > 1e-9"
            " or (coverage_ratio is null) <> (got is null or coalesce(expected, 0) = 0)",
            "the ratio is what is held over what the source has",
            examples=_NAMED,
        ),
        never("without_instant", "read_at is null", "it is known when the source was asked", examples=_NAMED),
        warn_if("gaps", "missing > 0", "as many records are held as the source has", examples=_NAMED),
        warn_if(
            "unexplained",
            "(missing > 0 or skipped > 0) and coalesce(reason, '') = ''",
            "what is missing or was left out has a reason",
            examples=_NAMED,
        ),
    ),
}
