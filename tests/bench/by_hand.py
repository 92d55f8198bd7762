"""The heaviest tables once more, as somebody would write them by hand for these data: DuckDB SQL, one query a table.

They read what the models read and give the same rows, of which the columns named last are compared. They know what
the models may not: no mapping that a seed could change is looked up twice, no second tool is in the way.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.bench.by_hand_sql import AZURE_DEVOPS_HISTORY, ISSUE_CHANGES, REVISIONS, WORK_IN_PROGRESS, WORK_ITEM


@dataclass(frozen=True)
class Query:
    """A table by hand. `keys`: the columns that identify a row and must be the same in both.

    `{tool/stream}` stands for the list of a stream's landed files.
    """

    sql: str
    keys: str


_VALUES = {
    "status": ("coalesce(from_id, from_text)", "coalesce(to_id, to_text)", "items.status_id"),
    "resolution": ("coalesce(from_id, from_text, '')", "coalesce(to_id, to_text, '')", "items.resolution_id"),
    "sprint": ("coalesce(from_id, '')", "coalesce(to_id, '')", "items.sprint_ids"),
    "points": ("coalesce(from_text, from_id, '')", "coalesce(to_text, to_id, '')", "items.points::varchar"),
    "remaining": (
        "coalesce(from_id, from_text, '')", "coalesce(to_id, to_text, '')", "(items.remaining_hours * 3600)::varchar",
    ),
    "project": ("from_id", "to_id", "items.project_id"),
    "item_type": ("from_id", "to_id", "items.item_type_id"),
    "parent": ("coalesce(from_id, '')", "coalesce(to_id, '')", "items.parent_id"),
    "epic": ("coalesce(from_id, '')", "coalesce(to_id, '')", "null"),
    "flagged": (
        "coalesce(from_text, from_id, '')", "coalesce(to_text, to_id, '')", "case when items.is_flagged then 'yes' end",
    ),
}  # fmt: skip
_AFTER = ", ".join(
    f"arg_max({to_value}, item_number) filter (attribute = '{name}') as {name}"
    for name, (_, to_value, _) in _VALUES.items()
)
_BEFORE = ", ".join(
    f"arg_min({from_value}, (changed_at, history_id, item_number)) filter (attribute = '{name}') as {name}"
    for name, (from_value, _, _) in _VALUES.items()
)
_AT_CREATION = ", ".join(f"coalesce(befores.{name}, {today}, '') as {name}" for name, (_, _, today) in _VALUES.items())
_FILLED = ", ".join(f"last_value({name} ignore nulls) over life as {name}" for name in _VALUES)

JIRA_HISTORY = f"""
with
    changes as (
        select connection_id || ':' || issue_id as item_key, *
        from staging.stg_jira__issue_changes
        where attribute in ({", ".join(f"'{name}'" for name in _VALUES)})
    ),
    items as (select * from intermediate.int_item where tool = 'jira'),
    befores as (select item_key, {_BEFORE} from changes group by item_key),
    events as (
        select items.item_key, created_at as valid_from, null as history_id, null as author_id, {_AT_CREATION}
        from items left join befores on items.item_key = befores.item_key
        union all
        select item_key, min(changed_at), history_id, min(author_id), {_AFTER}
        from changes group by item_key, history_id
    )
select
    item_key, row_number() over life as state_number, valid_from, lead(valid_from) over life as valid_to, history_id,
    author_id, {_FILLED}
from events
window life as (partition by item_key order by valid_from, history_id nulls first
    rows between unbounded preceding and current row)
"""

ITEM_EVENT = """
with
    states as (
        select item_key, state_number, valid_from, sprint_keys, points, remaining_hours, is_subtask, person_key,
            raw_record_key, case when stage in ('done', 'cancelled') then stage else 'open' end as work_state
        from intermediate.int_item_state
        where item_key in (select item_key from intermediate.int_item_state where len(sprint_keys) > 0)
    ),
    changes as (
        select *, lag(row(work_state, sprint_keys, points, remaining_hours, is_subtask)) over life as previous
        from states
        window life as (partition by item_key order by state_number)
        qualify previous is distinct from row(work_state, sprint_keys, points, remaining_hours, is_subtask)
    )
select item_key, state_number as event_number, valid_from as event_at, lead(valid_from) over life as ended_at,
    sprint_keys, work_state, points, remaining_hours, is_subtask, previous, person_key, raw_record_key,
    last_value(case when work_state = 'done' and previous[1] is distinct from 'done'
        then {'entered_at': valid_from, 'sprint_keys': list_intersect(sprint_keys, previous[2])} end ignore nulls)
        over (partition by item_key order by state_number rows between unbounded preceding and current row)
        as done_entry
from changes
window life as (partition by item_key order by state_number)
"""

STATE_INTERVAL = """
with
    entries as (
        select *, lag(row(status_id, stage)) over life as previous
        from intermediate.int_item_state
        window life as (partition by item_key order by state_number)
        qualify previous is distinct from row(status_id, stage)
    ),
    stays as (
        select entries.*, row_number() over life as sequence, lead(entries.state_number) over life as next_number,
            lead(entries.valid_from) over life as left_at
        from entries
        window life as (partition by item_key order by state_number)
    ),
    timed as (
        select stays.*, coalesce(left_at, items.deleted_at, greatest(watermark_at, items.updated_at)) as until_at
        from stays join intermediate.int_item as items using (item_key)
        join intermediate.int_connection as connections on stays.connection_id = connections.connection_id
    ),
    flagged as (
        select timed.item_key, timed.sequence,
            sum(epoch_us(coalesce(states.valid_to, until_at)) - epoch_us(states.valid_from)) / 3.6e9 as blocked_hours
        from intermediate.int_item_state as states
        join timed on states.item_key = timed.item_key and states.state_number >= timed.state_number
            and (next_number is null or states.state_number < next_number)
        where states.is_flagged
        group by all
    )
select timed.*, coalesce(blocked_hours, 0) as blocked_hours,
    (epoch_us(until_at) - epoch_us(valid_from)) / 3.6e9 as hours, {working_to} - {working_from} as working_hours
from timed
left join flagged using (item_key, sequence)
left join core.dim_team as teams on timed.team_key = teams.team_key
left join intermediate.int_working_time as first_day on first_day.calendar_id = teams.calendar_id
    and first_day.time_zone = teams.time_zone and first_day.day_date = valid_from::date
left join intermediate.int_working_time as last_day on last_day.calendar_id = teams.calendar_id
    and last_day.time_zone = teams.time_zone and last_day.day_date = until_at::date
""".replace("{working_to}", "last_day.hours_before + {last}").replace(
    "{working_from}", "first_day.hours_before - {first}"
)
for _name, _instant in (("last", "until_at"), ("first", "valid_from")):
    STATE_INTERVAL = STATE_INTERVAL.replace(
        f"{{{_name}}}",
        f"coalesce(list_sum([greatest(least(epoch_us({_instant}), s.to_us) - s.from_us, 0)"
        f" for s in {_name}_day.stretches]), 0) / 3.6e9",
    )

ITEM_STATE = """
with
    jira as (
        select item_key, connection_id, item_id, state_number, valid_from, valid_to, history_id, author_id, status_id,
            resolution_id as raw_resolution, sprint_ids as own_sprint_ids, sprint_ids, points, remaining_hours,
            project_id, item_type_id, coalesce(parent_id, epic_id) as parent_id, is_flagged, '' as area_id,
            '' as recorded_path
        from intermediate.int_jira__item_history
        where item_key not in (select item_key from intermediate.int_jira__subtask_history)
        union all
        select item_key, connection_id, item_id, state_number, valid_from, valid_to, history_id, author_id, status_id,
            resolution_id, sprint_ids, effective_sprint_ids, points, remaining_hours, project_id,
            item_type_id, coalesce(parent_id, epic_id), is_flagged, '', ''
        from intermediate.int_jira__subtask_history
    ),
    states as (
        select jira.*, coalesce(boards.board_id, held.board_id, '') as board_id
        from jira
        left join intermediate.int_jira__item_board as boards
            on jira.item_key = boards.item_key and jira.state_number >= boards.from_state_number
            and (boards.to_state_number is null or jira.state_number < boards.to_state_number)
        left join (select connection_id, issue_id, min_by(board_id, board_id::bigint) as board_id
            from staging.stg_jira__board_items group by all) as held
            on jira.connection_id = held.connection_id and jira.item_id = held.issue_id
        union all
        select item_key, connection_id, item_id, state_number, valid_from, valid_to, history_id, author_id, status_id,
            resolution, sprint_ids, sprint_ids, points, remaining_hours, project_id, item_type_id, parent_id,
            is_flagged, area_id, recorded_path, ''
        from intermediate.int_azure_devops__item_history
    )
select
    states.* exclude (own_sprint_ids, sprint_ids),
    md5(states.connection_id || ':' || author_id || 'bench') as person_key,
    case when stages.stage = 'done' and resolutions.is_not_delivered then 'cancelled' else stages.stage end as stage,
    stages.status, resolutions.resolution, types.item_type, types.type_group, types.is_subtask, teams.team_key,
    teams.project_key,
    [states.connection_id || ':' || id for id in string_split(own_sprint_ids, ',') if id <> ''] as own_sprint_keys,
    [states.connection_id || ':' || id for id in string_split(sprint_ids, ',') if id <> ''] as sprint_keys
from states
left join intermediate.int_status_stage as stages on stages.connection_id = states.connection_id
    and stages.raw_project_id = states.project_id and stages.item_type_id = states.item_type_id
    and stages.status_id = states.status_id
left join intermediate.int_resolution as resolutions
    on resolutions.connection_id = states.connection_id and resolutions.raw_resolution = states.raw_resolution
left join intermediate.int_item_type as types
    on types.connection_id = states.connection_id and types.item_type_id = states.item_type_id
left join intermediate.int_team_choice as teams on teams.connection_id = states.connection_id
    and teams.raw_project_id = states.project_id and teams.board_id = states.board_id
    and teams.area_id = states.area_id and teams.recorded_path = states.recorded_path
"""

STAGE_MOVE = """
with
    changes as (
        select item_key, connection_id, state_number, valid_from as moved_at, stage as to_stage,
            place_number as to_place,
            lag(stage) over life as from_stage, lag(place_number) over life as from_place,
            lead(valid_from) over life as left_at
        from intermediate.int_item_state
        where has_stage_field_change or has_team_field_change
        window life as (partition by item_key order by state_number)
    )
select changes.*, timezone(c.time_zone, timezone('UTC', moved_at))::date as connection_date,
    timezone('UTC', timezone('UTC', moved_at))::date as reporting_date,
    timezone(f.team_time_zone, timezone('UTC', moved_at))::date as from_team_date,
    timezone(t.team_time_zone, timezone('UTC', moved_at))::date as to_team_date,
    f.* exclude (place_number, connection_id), t.* exclude (place_number, connection_id)
from changes
join intermediate.int_connection as c using (connection_id)
left join intermediate.int_place as f on f.place_number = from_place
left join intermediate.int_place as t on t.place_number = to_place
where moved_at <= c.watermark_at
"""

FLOW_EVENT = """
select f.policy_id, i.item_key, i.sequence, i.connection_id, i.team_key, i.project_key, n.top_key as portfolio_key,
    n.program_key, md5(i.connection_id || ':' || i.item_type) as item_type_key, i.type_group,
    i.points_at_entry as points,
    f.lead_time_hours, f.cycle_time_hours, f.active_hours, f.waiting_hours, f.has_skipped_start, i.is_subtask,
    i.sequence = 1 as is_arrival, coalesce(i.sequence = f.start_sequence, false) as is_start,
    coalesce(i.sequence = f.done_sequence, false) as is_delivery,
    coalesce(i.sequence = f.cancelled_sequence, false) as is_cancellation,
    coalesce(i.previous_stage = 'done' and i.stage not in ('done', 'cancelled'), false) as is_reopening,
    i.entered_at as event_at, timezone(t.time_zone, timezone('UTC', i.entered_at))::date as team_date,
    timezone(c.time_zone, timezone('UTC', i.entered_at))::date as connection_date,
    timezone('UTC', timezone('UTC', i.entered_at))::date as reporting_date
from core.fct_state_interval as i
join core.fct_item_flow as f on f.item_key = i.item_key
join intermediate.int_connection as c on c.connection_id = i.connection_id
left join core.dim_team as t on t.team_key = i.team_key
left join core.dim_project as p on p.project_key = i.project_key
left join intermediate.int_epic_portfolio as e on e.item_key = i.item_key
left join intermediate.int_portfolio_node as n on n.portfolio_key = coalesce(e.portfolio_key, p.portfolio_key)
where i.entered_at <= c.watermark_at
    and (i.sequence in (1, f.start_sequence, f.done_sequence, f.cancelled_sequence) or i.previous_stage = 'done')
"""

BY_HAND = {
    "stg_azure_devops__revisions": Query(REVISIONS, "connection_id, record_id, changed_at"),
    "stg_jira__issue_changes": Query(ISSUE_CHANGES, "connection_id, issue_id, history_id, item_number, changed_at"),
    "int_azure_devops__item_history": Query(
        AZURE_DEVOPS_HISTORY, "item_key, state_number, valid_from, valid_to, status_id, sprint_ids, parent_id"
    ),
    "int_jira__item_history": Query(JIRA_HISTORY, "item_key, state_number, valid_from, history_id"),
    "int_item_event": Query(ITEM_EVENT, "item_key, event_number, event_at, work_state"),
    "fct_state_interval": Query(STATE_INTERVAL, "item_key, sequence, stage, left_at"),
    "int_item_state": Query(ITEM_STATE, "item_key, state_number, stage, team_key, sprint_keys"),
    "int_stage_move": Query(STAGE_MOVE, "item_key, state_number, from_stage, to_stage, moved_at"),
    "int_flow_event": Query(
        FLOW_EVENT,
        "policy_id, item_key, sequence, portfolio_key, program_key, is_arrival, is_start, is_delivery, "
        "is_cancellation, is_reopening, team_date, connection_date, reporting_date",
    ),
    "int_wip_period": Query(WORK_IN_PROGRESS, "scope_key, period_type, period_start_date, wip_items, started_p15_us"),
    "dim_work_item": Query(WORK_ITEM, "item_key, team_key, stage, project_key"),
}
