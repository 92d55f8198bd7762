with
    latest as (
        select *
        from
            {{
                latest(
                    "jira/boards",
                    [
                        "board_id",
                        "name",
                        "board_type",
                        "project_id",
                        "project_key",
                        "filter_id",
                        "filter_jql",
                        "is_filter_readable",
                        "points_field_id",
                    ],
                )
            }}
    )

select
    connection_id,
    record_id,
    board_id,
    project_id,
    project_key,
    filter_id,
    points_field_id,
    name,
    board_type,
    filter_jql,
    is_filter_readable,
    is_deleted,
    {{ utc("updated_at") }} as updated_at,
    {{ utc("extracted_at") }} as extracted_at,
    {{ utc("deleted_seen_at") }} as deleted_seen_at,
    payload_hash,
from latest
