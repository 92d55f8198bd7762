"""SQL of measures."""

from __future__ import annotations

from quality.suite import Measure, Suite

EXAMPLES = 3


def measures_sql(suite: Suite, relation: str, by: str | None = None) -> str:
    """All measures of a suite over `relation` in one pass, per `by` or in one row."""
    columns = [f'({measure.sql})::double as "{measure.name}"' for measure in suite.measures]
    if by is None:
        return f"with records as ({relation}) select {', '.join(columns)} from records"  # noqa: S608 - our own texts
    chosen = ", ".join([by, *columns])
    return f"with records as ({relation}) select {chosen} from records group by {by}"  # noqa: S608 - our own texts


def examples_sql(measure: Measure, relation: str) -> str:
    """A few names of rows that violate `measure`."""
    return (
        f"with records as ({relation}) select distinct {measure.examples} from records"  # noqa: S608 - our own texts
        f" where {measure.where or 'true'} order by 1 limit {EXAMPLES}"
    )
