with
    connections as (select * from {{ ref("int_source") }}),
    items as (select * from {{ ref("int_item") }}),
    jira_histories as (select * from {{ ref("int_jira__item_history") }}),
    azure_devops_histories as (select * from {{ ref("int_azure_devops__item_history") }}),
    changes as (select * from {{ ref("stg_jira__issue_changes") }} where attribute = 'status'),
    statuses as (select * from {{ ref("stg_jira__statuses") }}),
    states as (select * from {{ ref("stg_azure_devops__states") }}),
    projects as (select * from {{ ref("int_project") }}),
    types as (select * from {{ ref("int_item_type") }}),
    mapping as (select * from {{ ref("stage_mapping") }}),

    jira_seen as (
        select distinct connection_id, project_id, item_type_id, status_id
        from jira_histories
        where status_id is not null
    ),

    -- Statuses that the tool has deleted are known from their last landed version, else from the changes and items
    -- that name them.
    jira_names as (
        select connection_id, status_id, name as status, category, 1 as preference
        from statuses
        union all
        select distinct connection_id, status_id, status, status_category, 2
        from items
        where tool = 'jira'
        union all
        select connection_id, to_id, {{ last_by("to_text", "(changed_at, to_text)") }}, null, 3
        from changes
        group by connection_id, to_id
        union all
        select connection_id, from_id, {{ last_by("from_text", "(changed_at, from_text)") }}, null, 4
        from changes
        group by connection_id, from_id
    ),

    jira_statuses as (
        select
            connection_id,
            status_id,
            {{ first_by("status", "(preference, status)") }} as status,
            {{ first_by("category", "(preference, category)") }} as category,
        from jira_names
        where status_id is not null
        group by connection_id, status_id
    ),

    jira as (
        select
            jira_seen.connection_id,
            jira_seen.project_id,
            jira_seen.item_type_id,
            jira_seen.status_id,
            coalesce(jira_statuses.status, jira_seen.status_id) as status,
            jira_statuses.category,
        from jira_seen
        left join
            jira_statuses
            on jira_seen.connection_id = jira_statuses.connection_id
            and jira_seen.status_id = jira_statuses.status_id
    ),

    azure_devops_seen as (
        select distinct connection_id, project_id, item_type_id, status_id from azure_devops_histories
    ),

    -- A state without a category of its own project and type takes that of its type, then that of its name.
    azure_devops as (
        select
            azure_devops_seen.connection_id,
            azure_devops_seen.project_id,
            azure_devops_seen.item_type_id,
            azure_devops_seen.status_id,
            azure_devops_seen.status_id as status,
            states.category,
        from azure_devops_seen
        left join
            states
            on azure_devops_seen.connection_id = states.connection_id
            and azure_devops_seen.status_id = states.state
        qualify
            row_number() over (
                partition by
                    azure_devops_seen.connection_id,
                    azure_devops_seen.project_id,
                    azure_devops_seen.item_type_id,
                    azure_devops_seen.status_id
                order by
                    azure_devops_seen.item_type_id is not distinct from states.item_type desc,
                    azure_devops_seen.project_id is not distinct from states.project desc,
                    states.is_deleted,
                    states.category,
                    states.project
            )
            = 1
    ),

    seen as (
        select *
        from jira
        union all
        select *
        from azure_devops
    ),

    mapped as (
        select
            seen.*,
            case
                lower(seen.category)
                when 'new'
                then 'todo'
                when 'indeterminate'
                then 'in_progress'
                when 'done'
                then 'done'
                when 'proposed'
                then 'todo'
                when 'inprogress'
                then 'in_progress'
                when 'resolved'
                then 'in_progress'
                when 'completed'
                then 'done'
                when 'removed'
                then 'cancelled'
            end as tool_stage,
            mapping.stage as mapped_stage,
        from seen
        inner join connections on seen.connection_id = connections.connection_id
        left join projects on seen.connection_id = projects.connection_id and seen.project_id = projects.raw_project_id
        left join types on seen.connection_id = types.connection_id and seen.item_type_id = types.item_type_id
        left join
            mapping
            on seen.connection_id = coalesce(mapping.connection_id, seen.connection_id)
            and (mapping.project is null or mapping.project in (projects.project, projects.name))
            and (mapping.item_type is null or lower(mapping.item_type) = lower(types.item_type))
            and (mapping.status_id is null or mapping.status_id = seen.status_id)
            and (mapping.status is null or lower(mapping.status) = lower(seen.status))
        qualify
            -- The most specific row holds: project before type before connection before id before name.
            row_number() over (
                partition by seen.connection_id, seen.project_id, seen.item_type_id, seen.status_id
                order by
                    mapping.project is not null desc,
                    mapping.item_type is not null desc,
                    mapping.connection_id is not null desc,
                    mapping.status_id is not null desc,
                    mapping.status is not null desc,
                    mapping.stage
            )
            = 1
    )

select
    connection_id,
    project_id as raw_project_id,
    item_type_id,
    status_id,
    status,
    category,
    coalesce(mapped_stage, tool_stage, 'todo') as stage,
    coalesce(mapped_stage, tool_stage) is not null as is_mapped,
from mapped
