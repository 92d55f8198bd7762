with
    settings as (select * from {{ ref("int_setting") }}),
    jira_histories as (select * from {{ ref("int_jira__item_history") }}),
    subtask_histories as (select * from {{ ref("int_jira__subtask_history") }}),
    azure_devops_histories as (select * from {{ ref("int_azure_devops__item_history") }}),
    item_boards as (select * from {{ ref("int_jira__item_board") }}),
    board_items as (select * from {{ ref("stg_jira__board_items") }} where not is_deleted),
    resolutions as (select * from {{ ref("int_resolution") }}),
    types as (select * from {{ ref("int_item_type") }}),
    stages as (select * from {{ ref("int_status_stage") }}),
    team_choices as (select * from {{ ref("int_team_choice") }}),

    filter_boards as (
        select connection_id, issue_id, {{ first_by("board_id", "try_cast(board_id as bigint)") }} as board_id
        from board_items
        group by connection_id, issue_id
    ),

    jira_states as (
        select
            item_key,
            connection_id,
            item_id,
            state_number,
            valid_from,
            valid_to,
            history_id,
            case
                when history_id is null
                then 'jira/issues|' || item_id
                else 'jira/issue_changes|' || item_id || ':' || history_id || ':' || item_number
            end as raw_record_key,
            author_id,
            state_number = 1 as is_creation,
            status_id,
            resolution_id as raw_resolution,
            sprint_ids as own_sprint_ids,
            sprint_ids,
            points,
            remaining_hours,
            project_id as raw_project_id,
            item_type_id,
            coalesce(parent_id, epic_id) as parent_id,
            is_flagged,
            has_stage_field_change,
            has_team_field_change,
        from jira_histories
        where item_key not in (select item_key from subtask_histories)
        union all
        select
            item_key,
            connection_id,
            item_id,
            state_number,
            valid_from,
            valid_to,
            history_id,
            case
                when history_id is null
                then 'jira/issues|' || raw_item_id
                else 'jira/issue_changes|' || raw_item_id || ':' || history_id || ':' || item_number
            end,
            author_id,
            is_creation,
            status_id,
            resolution_id,
            sprint_ids,
            effective_sprint_ids,
            points,
            remaining_hours,
            project_id,
            item_type_id,
            coalesce(parent_id, epic_id),
            is_flagged,
            has_stage_field_change,
            has_team_field_change,
        from subtask_histories
    ),

    jira_placed as (
        select
            jira_states.*,
            coalesce(item_boards.board_id, filter_boards.board_id, '') as board_id,
            '' as area_id,
            '' as recorded_path,
        from jira_states
        left join
            item_boards
            on jira_states.item_key = item_boards.item_key
            and jira_states.state_number >= item_boards.from_state_number
            and (item_boards.to_state_number is null or jira_states.state_number < item_boards.to_state_number)
        left join
            filter_boards
            on jira_states.connection_id = filter_boards.connection_id
            and jira_states.item_id = filter_boards.issue_id
    ),

    azure_devops_placed as (
        select
            item_key,
            connection_id,
            item_id,
            state_number,
            valid_from,
            valid_to,
            history_id,
            'azure_devops/revisions|' || item_id || ':' || history_id as raw_record_key,
            author_id,
            state_number = 1 as is_creation,
            status_id,
            resolution as raw_resolution,
            sprint_ids as own_sprint_ids,
            sprint_ids,
            points,
            remaining_hours,
            project_id as raw_project_id,
            item_type_id,
            parent_id,
            is_flagged,
            has_stage_field_change,
            has_team_field_change,
            '' as board_id,
            area_id,
            recorded_path,
        from azure_devops_histories
    ),

    placed as (
        select *
        from jira_placed
        union all
        select *
        from azure_devops_placed
    )

select
    placed.item_key,
    placed.connection_id,
    placed.state_number,
    placed.valid_from,
    placed.valid_to,
    cast(placed.history_id as text) as history_id,
    placed.raw_record_key,
    {{ person_key("placed.connection_id", "placed.author_id", "settings.pseudonym_salt") }} as person_key,
    placed.is_creation,
    placed.status_id,
    coalesce(stages.status, placed.status_id) as status,
    resolutions.resolution_id,
    coalesce(resolutions.resolution, placed.raw_resolution) as resolution,
    case
        when stages.stage = 'done' and resolutions.is_not_delivered then 'cancelled' else coalesce(stages.stage, 'todo')
    end as stage,
    {{ key_list("placed.connection_id", "placed.own_sprint_ids") }} as own_sprint_keys,
    {{ key_list("placed.connection_id", "placed.sprint_ids") }} as sprint_keys,
    placed.points,
    placed.remaining_hours,
    team_choices.project_key,
    team_choices.team_key,
    types.item_type,
    types.type_group,
    types.is_subtask,
    {{ key("placed.connection_id", "placed.parent_id") }} as parent_item_key,
    placed.is_flagged,
    placed.has_stage_field_change,
    placed.has_team_field_change,
    coalesce(team_choices.choice_number, 0) * 100000 + coalesce(types.type_number, 0) as place_number,
from placed
cross join settings
left join
    stages
    on placed.connection_id = stages.connection_id
    and placed.raw_project_id is not distinct from stages.raw_project_id
    and placed.item_type_id is not distinct from stages.item_type_id
    and placed.status_id = stages.status_id
left join
    resolutions
    on placed.connection_id = resolutions.connection_id
    and placed.raw_resolution = resolutions.raw_resolution
left join types on placed.connection_id = types.connection_id and placed.item_type_id = types.item_type_id
left join
    team_choices
    on placed.connection_id = team_choices.connection_id
    and placed.raw_project_id = team_choices.raw_project_id
    and placed.board_id = team_choices.board_id
    and placed.area_id = team_choices.area_id
    and placed.recorded_path = team_choices.recorded_path
