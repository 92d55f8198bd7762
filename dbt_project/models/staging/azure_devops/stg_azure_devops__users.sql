with latest as (select * from {{ latest("azure_devops/users", ["user_id", "display_name", "email", "is_active"]) }})

select
    connection_id,
    record_id,
    user_id,
    display_name,
    email,
    is_active,
    is_deleted,
    {{ utc("updated_at") }} as updated_at,
    {{ utc("extracted_at") }} as extracted_at,
    {{ utc("deleted_seen_at") }} as deleted_seen_at,
    payload_hash,
from latest
