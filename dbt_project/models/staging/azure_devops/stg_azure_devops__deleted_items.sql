with
    latest as (
        select *
        from
            {{
                latest(
                    "azure_devops/deleted_items",
                    ["item_id", "project", "deleted_at", "deleted_by_id", "is_destroyed"],
                )
            }}
    )

select
    connection_id,
    record_id,
    item_id,
    deleted_by_id,
    project,
    is_destroyed,
    is_deleted,
    {{ utc("deleted_at") }} as deleted_at,
    {{ utc("updated_at") }} as updated_at,
    {{ utc("extracted_at") }} as extracted_at,
    {{ utc("deleted_seen_at") }} as deleted_seen_at,
    payload_hash,
from latest
