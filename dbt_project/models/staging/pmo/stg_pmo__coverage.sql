with
    latest as (
        select *
        from {{ latest("pmo/coverage", ["stream", "project", "expected", "got", "deleted", "skipped", "reason"]) }}
    )

select
    connection_id,
    record_id,
    stream,
    project,
    reason,
    expected,
    got,
    deleted,
    skipped,
    is_deleted,
    {{ utc("updated_at") }} as updated_at,
    {{ utc("extracted_at") }} as extracted_at,
    {{ utc("deleted_seen_at") }} as deleted_seen_at,
    payload_hash,
from latest
