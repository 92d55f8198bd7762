"""Data hygiene: the worklist itself; what it lists is for people and stops nothing."""

from __future__ import annotations

from quality.suite import Measure, never, warn_if
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
        never(
            "severity_of_another_rule",
            "(rule_id, severity) not in (select (rule_id, severity) from core.dim_hygiene_rule)",
            "a finding is as severe as its rule",
            examples="finding_key",
        ),
        never(
            "without_subject",
            "subject is null or (subject_type = 'item' and item_key is null)"
            " or (subject_type = 'sprint' and sprint_key is null)",
            "every finding names what it is about",
            examples="finding_key",
        ),
        never(
            "of_deleted_items",
            "item_key in (select item_key from core.dim_work_item where is_deleted)",
            "nobody has to tidy up what is deleted",
            examples="subject",
        ),
        warn_if("without_link", "source_url is null", "every finding leads into the tool", examples="subject"),
        never("wordless", "coalesce(finding, '') = ''", "every finding is said in words", examples="finding_key"),
        foreign_connections(),
    ),
}
