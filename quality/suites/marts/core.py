"""Core: dimensions and facts that everything else is computed from."""

from __future__ import annotations

from quality.suite import Measure, never, warn_if

WORK_WAS_READ = "exists (select 1 from core.dim_connection where tool <> 'surveys' and watermark_at is not null)"


def rows_if_work_was_read(meaning: str) -> Measure:
    """At least one row once a connection with work items has been read."""
    return Measure("row_count", meaning, f"case when {WORK_WAS_READ} then count(*) else 1 end", minimum=1)


def foreign_connections() -> Measure:
    """Every row belongs to a configured connection."""
    return never(
        "foreign_connections",
        "connection_id is null or connection_id not in (select connection_id from core.dim_connection)",
        "every row belongs to a configured connection",
        examples="connection_id",
    )


MEASURES: dict[str, tuple[Measure, ...]] = {
    "dim_connection": (
        Measure("row_count", "there is a connection", "count(*)", minimum=1),
        Measure(
            "connections_with_data",
            "at least one connection was read to its end, now or before",
            "count(*) filter (where watermark_at is not null)",
            minimum=1,
        ),
        warn_if("never_read", "watermark_at is null", "every connection was read once", examples="connection_id"),
        warn_if("stale", "is_stale", "every connection is at the state of this run", examples="connection_id"),
        warn_if(
            "incomplete_coverage",
            "coverage_ratio < 1",
            "as many records are held as the source has",
            examples="connection_id || ' ' || round(100 * coverage_ratio, 2) || ' %'",
        ),
    ),
    "dim_date": (
        Measure("row_count", "there are days", "count(*)", minimum=1),
        Measure("missing_days", "no day is missing", "max(day_date) - min(day_date) + 1 - count(*)", 0, 0),
    ),
    "dim_policy": (
        Measure("row_count", "a policy is active", "count(*)", minimum=1),
        Measure(
            "default_policies",
            "the policy `default` exists",
            "count(*) filter (where policy_id = 'default')",
            minimum=1,
            is_blocking=False,
        ),
    ),
    "dim_team": (
        never("unnamed", "name is null", "every team has a name", examples="team_key"),
        foreign_connections(),
    ),
    "dim_work_item": (
        rows_if_work_was_read("a tool with work items has work items"),
        foreign_connections(),
        never("without_creation", "created_at is null", "every item was created", examples="item_ref"),
        never(
            "deletion_without_instant",
            "is_deleted is distinct from (deleted_at is not null)",
            "a deleted item has an instant of deletion, and no other",
            examples="item_ref",
        ),
        never(
            "unknown_stages",
            "stage is null or stage not in ('backlog', 'todo', 'in_progress', 'waiting', 'done', 'cancelled')",
            "every item is in a stage",
            examples="item_ref || ' ' || coalesce(status, '')",
        ),
        warn_if(
            "without_link", "source_url is null", "every item leads back to its tool", examples="item_ref"
        ),
    ),
    "bridge_item_team": (
        Measure(
            "overlapping_memberships",
            "an item has one team at a time",
            "(select count(*) from (select valid_to, lead(valid_from) over (partition by item_key order by valid_from)"
            " as next_from from records) where next_from is not null and (valid_to is null or valid_to > next_from))",
            0,
            0,
        ),
        never(
            "negative_memberships", "valid_to < valid_from", "a membership ends after it begins", examples="item_key"
        ),
    ),
    "fct_state_interval": (
        rows_if_work_was_read("a tool with work items has histories"),
        never("negative_hours", "hours < 0 or working_hours < 0", "no stay is negative", examples="item_key"),
        never(
            "longer_than_elapsed",
            "working_hours > hours + 0.001",
            "working hours are part of elapsed hours",
            examples="item_key",
        ),
        never("left_before_entered", "left_at < entered_at", "a stay ends after it begins", examples="item_key"),
        Measure(
            "items_with_two_present_states",
            "an item is in one status now",
            "(select count(*) from (select item_key from records where is_current group by item_key"
            " having count(*) > 1))",
            0,
            0,
        ),
    ),
    "fct_item_flow": (
        rows_if_work_was_read("every item has its flow"),
        never("negative_lead_times", "lead_time_hours < 0", "work is done after it was created", examples="item_key"),
        never("negative_cycle_times", "cycle_time_hours < 0", "work is done after it was started", examples="item_key"),
        never(
            "cycle_longer_than_lead",
            "cycle_time_hours > lead_time_hours + 0.001",
            "the cycle is part of the lead time",
            examples="item_key",
        ),
        never(
            "done_and_cancelled",
            # With `done_rule = first` an item that was cancelled after it was done is both.
            "done_at is not null and cancelled_at is not null and policy_id || ':' || policy_version in"
            " (select policy_id || ':' || policy_version from core.dim_policy where done_rule = 'last')",
            "where the last state counts, an item is done or cancelled, not both",
            examples="item_key",
        ),
        never(
            "impossible_efficiency",
            "flow_efficiency_ratio not between 0 and 1.000001",
            "a share lies between 0 and 1",
            examples="item_key",
        ),
        never("negative_counts", "reopen_count < 0 or backward_move_count < 0", "counts are not negative"),
    ),
}  # fmt: skip
