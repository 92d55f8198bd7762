with latest as (select * from {{ latest("azure_devops/projects", ["project_id", "name", "state", "visibility"]) }})

select
    connection_id,
    record_id,
    project_id,
    name,
    state,
    visibility,
    is_deleted,
    {{ utc("updated_at") }} as updated_at,
    {{ utc("extracted_at") }} as extracted_at,
    {{ utc("deleted_seen_at") }} as deleted_seen_at,
    payload_hash,
from latest
