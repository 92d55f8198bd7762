with latest as (select * from {{ latest("jira/resolutions", ["resolution_id", "name"]) }})

select
    connection_id,
    record_id,
    resolution_id,
    name,
    is_deleted,
    {{ utc("updated_at") }} as updated_at,
    {{ utc("extracted_at") }} as extracted_at,
    {{ utc("deleted_seen_at") }} as deleted_seen_at,
    payload_hash,
from latest
