with
    connections as (select * from {{ ref("int_source") }}),
    issues as (select * from {{ ref("stg_jira__issues") }}),
    issue_types as (select * from {{ ref("stg_jira__issue_types") }}),
    projects as (select * from {{ ref("stg_jira__projects") }}),
    revisions as (select * from {{ ref("stg_azure_devops__revisions") }}),
    deleted_items as (select * from {{ ref("stg_azure_devops__deleted_items") }}),

    jira_items as (
        select
            issues.connection_id,
            issues.issue_id as item_id,
            issues.issue_key as item_ref,
            issues.summary as title,
            issues.project_id,
            coalesce(projects.project_key, issues.project_key) as project,
            issues.issue_type_id as item_type_id,
            coalesce(issue_types.name, issues.issue_type) as item_type,
            coalesce(issues.status_id, issues.status) as status_id,
            issues.status,
            issues.status_category,
            coalesce(issues.resolution_id, issues.resolution) as resolution_id,
            issues.resolution,
            issues.priority,
            issues.assignee_id,
            issues.parent_id,
            issues.epic_ref,
            {{ list_text("issues.sprint_ids", "','") }} as sprint_ids,
            issues.labels,
            issues.fix_version_ids,
            cast(null as text) as area_id,
            cast(null as text) as area_path,
            issues.points,
            issues.remaining_estimate_seconds / 3600.0 as remaining_hours,
            issues.change_count,
            issues.landed_change_count,
            issues.is_subtask,
            coalesce(issues.is_flagged, false) as is_flagged,
            issues.created_at,
            issues.updated_at,
            issues.deleted_seen_at as deleted_at,
        from issues
        left join
            issue_types
            on issues.connection_id = issue_types.connection_id
            and issues.issue_type_id = issue_types.issue_type_id
        left join projects on issues.connection_id = projects.connection_id and issues.project_id = projects.project_id
    ),

    last_revisions as (
        select * from revisions qualify row_number() over (partition by connection_id, item_id order by rev desc) = 1
    ),

    -- The stay below a parent that has not ended.
    parents as (
        select connection_id, item_id, max(parent_id) as parent_id
        from {{ ref("int_azure_devops__parent") }}
        where valid_to is null
        group by connection_id, item_id
    ),

    azure_devops_items as (
        select
            last_revisions.connection_id,
            last_revisions.item_id,
            last_revisions.item_id as item_ref,
            last_revisions.title,
            last_revisions.project as project_id,
            last_revisions.project,
            last_revisions.item_type as item_type_id,
            last_revisions.item_type,
            last_revisions.state as status_id,
            last_revisions.state as status,
            null as status_category,
            null as resolution_id,
            coalesce(last_revisions.resolved_reason, last_revisions.reason) as resolution,
            last_revisions.priority,
            last_revisions.assigned_to_id as assignee_id,
            parents.parent_id,
            null as epic_ref,
            null as sprint_ids,
            last_revisions.tags as labels,
            null as fix_version_ids,
            last_revisions.area_id,
            last_revisions.area_path,
            last_revisions.points,
            last_revisions.remaining_hours,
            last_revisions.rev as change_count,
            null as landed_change_count,
            null as is_subtask,
            coalesce(last_revisions.is_blocked, false) as is_flagged,
            last_revisions.created_at,
            last_revisions.changed_at as updated_at,
            case
                when deleted_items.item_id is not null and not deleted_items.is_deleted
                then coalesce(deleted_items.deleted_at, deleted_items.extracted_at)
                when deleted_items.item_id is null and last_revisions.is_item_deleted
                then last_revisions.changed_at
            end as deleted_at,
        from last_revisions
        left join
            deleted_items
            on last_revisions.connection_id = deleted_items.connection_id
            and last_revisions.item_id = deleted_items.item_id
        left join
            parents on last_revisions.connection_id = parents.connection_id and last_revisions.item_id = parents.item_id
    ),

    items as (
        select *
        from jira_items
        union all by name
        select *
        from azure_devops_items
    )

select
    {{ key("items.connection_id", "items.item_id") }} as item_key,
    connections.tool,
    items.* exclude (updated_at, deleted_at),
    case
        when connections.tool = 'jira'
        then connections.url || '/browse/' || items.item_ref
        else connections.url || '/' || {{ url_text("items.project") }} || '/_workitems/edit/' || items.item_id
    end as source_url,
    greatest(items.updated_at, items.created_at) as updated_at,
    case when items.deleted_at is not null then greatest(items.deleted_at, items.created_at) end as deleted_at,
from items
inner join connections on items.connection_id = connections.connection_id
