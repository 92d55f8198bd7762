with
    items as (select * from {{ ref("int_item") }}),
    states as (select * from {{ ref("int_item_state") }}),
    statuses as (select * from {{ ref("int_status_stage") }}),
    resolutions as (select * from {{ ref("int_resolution") }}),
    types as (select * from {{ ref("int_item_type") }}),
    projects as (select * from {{ ref("int_project") }}),
    portfolio_projects as (select * from {{ ref("dim_project") }}),
    epic_portfolios as (select * from {{ ref("int_epic_portfolio") }}),
    settings as (select * from {{ ref("int_setting") }}),

    last_states as (
        select item_key, team_key
        from states
        qualify row_number() over (partition by item_key order by state_number desc) = 1
    ),

    typed as (
        select
            items.*,
            types.type_group,
            coalesce(items.is_subtask, types.is_subtask, false) as has_subtask_flag,
            {{ key("items.connection_id", "items.parent_id") }} as parent_item_key,
        from items
        left join types on items.connection_id = types.connection_id and items.item_type_id = types.item_type_id
    )

select
    typed.item_key,
    typed.connection_id,
    typed.tool,
    typed.item_id,
    typed.item_ref,
    typed.title,
    typed.item_type,
    typed.type_group,
    projects.project_key,
    last_states.team_key,
    typed.parent_item_key,
    epic_portfolios.epic_item_key,
    coalesce(epic_portfolios.portfolio_key, portfolio_projects.portfolio_key) as portfolio_key,
    epic_portfolios.portfolio_key as epic_portfolio_key,
    coalesce(statuses.status, typed.status) as status,
    case
        when statuses.stage = 'done' and resolutions.is_not_delivered
        then 'cancelled'
        else coalesce(statuses.stage, 'todo')
    end as stage,
    typed.priority,
    coalesce(resolutions.resolution, typed.resolution) as resolution,
    {{ person_key("typed.connection_id", "typed.assignee_id", "settings.pseudonym_salt") }} as assignee_key,
    typed.labels,
    typed.source_url,
    typed.points,
    typed.remaining_hours,
    typed.deleted_at is not null as is_deleted,
    typed.has_subtask_flag as is_subtask,
    typed.is_flagged,
    typed.created_at,
    typed.updated_at,
    typed.deleted_at,
from typed
cross join settings
left join last_states on typed.item_key = last_states.item_key
left join epic_portfolios on typed.item_key = epic_portfolios.item_key
left join
    statuses
    on typed.connection_id = statuses.connection_id
    and typed.project_id is not distinct from statuses.raw_project_id
    and typed.item_type_id is not distinct from statuses.item_type_id
    and typed.status_id = statuses.status_id
left join
    resolutions
    on typed.connection_id = resolutions.connection_id
    and coalesce(typed.resolution_id, typed.resolution) = resolutions.raw_resolution
left join projects on typed.connection_id = projects.connection_id and typed.project_id = projects.raw_project_id
left join portfolio_projects on projects.project_key = portfolio_projects.project_key
