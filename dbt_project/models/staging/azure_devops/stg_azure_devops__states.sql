with
    latest as (
        select * from {{ latest("azure_devops/states", ["project", "item_type", "state", "category", "state_number"]) }}
    )

select
    connection_id,
    record_id,
    project,
    item_type,
    state,
    category,
    state_number,
    is_deleted,
    {{ utc("updated_at") }} as updated_at,
    {{ utc("extracted_at") }} as extracted_at,
    {{ utc("deleted_seen_at") }} as deleted_seen_at,
    payload_hash,
from latest
