"""Sprint marts: the identities of the KPI contract hold for every sprint, in items and in points."""

from __future__ import annotations

from quality.suite import Measure, never
from quality.suites.marts.core import foreign_connections

_POINTS = " ".join(
    f"{sign} coalesce({name}_points, 0)"
    for sign, name in (
        ("", "committed"), ("+", "added"), ("-", "removed"), ("-", "cancelled"), ("+", "estimate_change"),
        ("-", "completed"), ("-", "not_completed"),
    )
)  # fmt: skip

MEASURES: dict[str, tuple[Measure, ...]] = {
    "dim_sprint": (
        foreign_connections(),
        never(
            "unknown_states", "state not in ('future', 'active', 'closed')", "only the three states", examples="name"
        ),
        never(
            "measured_without_time",
            "is_measurable and (started_at is null or closed_at <= started_at)",
            "a sprint without a start, or closed before it, has no measures",
            examples="name",
        ),
    ),
    "fct_sprint_item": (
        never(
            "unknown_outcomes",
            "outcome not in ('completed', 'not_completed', 'removed', 'cancelled', 'completed_elsewhere')",
            "only the five outcomes",
            examples="item_key",
        ),
        never(
            "counted_out_of_scope",
            "not is_in_scope and outcome is not null and outcome <> 'completed_elsewhere'",
            "items out of scope enter no count but completed_elsewhere",
            examples="item_key",
        ),
        never(
            "scope_without_outcome",
            "is_in_scope and outcome is null",
            "every item in scope ends somewhere",
            examples="item_key",
        ),
    ),
    "fct_sprint_event": (
        never("without_instant", "event_at is null", "every event has an instant", examples="item_key"),
        never(
            "unknown_types",
            "event_type not in ('start', 'added', 'removed', 'estimate_changed', 'completed', 'cancelled', 'reopened',"
            " 'closed')",
            "only the known events",
            examples="event_type",
        ),
    ),
    "kpi_velocity": (
        foreign_connections(),
        never(
            "broken_identity_items",
            "committed_items + added_items - removed_items - cancelled_items"
            " <> completed_items + not_completed_items",
            "committed + added - removed - cancelled = completed + not completed",
            examples="sprint_name",
        ),
        never(
            "broken_identity_points",
            f"abs({_POINTS}) > 0.000001",
            "the same in points, with the changes of estimates",
            examples="sprint_name",
        ),
        never(
            "impossible_ratios",
            "say_do_ratio < 0 or say_do_items_ratio not between 0 and 1 or scope_change_ratio < 0",
            "shares are not negative, and nobody completes more committed items than there were",
            examples="sprint_name",
        ),
        never(
            "ratio_without_commitment",
            "say_do_ratio is not null and coalesce(committed_points, 0) = 0",
            "no share of nothing",
            examples="sprint_name",
        ),
    ),
    "kpi_burndown": (
        never(
            "negative_rest", "remaining_items < 0 or scope_items < 0 or completed_items < 0",
            "no sprint has less than nothing to do", examples="sprint_key || ' ' || day_date",
        ),
        Measure(
            "ends_elsewhere_than_velocity",
            "the burndown of a sprint ends where its velocity says",
            "(select count(*) from (select sprint_key, policy_id, remaining_items, completed_items, row_number() over"
            " (partition by sprint_key, policy_id order by day_date desc) as position from records) as burndown"
            " inner join marts.kpi_velocity as velocity using (sprint_key, policy_id) where position = 1"
            " and (burndown.remaining_items <> velocity.not_completed_items"
            " or burndown.completed_items <> velocity.completed_items))",
            0,
            0,
        ),
    ),
}  # fmt: skip
