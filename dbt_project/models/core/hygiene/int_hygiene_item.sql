{{ config(materialized="ephemeral", access="private", meta={"published": false}, contract={"enforced": false}) }}

-- One row per item and rule of data hygiene that it breaks today.
with
    connections as (select * from {{ ref("int_connection") }}),
    items as (select * from {{ ref("dim_work_item") }} where not is_deleted),
    states as (select * from {{ ref("int_item_state") }}),
    stays as (select * from {{ ref("fct_state_interval") }}),
    trust as (select * from {{ ref("fct_item_trust") }} where not is_complete),
    sprints as (select * from {{ ref("dim_sprint") }}),
    flows as (
        select *
        from {{ ref("fct_item_flow") }}
        where
            policy_id = (
                select coalesce(min(policy_id) filter (where policy_id = 'default'), min(policy_id))
                from {{ ref("dim_policy") }}
            )
    ),

    -- Epics and sub-tasks are planned and finished with what is above or below them.
    plain_items as (select * from items where type_group not in ('epic', 'sub-task') and not is_subtask),
    current_stays as (select * from stays where is_current),

    never_started as (
        select item_key, min(sequence) filter (where stage = 'done') as done_sequence
        from stays
        group by item_key
        having bool_or(is_current and stage = 'done') and not bool_or(stage = 'in_progress')
    ),
    done_without_start as (
        select
            'done_without_start' as rule_id,
            plain_items.item_key,
            case
                when previous.status is null
                then 'Created as "' || finished.status || '".'
                else 'Went from "' || previous.status || '" to "' || finished.status || '" without being in progress.'
            end as finding,
            finished.entered_at as since_at
        from plain_items
        inner join never_started on plain_items.item_key = never_started.item_key
        inner join
            stays as finished
            on never_started.item_key = finished.item_key
            and never_started.done_sequence = finished.sequence
        left join
            stays as previous on finished.item_key = previous.item_key and finished.sequence = previous.sequence + 1
    ),

    -- What changed between two states that are both done.
    done_states as (select * from states where stage = 'done'),
    done_changes as (
        select
            later.item_key,
            later.valid_from,
            later.state_number,
            earlier.points as old_points,
            later.points as new_points,
            (later.points is distinct from earlier.points) as is_estimate,
            (later.own_sprint_keys is distinct from earlier.own_sprint_keys) as is_sprint,
            (later.project_key is distinct from earlier.project_key) as is_project,
            (later.item_type is distinct from earlier.item_type) as is_type,
            (later.parent_item_key is distinct from earlier.parent_item_key) as is_parent
        from done_states as later
        inner join
            done_states as earlier
            on later.item_key = earlier.item_key
            and later.state_number = earlier.state_number + 1
    ),
    estimate_changed as (
        select
            'estimate_changed_after_done' as rule_id,
            item_key,
            'Estimate changed from '
            || coalesce({{ plain_number(first_or_null_by("old_points", "state_number")) }}, 'none')
            || ' to '
            || coalesce({{ plain_number(last_or_null_by("new_points", "state_number")) }}, 'none')
            || ' while done.' as finding,
            max(valid_from) as since_at
        from done_changes
        where is_estimate
        group by item_key
    ),
    changed_after_done as (
        select
            'changed_after_done' as rule_id,
            item_key,
            'Changed while done: ' || concat_ws(
                ', ',
                case when bool_or(is_sprint) then 'sprint' end,
                case when bool_or(is_project) then 'project' end,
                case when bool_or(is_type) then 'type' end,
                case when bool_or(is_parent) then 'parent' end
            )
            || '.' as finding,
            max(valid_from) as since_at
        from done_changes
        where is_sprint or is_project or is_type or is_parent
        group by item_key
    ),

    parents_done as (
        select
            'parent_done_children_open' as rule_id,
            parents.item_key,
            count(*)
            || case when count(*) = 1 then ' child is open: ' else ' children are open: ' end
            || {{ list_text(list_head(list_sorted(list_of("children.item_ref")), 5), "', '") }}
            || case when count(*) > 5 then ' …' else '' end as finding,
            any_value(current_stays.entered_at) as since_at
        from items as parents
        inner join items as children on parents.item_key = children.parent_item_key
        inner join current_stays on parents.item_key = current_stays.item_key
        where parents.stage in ('done', 'cancelled') and children.stage not in ('done', 'cancelled')
        group by parents.item_key
    ),

    current_sprints as (
        select states.item_key, states.valid_from, {{ each_of("states.own_sprint_keys") }} as sprint_key
        from states
        where states.valid_to is null and {{ list_size("states.own_sprint_keys") }} > 0
    ),
    planned as (
        select
            current_sprints.item_key,
            count(*) filter (where sprints.state in ('active', 'future')) as open_sprints,
            count(*) filter (where sprints.state = 'active') as active_sprints,
            string_agg(sprints.name, ', ' order by sprints.sprint_key) filter (
                where sprints.state in ('active', 'future')
            ) as open_names,
            {{ last_by("sprints.name", "(sprints.closed_at, sprints.sprint_key)") }} as last_name,
            max(sprints.closed_at) as last_closed_at,
            max(current_sprints.valid_from) as planned_at
        from current_sprints
        inner join sprints on current_sprints.sprint_key = sprints.sprint_key
        group by current_sprints.item_key
    ),
    two_open_sprints as (
        select
            'two_open_sprints' as rule_id,
            items.item_key,
            'In ' || planned.open_sprints || ' open sprints: ' || planned.open_names || '.' as finding,
            planned.planned_at as since_at
        from items
        inner join planned on items.item_key = planned.item_key
        where planned.open_sprints > 1 and items.stage not in ('done', 'cancelled')
    ),
    left_behind as (
        select
            'left_in_closed_sprint' as rule_id,
            plain_items.item_key,
            'Open since the close of "' || planned.last_name || '".' as finding,
            planned.last_closed_at as since_at
        from plain_items
        inner join planned on plain_items.item_key = planned.item_key
        where planned.open_sprints = 0 and plain_items.stage not in ('done', 'cancelled')
    ),

    estimating as (
        select team_key, type_group from plain_items group by team_key, type_group having count(points) * 2 >= count(*)
    ),
    no_estimate as (
        select
            'no_estimate' as rule_id,
            plain_items.item_key,
            case
                when planned.active_sprints > 0
                then 'In the active sprint without an estimate.'
                else 'In progress without an estimate.'
            end as finding,
            current_stays.entered_at as since_at
        from plain_items
        inner join
            estimating
            on plain_items.team_key is not distinct from estimating.team_key
            and plain_items.type_group = estimating.type_group
        inner join current_stays on plain_items.item_key = current_stays.item_key
        left join planned on plain_items.item_key = planned.item_key
        where
            plain_items.points is null
            and (
                plain_items.stage in ('in_progress', 'waiting')
                or (plain_items.stage not in ('done', 'cancelled') and planned.active_sprints > 0)
            )
    ),

    usual_times as (
        select team_key, greatest({{ percentile("cycle_time_hours", 0.85) }}, 5 * 24) as usual_hours
        from flows
        where is_in_flow and cycle_time_hours is not null
        group by team_key
        having count(*) >= 10
    ),
    stale as (
        select
            'stale_in_progress' as rule_id,
            plain_items.item_key,
            'In "'
            || plain_items.status
            || '", unchanged for '
            || cast(floor({{ hours_between("plain_items.updated_at", "connections.watermark_at") }} / 24) as bigint)
            || ' days; 85 % of the team''s items take at most '
            || {{ plain_number("round(usual_times.usual_hours / 24, 1)") }}
            || ' from start to end.' as finding,
            plain_items.updated_at as since_at
        from plain_items
        inner join connections on plain_items.connection_id = connections.connection_id
        inner join usual_times on plain_items.team_key = usual_times.team_key
        where
            plain_items.stage in ('in_progress', 'waiting')
            and {{ hours_between("plain_items.updated_at", "connections.watermark_at") }} > usual_times.usual_hours
    ),
    unassigned as (
        select
            'in_progress_unassigned' as rule_id,
            items.item_key,
            'In "' || items.status || '" and assigned to nobody.' as finding,
            current_stays.entered_at as since_at
        from items
        inner join current_stays on items.item_key = current_stays.item_key
        where items.stage = 'in_progress' and items.assignee_key is null and items.type_group <> 'epic'
    ),
    incomplete as (
        select 'history_incomplete' as rule_id, item_key, reasons as finding, cast(null as timestamp) as since_at
        from trust
    )

{% for name in [
        "done_without_start",
        "estimate_changed",
        "changed_after_done",
        "parents_done",
        "two_open_sprints",
        "left_behind",
        "no_estimate",
        "stale",
        "unassigned",
        "incomplete",
    ] -%}
    select *
    from {{ name }}
    {% if not loop.last %}
        union all
    {% endif %}
{% endfor %}
