with
    latest as (
        select *
        from {{ latest("azure_devops/team_areas", ["team_id", "area_path", "includes_children", "is_default"]) }}
    )

select
    connection_id,
    record_id,
    team_id,
    area_path,
    includes_children,
    is_default,
    is_deleted,
    {{ utc("updated_at") }} as updated_at,
    {{ utc("extracted_at") }} as extracted_at,
    {{ utc("deleted_seen_at") }} as deleted_seen_at,
    payload_hash,
from latest
