with
    latest as (
        select * from {{ latest("jira/projects", ["project_id", "project_key", "name", "is_archived", "category"]) }}
    )

select
    connection_id,
    record_id,
    project_id,
    project_key,
    name,
    category,
    is_archived,
    is_deleted,
    {{ utc("updated_at") }} as updated_at,
    {{ utc("extracted_at") }} as extracted_at,
    {{ utc("deleted_seen_at") }} as deleted_seen_at,
    payload_hash,
from latest
