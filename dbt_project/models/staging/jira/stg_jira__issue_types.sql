with
    latest as (
        select * from {{ latest("jira/issue_types", ["issue_type_id", "name", "is_subtask", "hierarchy_level"]) }}
    )

select
    connection_id,
    record_id,
    issue_type_id,
    name,
    hierarchy_level,
    is_subtask,
    is_deleted,
    {{ utc("updated_at") }} as updated_at,
    {{ utc("extracted_at") }} as extracted_at,
    {{ utc("deleted_seen_at") }} as deleted_seen_at,
    payload_hash,
from latest
