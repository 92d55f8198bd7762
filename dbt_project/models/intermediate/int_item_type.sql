with
    connections as (select * from {{ ref("int_source") }}),
    issue_types as (select * from {{ ref("stg_jira__issue_types") }}),
    issues as (select * from {{ ref("stg_jira__issues") }}),
    type_changes as (select * from {{ ref("stg_jira__issue_changes") }} where attribute = 'item_type'),
    revisions as (select * from {{ ref("stg_azure_devops__revisions") }}),
    mapping as (select * from {{ ref("item_type_mapping") }}),

    seen as (
        select
            connection_id,
            issue_type_id as item_type_id,
            name as item_type,
            is_subtask,
            hierarchy_level,
            1 as preference,
        from issue_types
        union all
        select distinct connection_id, issue_type_id, issue_type, is_subtask, null, 2
        from issues
        -- A type that the tool has dropped lives on in histories alone.
        union all
        select distinct connection_id, from_id, from_text, null, null, 3
        from type_changes
        union all
        select distinct connection_id, to_id, to_text, null, null, 3
        from type_changes
        union all
        select distinct connection_id, item_type, item_type, null, null, 1
        from revisions
    ),

    types as (
        select
            connection_id,
            item_type_id,
            {{ first_by("item_type", "(preference, item_type)") }} as item_type,
            bool_or(is_subtask) as is_subtask,
            max(hierarchy_level) as hierarchy_level,
        from seen
        where item_type_id is not null
        group by connection_id, item_type_id
    ),

    mapped as (
        select
            types.connection_id,
            types.item_type_id,
            types.item_type,
            types.is_subtask,
            types.hierarchy_level,
            mapping.type_group,
            mapping.connection_id is not null as is_own_mapping,
        from types
        inner join connections on types.connection_id = connections.connection_id
        left join
            mapping
            on lower(types.item_type) = lower(mapping.item_type)
            and types.connection_id = coalesce(mapping.connection_id, types.connection_id)
            and connections.tool = coalesce(mapping.tool, connections.tool)
        qualify
            row_number() over (
                partition by types.connection_id, types.item_type_id
                order by mapping.connection_id is not null desc, mapping.tool is not null desc, mapping.type_group
            )
            = 1
    ),

    grouped as (
        select
            connection_id,
            item_type_id,
            item_type,
            is_subtask,
            -- The tool's own flag says more than a name that happens to be in the shipped list.
            case
                when is_own_mapping
                then type_group
                when is_subtask
                then 'sub-task'
                when type_group is not null
                then type_group
                when hierarchy_level > 0
                then 'epic'
                else 'task'
            end as type_group,
        from mapped
    )

select
    connection_id,
    item_type_id,
    item_type,
    type_group,
    coalesce(is_subtask, type_group = 'sub-task') as is_subtask,
    row_number() over (order by connection_id, item_type_id) as type_number,
from grouped
