"""The rows of `records.py` as DuckDB SQL: per stream a query that gives `record_id` and the stream's own columns.

`$teams` and `$items` stand for numbers; queries over `items` run once for every slice of items, the others once.
"""

from __future__ import annotations

SPRINTS_OF_TEAM = 50

# Items i of this slice. A round is one item of each team; parents lie in earlier rounds of the same team.
ITEMS = f"""
select
    *,
    case when is_subtask then i - $teams when not is_epic then i // $teams // 50 * 50 * $teams + team end as parent,
    least(datediff('day', timestamptz '2021-04-05', created) // 21 + 1, {SPRINTS_OF_TEAM - 2})::bigint as sprint,
    (1 + hash(i, 6) % 8)::double as points
from (
    select
        i, i % $teams as team, i % $teams % 10 < 7 as is_jira, i // $teams % 50 = 0 as is_epic,
        i // $teams % 5 = 4 as is_subtask, i % 7 = 0 as is_bug,
        timestamptz '2021-04-05' + to_minutes((1.45e6 * (i / $items) + 14400 * chance(i, 1))::bigint) as created,
        (600 + 5000 * chance(i, 2) * chance(i, 13))::bigint as pace_minutes,
        case
            when chance(i, 3) < 0.083 then 'never' when chance(i, 3) < 0.117 then 'stuck'
            when chance(i, 3) < 0.157 then 'reopened' else 'done'
        end as fate,
        chance(i, 4) < 0.25 as is_carried, chance(i, 5) < 0.1 as is_flagged_once
    from range($from, $to) as numbers(i)
)
"""

_TEAMS = "(select unnest(range($teams)) as team)"
_SPRINTS = f"{_TEAMS}, (select unnest(range({SPRINTS_OF_TEAM})) as sprint)"
_STARTS = "timestamptz '2021-04-05 09:00' + to_days((sprint * 21)::integer)"
_FIRST_SPRINT = f"(team * {SPRINTS_OF_TEAM} + sprint)::varchar"
_NEXT_SPRINT = f"(team * {SPRINTS_OF_TEAM} + sprint + 1)::varchar"

JIRA = {
    "jira/statuses": """
        select id as record_id, id as status_id, name, category
        from (values ('1', 'To Do', 'new'), ('3', 'Doing', 'indeterminate'), ('4', 'Review', 'indeterminate'),
            ('5', 'Done', 'done')) as statuses(id, name, category)""",
    "jira/resolutions": "select '1' as record_id, '1' as resolution_id, 'Done' as name",
    "jira/issue_types": """
        select id as record_id, id as issue_type_id, name, id = '5' as is_subtask, level as hierarchy_level
        from (values ('1', 'Story', 0), ('2', 'Bug', 0), ('4', 'Epic', 1), ('5', 'Sub-task', -1)) as t(id, name, level)
        """,
    "jira/projects": f"""
        select distinct (team // 10)::varchar as record_id, record_id as project_id, 'P' || record_id as project_key,
            'Project ' || record_id as name
        from {_TEAMS}""",
    "jira/boards": f"""
        select team::varchar as record_id, record_id as board_id, 'Team ' || record_id as name, 'scrum' as board_type,
            (team // 10)::varchar as project_id
        from {_TEAMS} where team % 10 < 7""",
    "jira/users": """
        select 'u' || n as record_id, record_id as user_id, 'Person ' || n as display_name, true as is_active
        from range(greatest($items // 200, 10)) as people(n)""",
    "jira/sprints": f"""
        select {_FIRST_SPRINT} as record_id, record_id as sprint_id, team::varchar as board_id,
            'Team ' || team || ' sprint ' || sprint as name,
            case when sprint < {SPRINTS_OF_TEAM - 1} then 'closed' else 'future' end as state, {_STARTS} as start_at,
            start_at + interval 18 day as end_at,
            case when state = 'closed' then start_at + interval 20 day end as complete_at
        from {_SPRINTS} where team % 10 < 7""",
    "jira/board_items": """
        select team || ':' || i as record_id, team::varchar as board_id, i::varchar as issue_id
        from items where is_jira""",
    "jira/issues": f"""
        select
            i::varchar as record_id, record_id as issue_id, 'P' || team // 10 || '-' || i as issue_key,
            (team // 10)::varchar as project_id, 'P' || team // 10 as project_key,
            case when is_epic then '4' when is_subtask then '5' when is_bug then '2' else '1' end as issue_type_id,
            case issue_type_id when '4' then 'Epic' when '5' then 'Sub-task' when '2' then 'Bug' else 'Story' end
                as issue_type,
            is_subtask, case fate when 'never' then '1' when 'stuck' then '4' else '5' end as status_id,
            case fate when 'never' then 'To Do' when 'stuck' then 'Review' else 'Done' end as status,
            case fate when 'never' then 'new' when 'stuck' then 'indeterminate' else 'done' end as status_category,
            case when status_id = '5' then '1' end as resolution_id,
            case when status_id = '5' then 'Done' end as resolution, 'High' as priority,
            'What work item number ' || i || ' is about' as summary, created as created_at,
            created + to_minutes(12 * pace_minutes) as updated_at, 'u' || hash(i, 8) % 5000 as assignee_id,
            parent::varchar as parent_id, points, case when fate = 'reopened' then 7200 else 3600 end
                as remaining_estimate_seconds, false as is_flagged,
            case when is_subtask then [] when is_carried then [{_FIRST_SPRINT}, {_NEXT_SPRINT}] else [{_FIRST_SPRINT}]
            end as sprint_ids, ['backend', 'customer'] as labels, 11 as change_count, 11 as landed_change_count
        from items where is_jira""",
    "jira/issue_changes": f"""
        select
            * exclude (i, step, fate, team, sprint) replace (
                case attribute
                    when 'sprint' then case when step = 0 then '' else {_FIRST_SPRINT} end
                    when 'status' then case when step = 3 then '1' when step = 9 then '5'
                        when step = 10 and fate = 'done' then '4' else '3' end
                    when 'remaining' then case when step = 7 then '14400' else '7200' end
                    when 'flagged' then case when step = 5 then '1' end
                    when 'assignee' then 'u' || hash(i, 9) % 5000
                end as from_id,
                case attribute
                    when 'sprint' then {_FIRST_SPRINT} || case when step = 6 then ', ' || {_NEXT_SPRINT} else '' end
                    when 'status' then case when step in (3, 9) then '3' when step = 8 and fate <> 'reopened' then '4'
                        else '5' end
                    when 'remaining' then case when step = 7 then '7200' else '3600' end
                    when 'flagged' then case when step = 4 then '1' end
                    when 'assignee' then 'u' || hash(i, 8) % 5000
                    when 'resolution' then '1'
                end as to_id
            ),
            case when attribute = 'status' then {{'1': 'To Do', '3': 'Doing', '4': 'Review', '5': 'Done'}}[from_id]
                when attribute = 'flagged' and step = 5 then 'Impediment' end as from_text,
            case when attribute = 'status' then {{'1': 'To Do', '3': 'Doing', '4': 'Review', '5': 'Done'}}[to_id]
                when attribute = 'flagged' and step = 4 then 'Impediment' when attribute = 'points' then points::varchar
                when attribute = 'resolution' then 'Done' end as to_text
        from (
            select
                i, step, fate, team, sprint, points, i::varchar as issue_id,
                -- The resolution is set in the history that closes the item.
                i * 12 + case when step = 11 and fate in ('done', 'reopened') then 10 else step end as history_id,
                case when step = 11 and fate in ('done', 'reopened') then 1 else 0 end as item_number,
                issue_id || ':' || history_id || ':' || item_number as record_id,
                created + to_minutes(
                    ((history_id - i * 12) * pace_minutes + hash(i, history_id) % pace_minutes)::bigint
                ) as changed_at,
                'u' || hash(i, step) % 5000 as author_id,
                case
                    when step in (0, 6) and not is_subtask and (step = 0 or is_carried) then 'sprint'
                    when step = 1 then 'points'
                    when step = 2 then 'assignee'
                    when step in (3, 8) and fate <> 'never' then 'status'
                    when step in (4, 5) and is_flagged_once then 'flagged'
                    when step = 9 and fate = 'reopened' then 'status'
                    when step in (7, 9) then 'remaining'
                    when step = 10 and fate in ('done', 'reopened') then 'status'
                    when step = 11 and fate in ('done', 'reopened') then 'resolution'
                end as attribute,
                coalesce(attribute, 'description') as field, field as field_id, null as from_id, null as to_id
            from items, range(12) as steps(step)
            where is_jira
        )""",
}

_PROJECT = "'Area ' || team // 10"
_GUID = f"md5({_PROJECT} || '|' || sprint)"

AZURE_DEVOPS = {
    "azure_devops/projects": f"""
        select distinct md5({_PROJECT}) as record_id, record_id as project_id, {_PROJECT} as name
        from {_TEAMS} where team % 10 >= 7""",
    "azure_devops/states": f"""
        select distinct {_PROJECT} || ':' || item_type || ':' || state as record_id, {_PROJECT} as project, item_type,
            state, category
        from {_TEAMS}, (select unnest(['Feature', 'User Story', 'Bug', 'Task']) as item_type),
            (values ('New', 'Proposed'), ('Active', 'InProgress'), ('Resolved', 'Resolved'), ('Closed', 'Completed'))
                as states(state, category)
        where team % 10 >= 7""",
    "azure_devops/teams": f"""
        select team::varchar as record_id, record_id as team_id, 'Crew ' || team as name, md5({_PROJECT}) as project_id,
            {_PROJECT} as project
        from {_TEAMS} where team % 10 >= 7""",
    "azure_devops/areas": f"""
        select 'a' || team as record_id, record_id as area_id, record_id as area_guid, {_PROJECT} as project,
            {_PROJECT} || chr(92) || 'Crew ' || team as area_path, 'Crew ' || team as name
        from {_TEAMS} where team % 10 >= 7""",
    "azure_devops/team_areas": f"""
        select team::varchar as team_id, {_PROJECT} || chr(92) || 'Crew ' || team as area_path,
            team_id || ':' || area_path as record_id, true as includes_children, true as is_default
        from {_TEAMS} where team % 10 >= 7""",
    "azure_devops/iterations": f"""
        select distinct {_GUID} as record_id, record_id as iteration_guid, record_id as iteration_id,
            {_PROJECT} as project, {_PROJECT} || chr(92) || 'Sprint ' || sprint as iteration_path,
            'Sprint ' || sprint as name, ({_STARTS})::date as start_date, start_date + 18 as finish_date
        from {_SPRINTS} where team % 10 >= 7""",
    "azure_devops/team_iterations": f"""
        select team || ':' || {_GUID} as record_id, team::varchar as team_id, {_GUID} as iteration_guid,
            {_PROJECT} || chr(92) || 'Sprint ' || sprint as iteration_path, 'Sprint ' || sprint as name,
            ({_STARTS})::date as start_date, start_date + 18 as finish_date
        from {_SPRINTS} where team % 10 >= 7""",
    "azure_devops/users": "select 'u0' as record_id, 'u0' as user_id, 'Person 0' as display_name, true as is_active",
    "azure_devops/links": """
        select
            i || ':' || parent as record_id, i::varchar as source_id, parent::varchar as target_id,
            'System.LinkTypes.Hierarchy-Reverse' as link_type, created as changed_at, true as is_active
        from items where not is_jira and parent is not null""",
    "azure_devops/revisions": f"""
        select
            i || ':' || rev as record_id, i::varchar as item_id, rev, 'u' || hash(i, rev) % 5000 as changed_by_id,
            created + case when rev = 1 then interval 0 minute
                else to_minutes((rev * pace_minutes + hash(i, rev) % pace_minutes)::bigint) end as changed_at,
            created as created_at, {_PROJECT} as project,
            case when is_epic then 'Feature' when is_subtask then 'Task' when is_bug then 'Bug' else 'User Story' end
                as item_type,
            case
                when rev < 4 or fate = 'never' then 'New'
                when fate = 'stuck' then 'Active'
                when fate = 'reopened' then case when rev in (8, 9) or rev > 10 then 'Closed' else 'Active' end
                when rev > 10 then 'Closed' when rev > 8 then 'Resolved' else 'Active'
            end as state,
            'Moved to state ' || state as reason, 'What work item number ' || i || ' is about' as title,
            'a' || team as area_id, {_PROJECT} || chr(92) || 'Crew ' || team as area_path,
            case when rev > 1 then md5({_PROJECT} || '|' || (sprint + (is_carried and rev > 6)::integer)) end
                as iteration_id,
            {_PROJECT} || case when rev > 1 then chr(92) || 'Sprint ' || sprint + (is_carried and rev > 6)::integer
                else '' end as iteration_path,
            case when rev > 1 then points end as points,
            case when rev < 8 then 4.0 when rev < 10 then 2.0 else 1.0 end as remaining_hours,
            is_flagged_once and rev = 5 as is_blocked, ['backend', 'customer'] as tags, '2' as priority,
            'u' || hash(i, 8) % 5000 as assigned_to_id, 'Doing' as board_column, false as is_item_deleted
        from items, range(1, 13) as revisions(rev)
        where not is_jira""",
}

SURVEYS = {
    "surveys/responses": """
        select
            'r' || n as record_id, 'Relationship' as survey, record_id as response_id, 'recommend' as question,
            'nps' as metric, floor(11 * sqrt(chance(n, 11)))::double as score, 0.0 as scale_min, 10.0 as scale_max,
            timestamptz '2021-04-05' + to_minutes((1.5e6 * chance(n, 12))::bigint) as submitted_at,
            md5('p' || n % 5000) as respondent_key, 'team' as scope_type, 'Team ' || n % $teams as scope_name,
            false as has_comment
        from range(greatest($items // 50, 100)) as answers(n)""",
}
