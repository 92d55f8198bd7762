{{ config(materialized="table") }}

with
    latest as (
        select *
        from
            {{
                latest(
                    "azure_devops/links",
                    [
                        "source_id",
                        "target_id",
                        "link_type",
                        "changed_at",
                        "changed_by_id",
                        "is_active",
                        "source_project",
                        "target_project",
                    ],
                )
            }}
    )

select
    connection_id,
    record_id,
    source_id,
    target_id,
    changed_by_id,
    link_type,
    source_project,
    target_project,
    is_active,
    is_deleted,
    {{ utc("changed_at") }} as changed_at,
    {{ utc("updated_at") }} as updated_at,
    {{ utc("extracted_at") }} as extracted_at,
    {{ utc("deleted_seen_at") }} as deleted_seen_at,
    payload_hash,
from latest
