{{ config(materialized="table") }}

with
    latest as (
        select *
        from
            {{
                latest(
                    "jira/issues",
                    ["issue_id", "issue_key", "project_id", "project_key", "issue_type_id", "issue_type", "is_subtask", "status_id", "status", "status_category", "resolution_id", "resolution", "priority", "summary", "created_at", "resolved_at", "assignee_id", "reporter_id", "parent_id", "parent_key", "epic_ref", "points", "original_estimate_seconds", "remaining_estimate_seconds", "spent_seconds", "is_flagged", "sprint_ids", "labels", "fix_version_ids", "component_names", "due_date", "change_count", "landed_change_count"]
                )
            }}
    )

select
    connection_id,
    record_id,
    issue_id,
    issue_key,
    project_id,
    project_key,
    issue_type_id,
    status_id,
    resolution_id,
    assignee_id,
    reporter_id,
    parent_id,
    parent_key,
    sprint_ids,
    fix_version_ids,
    issue_type,
    status,
    status_category,
    resolution,
    priority,
    summary,
    epic_ref,
    labels,
    component_names,
    points,
    original_estimate_seconds,
    remaining_estimate_seconds,
    spent_seconds,
    change_count,
    landed_change_count,
    is_subtask,
    is_flagged,
    is_deleted,
    {{ utc('created_at') }} as created_at,
    {{ utc('resolved_at') }} as resolved_at,
    due_date,
    {{ utc('updated_at') }} as updated_at,
    {{ utc('extracted_at') }} as extracted_at,
    {{ utc('deleted_seen_at') }} as deleted_seen_at,
    payload_hash,
from latest

