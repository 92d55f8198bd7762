"""What holds in every warehouse, and what no time zone moves, as queries over the tables."""

from __future__ import annotations

# What holds in every company; each lists what breaks it.
BROKEN = {
    "intervals touch from the creation to now or to the deletion": """
        select * from (
            select stay.item_key, sequence, entered_at, left_at, is_current, item.created_at, known.deleted_at,
                row_number() over item_life as number, lead(entered_at) over item_life as next_at
            from core.fct_state_interval as stay
            inner join core.dim_work_item as item using (item_key)
            inner join intermediate.int_item as known using (item_key)
            window item_life as (partition by stay.item_key order by sequence)
        )
        where sequence <> number or (number = 1 and entered_at <> created_at) or is_current <> (left_at is null)
            or left_at is distinct from coalesce(next_at, deleted_at)""",
    "every item has intervals": """
        select item_key from core.dim_work_item anti join core.fct_state_interval using (item_key)""",
    # Occupancy is counted once more, from the stays and places that hold at the end of every fifth day.
    "entries less exits are the occupancy": """
        with summed as (
            select *, sum(entered - "left") over (
                partition by scope_type, scope_key, stage, policy_id order by day_date
            ) as running
            from marts.kpi_cfd
            where policy_id = 'first_done' and scope_type in ('team', 'project', 'item_type', 'connection')
        ),
        days as (
            select summed.*, least(
                connection.watermark_at + interval 1 microsecond,
                timezone('UTC', timezone(
                    coalesce(team.time_zone, connection.time_zone), cast(day_date + 1 as timestamp)
                ))
            ) as end_at
            from summed
            inner join core.dim_connection as connection using (connection_id)
            left join core.dim_team as team on scope_type = 'team' and team.team_key = scope_key
            where dayofyear(day_date) % 5 = 0 or day_date = (select max(day_date) from summed)
        ),
        spells as (
            select stay.stage, place.*, greatest(entered_at, valid_from) as from_at,
                least(coalesce(left_at, 'infinity'), coalesce(valid_to, 'infinity')) as until_at
            from core.fct_state_interval as stay
            inner join core.bridge_item_place as place using (item_key)
        )
        select scope_type, scope_key, day_date, days.stage, items, running, count(spells.item_key) as counted
        from days
        left join spells
            on spells.stage = days.stage and spells.connection_id = days.connection_id
            and from_at < end_at and until_at >= end_at
            and scope_key = case scope_type
                when 'team' then team_key when 'project' then project_key
                when 'item_type' then spells.connection_id || ':' || item_type else spells.connection_id end
        group by all having items <> running or items <> counted""",
    "every KPI has a value under every policy": """
        select kpi_id, policy_id from core.dim_kpi cross join (select distinct policy_id from core.dim_policy)
        anti join marts.kpi_scorecard using (kpi_id, policy_id)""",
    "every type of scope has a value": """
        select unnest([
            'item_type', 'team', 'project', 'portfolio', 'connection', 'all', 'product', 'release', 'survey'
        ])
        except select scope_type from marts.kpi_scorecard""",
}

# Totals that no time zone moves. Not of `fresh`, whose rules change at a day; of Azure DevOps no sprints, which begin
# and end at midnight.
TOTALS = {
    "flow": """
        select scope_type, scope_key, policy_id, period_type, sum(arrived_items), sum(started_items),
            sum(delivered_items), sum(cancelled_items), sum(skipped_start_count), sum(defect_items),
            sum(cycle_time_items), sum(delivered_points), round(sum(active_hours), 6),
            round(sum(waiting_hours), 6)
        from {db}.marts.kpi_flow where policy_id <> 'fresh' group by all""",
    "occupancy today": """
        select scope_type, scope_key, policy_id, stage, items from {db}.marts.kpi_cfd where policy_id <> 'fresh'
        qualify row_number() over (partition by scope_type, scope_key, policy_id, stage order by day_date desc) = 1""",
    "moves": """
        select scope_type, scope_key, policy_id, stage, sum(entered), sum("left")
        from {db}.marts.kpi_cfd where policy_id <> 'fresh' group by all""",
    "stays": "select * exclude (working_hours) from {db}.core.fct_state_interval",
    "items": """
        select * exclude (lead_time_days, cycle_time_days) from {db}.core.fct_item_flow where policy_id <> 'fresh'""",
    "teams": "select * from {db}.core.bridge_item_team",
    "places": "select * from {db}.core.bridge_item_place",
    "items of sprints": "select * from {db}.core.fct_sprint_item where connection_id = 'boards'",
    "sprints": """
        select sprint_key, policy_id, committed_items, committed_points, added_points, removed_points, cancelled_points,
            completed_items, completed_points, not_completed_points, completed_elsewhere_items, estimate_change_points,
            say_do_ratio, scope_change_ratio
        from {db}.marts.kpi_velocity where connection_id = 'boards'""",
    "ends of burndowns": """
        select sprint_key, policy_id, remaining_items, remaining_points, remaining_hours, completed_points, scope_points
        from {db}.marts.kpi_burndown where sprint_key like 'boards:%'
        qualify row_number() over (partition by sprint_key, policy_id order by day_date desc) = 1""",
    "answers": """
        select metric, scope_type, scope_key, period_type, sum(responses)
        from {db}.marts.kpi_satisfaction group by all""",
}
# Days that a time zone does move.
DAYS = "select item_key, cast(event_at as date), event_date from {db}.marts.kpi_evidence where sprint_key is null"
