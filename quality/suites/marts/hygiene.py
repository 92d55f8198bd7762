"""Data hygiene: the worklist itself; what it lists is for people and stops nothing."""

from __future__ import annotations

from quality.suite import Measure, never
from quality.suites.marts.core import foreign_connections

MEASURES: dict[str, tuple[Measure, ...]] = {
    "dim_hygiene_rule": (Measure("row_count", "rules are described", "count(*)", minimum=1),),
    "fct_hygiene_finding": (
        never(
            "undescribed_rules",
            "rule_id not in (select rule_id from core.dim_hygiene_rule)",
            "every finding has a rule that says what to do",
            examples="rule_id",
        ),
        never("wordless", "coalesce(finding, '') = ''", "every finding is said in words", examples="finding_key"),
        foreign_connections(),
    ),
}
