"""Heavy tables of staging, Azure DevOps' history, items and work in progress, by hand (see by_hand.py)."""

from __future__ import annotations

REVISIONS = """
select connection_id, record_id, item_id, changed_by_id, area_id, iteration_id, assigned_to_id, project, item_type,
    state, reason, resolved_reason, title, area_path, iteration_path, tags, priority, severity, board_column, rev,
    points, original_estimate_hours, remaining_hours, completed_hours, is_blocked, is_item_deleted,
    timezone('UTC', changed_at) as changed_at, timezone('UTC', created_at) as created_at,
    timezone('UTC', updated_at) as updated_at, timezone('UTC', extracted_at) as extracted_at, payload_hash
from read_parquet({azure_devops/revisions}, union_by_name = true)
where not is_deleted
    and batch_id in (select batch_id from staging.stg_pmo__batches)
qualify row_number() over (partition by connection_id, record_id order by extracted_at desc) = 1
"""

ISSUE_CHANGES = """
select connection_id, issue_id, history_id, author_id, from_id, to_id, attribute, from_text, to_text, item_number,
    timezone('UTC', changed_at) as changed_at
from read_parquet({jira/issue_changes}, union_by_name = true)
where not is_deleted and attribute is not null
    and batch_id in (select batch_id from staging.stg_pmo__batches)
qualify row_number() over (partition by connection_id, record_id order by extracted_at desc) = 1
"""

AZURE_DEVOPS_HISTORY = """
with
    moments as (
        select item_key, r.connection_id, r.item_id, i.created_at, i.deleted_at, rev, changed_by_id,
            greatest(changed_at, i.created_at) as changed_from, state, coalesce(resolved_reason, reason) as resolution,
            r.project, r.item_type, coalesce(r.area_id, '') as area_id, coalesce(r.area_path, '') as area_path,
            iteration_id, iteration_path, r.points, r.remaining_hours, coalesce(is_blocked, false) as is_blocked,
            p.parent_id
        from staging.stg_azure_devops__revisions as r
        join intermediate.int_item as i on i.connection_id = r.connection_id and i.item_id = r.item_id
        left join intermediate.int_azure_devops__parent as p
            on p.connection_id = r.connection_id and p.item_id = r.item_id
            and greatest(changed_at, i.created_at) >= p.valid_from
            and (p.valid_to is null or greatest(changed_at, i.created_at) < p.valid_to)
    ),
    changed as (
        select *, row(state, resolution, project, item_type) as stage, row(project, area_id, area_path) as place,
            row_number() over life as number, stage is distinct from lag(stage) over life as is_stage_change,
            place is distinct from lag(place) over life as is_place_change
        from moments
        window life as (partition by item_key order by changed_from, rev)
        qualify is_stage_change or is_place_change
            or row(parent_id, iteration_id, iteration_path, points, remaining_hours, is_blocked) is distinct from
                lag(row(parent_id, iteration_id, iteration_path, points, remaining_hours, is_blocked)) over life
    )
select item_key, c.connection_id, item_id, row_number() over life as state_number,
    case when number = 1 then created_at else changed_from end as valid_from,
    coalesce(lead(changed_from) over life, deleted_at) as valid_to, rev as history_id, changed_by_id as author_id,
    state as status_id, resolution, coalesce(a.team_id || ':' || t.iteration_guid, '') as sprint_ids, points,
    remaining_hours, c.project as project_id, item_type as item_type_id, parent_id, c.area_id,
    c.area_path as recorded_path, is_blocked as is_flagged, is_stage_change, is_place_change
from changed as c
left join intermediate.int_azure_devops__area as a on a.connection_id = c.connection_id and a.project = c.project
    and a.area_id = c.area_id and a.recorded_path = c.area_path
left join staging.stg_azure_devops__iterations as n
    on n.connection_id = c.connection_id and n.iteration_id = c.iteration_id
left join staging.stg_azure_devops__team_iterations as t on t.connection_id = c.connection_id
    and t.team_id = a.team_id and t.iteration_path = coalesce(n.iteration_path, c.iteration_path)
where deleted_at is null or changed_from < deleted_at or number = 1
window life as (partition by item_key order by changed_from, rev)
"""

WORK_ITEM = """
select i.item_key, i.connection_id, i.tool, i.item_id, i.item_ref, i.title, i.item_type, t.type_group, p.project_key,
    s.team_key, i.connection_id || ':' || i.parent_id as parent_item_key, e.epic_item_key,
    coalesce(e.portfolio_key, d.portfolio_key) as portfolio_key, coalesce(m.status, i.status) as status,
    case when m.stage = 'done' and r.is_not_delivered then 'cancelled' else coalesce(m.stage, 'todo') end as stage,
    i.priority, coalesce(r.resolution, i.resolution) as resolution,
    md5(i.connection_id || ':' || i.assignee_id || 'bench') as assignee_key, i.labels, i.source_url, i.points,
    i.remaining_hours, i.deleted_at is not null as is_deleted, coalesce(i.is_subtask, t.is_subtask) as is_subtask,
    i.is_flagged, i.created_at, i.updated_at, i.deleted_at
from intermediate.int_item as i
left join (
    select item_key, arg_max(team_key, state_number) as team_key from intermediate.int_item_state group by item_key
) as s on s.item_key = i.item_key
left join intermediate.int_epic_portfolio as e on e.item_key = i.item_key
left join intermediate.int_item_type as t on t.connection_id = i.connection_id and t.item_type_id = i.item_type_id
left join intermediate.int_project as p on p.connection_id = i.connection_id and p.raw_project_id = i.project_id
left join core.dim_project as d on d.project_key = p.project_key
left join intermediate.int_status_stage as m on m.connection_id = i.connection_id and m.raw_project_id = i.project_id
    and m.item_type_id = i.item_type_id and m.status_id = i.status_id
left join intermediate.int_resolution as r on r.connection_id = i.connection_id
    and r.raw_resolution = coalesce(i.resolution_id, i.resolution)
"""

_STEPS = {"day": "1 day", "week": "7 day", "month": "1 month", "quarter": "3 month"}
_ZONES = {  # zone → the day on which a spell begins, and the scopes that take that zone's days
    "team": ("to_team_date", "team", "to_team_key", {"team": "to_team_key"}),
    "connection": (
        "connection_date", "connection", "spells.connection_id",
        {"item_type": "to_item_type_key", "project": "to_project_key", "portfolio": "to_portfolio_key",
         "program": "to_program_key", "connection": "connection_id"},
    ),
    "reporting": ("reporting_date", "all", "'all'", {"all": "'all'"}),
}  # fmt: skip


def _work_in_progress() -> str:
    ended, aged = [], []
    for zone, (entered, scope_type, scope_key, scopes) in _ZONES.items():
        for period, step in _STEPS.items():
            first = f"greatest({entered}, first_daily_date)" if period == "day" else entered
            # A portfolio of several connections goes on for as long as one of them does.
            last = "(select max(last_date) from intermediate.int_scope)" if zone == "connection" else "last_date"
            ended.append(f"""
                select '{zone}' as zone, '{period}' as period_type, spells.*, unnest(generate_series(
                    date_trunc('{period}', {first})::timestamp,
                    coalesce(date_trunc('{period}', timezone(time_zone, timezone('UTC', ended_at))::date)::timestamp
                        - interval {step}, date_trunc('{period}', {last})::timestamp), interval {step})) as started
                from spells join intermediate.int_scope as s
                    on s.scope_type = '{scope_type}' and s.scope_key = {scope_key}""")
        keys = list(scopes.values())
        kinds = " ".join(f"when grouping({key}) = 0 then '{name}'" for name, key in scopes.items() if key != "'all'")
        sets = ", ".join(
            f"(period_type, started, {key})" if key != "'all'" else "(period_type, started)" for key in keys
        )
        named = ", ".join(key for key in keys if key != "'all'")
        aged.append(f"""
            select {f"case {kinds} end" if kinds else "'all'"} as scope, {f"coalesce({named})" if named else "'all'"}
                as scope_key, period_type, started::date as period_start_date, count(*) as wip_items,
                quantile_cont(epoch_us(started_at), 0.15) as started_p15_us
            from ended where zone = '{zone}' group by grouping sets ({sets}) having scope_key is not null""")
    return f"""
with
    moves as (
        select *, min(moved_at) filter (where to_stage = 'in_progress') over (partition by item_key order by
            state_number rows between unbounded preceding and current row) as started_at
        from intermediate.int_stage_move
    ),
    spells as (
        select moves.connection_id, to_team_key, to_project_key, to_portfolio_key, to_program_key, to_item_type_key,
            to_team_date, connection_date, reporting_date, started_at,
            case when left_at <= watermark_at then left_at end as ended_at
        from moves join intermediate.int_connection using (connection_id)
        where to_stage in ('in_progress', 'waiting') and not to_is_subtask
            and to_type_group not in ('epic', 'sub-task')
    ),
    ended as ({" union all ".join(ended)})
{" union all ".join(aged)}
"""


WORK_IN_PROGRESS = _work_in_progress()
