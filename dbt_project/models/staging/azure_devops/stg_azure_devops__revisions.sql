{{ config(materialized="table") }}

with
    latest as (
        select *
        from
            {{
                latest(
                    "azure_devops/revisions",
                    [
                        "item_id",
                        "rev",
                        "changed_at",
                        "changed_by_id",
                        "created_at",
                        "project",
                        "item_type",
                        "state",
                        "reason",
                        "resolved_reason",
                        "title",
                        "area_id",
                        "area_path",
                        "iteration_id",
                        "iteration_path",
                        "points",
                        "original_estimate_hours",
                        "remaining_hours",
                        "completed_hours",
                        "is_blocked",
                        "tags",
                        "priority",
                        "severity",
                        "assigned_to_id",
                        "board_column",
                        "is_item_deleted",
                    ],
                )
            }}
    )

select
    connection_id,
    record_id,
    item_id,
    changed_by_id,
    area_id,
    iteration_id,
    assigned_to_id,
    project,
    item_type,
    state,
    reason,
    resolved_reason,
    title,
    area_path,
    iteration_path,
    tags,
    priority,
    severity,
    board_column,
    rev,
    points,
    original_estimate_hours,
    remaining_hours,
    completed_hours,
    is_blocked,
    is_item_deleted,
    is_deleted,
    {{ utc("changed_at") }} as changed_at,
    {{ utc("created_at") }} as created_at,
    {{ utc("updated_at") }} as updated_at,
    {{ utc("extracted_at") }} as extracted_at,
    {{ utc("deleted_seen_at") }} as deleted_seen_at,
    payload_hash,
from latest
where not is_deleted
