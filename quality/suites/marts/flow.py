"""Flow marts: periods, cumulative flow, work in progress."""

from __future__ import annotations

from quality.suite import Measure, never
from quality.suites.marts.core import foreign_connections, rows_if_work_was_read

_PERCENTILES = " or ".join(
    f"{name}_{low}_hours > {name}_{high}_hours + 0.001"
    for name in ("lead_time", "cycle_time")
    for low, high in (("p50", "p85"), ("p85", "p95"))
)
_COUNTS = (
    "arrived_items", "started_items", "delivered_items", "cancelled_items", "wip_items", "reopened_items",
    "skipped_start_count", "cycle_time_items",
)  # fmt: skip


def _same_in_all_scopes(column: str) -> Measure:
    """Items have one team and one connection at a time, so sums over teams are sums over items.

    Compared over all months: a month of one scope may end at another instant than that of another.
    """
    totals = ", ".join(
        f"coalesce(sum({column}) filter (where scope_type = '{scope}'), 0) as in_{scope}"
        for scope in ("connection", "team", "all")
    )
    return Measure(
        f"{column}_differ_between_scopes",
        f"{column} of all teams, of all connections and of everything are the same",
        f"(select count(*) from (select policy_id, {totals} from records where period_type = 'month'"  # noqa: S608
        " group by policy_id) where in_connection <> in_all or in_team <> in_all)",
        0,
        0,
    )


MEASURES: dict[str, tuple[Measure, ...]] = {
    "kpi_flow": (
        rows_if_work_was_read("work has periods"),
        never(
            "negative_counts",
            " or ".join(f"{column} < 0" for column in _COUNTS),
            "counts are not negative",
            examples="scope_key || ' ' || period_start_date",
        ),
        never(
            "unordered_percentiles",
            _PERCENTILES,
            "a higher percentile is not smaller",
            examples="scope_key || ' ' || period_start_date",
        ),
        never(
            "impossible_ratios",
            "defect_ratio not between 0 and 1 or flow_efficiency_ratio not between 0 and 1.000001",
            "a share lies between 0 and 1",
            examples="scope_key || ' ' || period_start_date",
        ),
        never(
            "more_cycles_than_deliveries",
            "cycle_time_items > delivered_items",
            "only delivered items have a cycle time",
            examples="scope_key || ' ' || period_start_date",
        ),
        never(
            "percentiles_without_deliveries",
            "delivered_items = 0 and lead_time_p50_hours is not null",
            "no lead time without a delivery: what is not known is NULL",
            examples="scope_key || ' ' || period_start_date",
        ),
        _same_in_all_scopes("delivered_items"),
        _same_in_all_scopes("arrived_items"),
    ),
    "kpi_cfd": (
        rows_if_work_was_read("work has a cumulative flow"),
        never(
            "negative_items",
            "items < 0 or entered < 0 or \"left\" < 0",
            "no stage holds less than nothing",
            examples="scope_key || ' ' || day_date || ' ' || stage",
        ),
        never(
            "unknown_stages",
            "stage not in ('backlog', 'todo', 'in_progress', 'waiting', 'done', 'cancelled')",
            "only the six stages",
            examples="stage",
        ),
    ),
    "kpi_wip": (
        foreign_connections(),
        never(
            "not_in_progress", "stage not in ('in_progress', 'waiting')", "only work that is under way",
            examples="item_ref",
        ),
        never("negative_ages", "age_hours < 0 or status_age_hours < 0", "no age is negative", examples="item_ref"),
        never(
            "impossible_ranks", "age_percentile_ratio not between 0 and 1", "a rank lies between 0 and 1",
            examples="item_ref",
        ),
    ),
}  # fmt: skip
