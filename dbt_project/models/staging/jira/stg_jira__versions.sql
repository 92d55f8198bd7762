with
    latest as (
        select *
        from
            {{
                latest(
                    "jira/versions",
                    ["version_id", "project_id", "name", "start_date", "release_date", "is_released", "is_archived"],
                )
            }}
    )

select
    connection_id,
    record_id,
    version_id,
    project_id,
    name,
    is_released,
    is_archived,
    is_deleted,
    start_date,
    release_date,
    {{ utc("updated_at") }} as updated_at,
    {{ utc("extracted_at") }} as extracted_at,
    {{ utc("deleted_seen_at") }} as deleted_seen_at,
    payload_hash,
from latest
