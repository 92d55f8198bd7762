with
    latest as (
        select *
        from {{ latest("pmo/connections", ["kind", "tool", "deployment", "name", "url", "time_zone", "tool_version"]) }}
    )

select
    connection_id,
    record_id,
    kind,
    tool,
    deployment,
    name,
    url,
    time_zone,
    tool_version,
    is_deleted,
    {{ utc("updated_at") }} as updated_at,
    {{ utc("extracted_at") }} as extracted_at,
    {{ utc("deleted_seen_at") }} as deleted_seen_at,
    payload_hash,
from latest
