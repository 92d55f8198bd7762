with latest as (select * from {{ latest("jira/statuses", ["status_id", "name", "category", "project_id"]) }})

select
    connection_id,
    record_id,
    status_id,
    project_id,
    name,
    category,
    is_deleted,
    {{ utc("updated_at") }} as updated_at,
    {{ utc("extracted_at") }} as extracted_at,
    {{ utc("deleted_seen_at") }} as deleted_seen_at,
    payload_hash,
from latest
