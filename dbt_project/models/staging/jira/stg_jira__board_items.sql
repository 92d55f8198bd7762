with latest as (select * from {{ latest("jira/board_items", ["board_id", "issue_id"]) }})

select
    connection_id,
    record_id,
    board_id,
    issue_id,
    is_deleted,
    {{ utc("updated_at") }} as updated_at,
    {{ utc("extracted_at") }} as extracted_at,
    {{ utc("deleted_seen_at") }} as deleted_seen_at,
    payload_hash,
from latest
