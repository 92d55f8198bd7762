with
    latest as (
        select * from {{ latest("azure_devops/areas", ["area_id", "area_guid", "project", "area_path", "name"]) }}
    )

select
    connection_id,
    record_id,
    area_id,
    area_guid,
    project,
    area_path,
    name,
    is_deleted,
    {{ utc("updated_at") }} as updated_at,
    {{ utc("extracted_at") }} as extracted_at,
    {{ utc("deleted_seen_at") }} as deleted_seen_at,
    payload_hash,
from latest
