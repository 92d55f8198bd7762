"""Scorecard, evidence, trust."""

from __future__ import annotations

from quality.suite import Measure, never
from quality.suites.marts.core import rows_if_work_was_read

_NAMED = "kpi_id || ' ' || coalesce(scope_name, scope_key, '') || ' ' || period_start_date"

MEASURES: dict[str, tuple[Measure, ...]] = {
    "dim_kpi": (Measure("row_count", "KPIs are described", "count(*)", minimum=1),),
    "kpi_scorecard": (
        rows_if_work_was_read("work has a scorecard"),
        never(
            "undescribed_kpis", "kpi_id not in (select kpi_id from core.dim_kpi)", "every KPI is described",
            examples="kpi_id",
        ),
        never("impossible_trust", "trust_ratio not between 0 and 1", "a share lies between 0 and 1", examples=_NAMED),
        never(
            "unknown_states",
            "status not in ('on_target', 'at_risk', 'off_target', 'no_target')",
            "only the four states",
            examples="status",
        ),
        never("negative_samples", "sample_items < 0", "a sample is not negative", examples=_NAMED),
        never(
            "impossible_shares",
            "value not between 0 and 1.000001 and kpi_id in ('defect_ratio', 'flow_efficiency', 'data_trust')",
            "a share lies between 0 and 1",
            examples=_NAMED,
        ),
        never(
            "negative_ratios",
            # More can be re-opened than was delivered, and more done than was promised: no upper bound.
            "value < 0 and kpi_id in ('reopen_ratio', 'say_do', 'scope_change', 'predictability')",
            "a ratio of two counts is not negative",
            examples=_NAMED,
        ),
        never(
            "impossible_nps", "kpi_id = 'nps' and value not between -100 and 100", "between -100 and 100",
            examples=_NAMED,
        ),
        never(
            "ratio_differs_from_its_parts",
            "kpi_id in ('defect_ratio', 'reopen_ratio', 'data_trust') and denominator > 0"
            " and abs(value - numerator / denominator) > 0.000001",
            "a ratio is its numerator over its denominator",
            examples=_NAMED,
        ),
    ),
    "kpi_evidence": (
        rows_if_work_was_read("values have evidence"),
        never(
            "without_source",
            "item_key is null and response_key is null and sprint_key is null",
            "evidence is an item, a response or a sprint before",
            examples="kpi_id",
        ),
    ),
    "fct_item_trust": (
        rows_if_work_was_read("every item's history is judged"),
    ),
}  # fmt: skip
