with
    latest as (
        select *
        from
            {{
                latest(
                    "jira/sprints",
                    [
                        "sprint_id",
                        "board_id",
                        "name",
                        "goal",
                        "state",
                        "start_at",
                        "end_at",
                        "activated_at",
                        "complete_at",
                    ],
                )
            }}
    )

select
    connection_id,
    record_id,
    sprint_id,
    board_id,
    name,
    goal,
    state,
    is_deleted,
    {{ utc("start_at") }} as start_at,
    {{ utc("end_at") }} as end_at,
    {{ utc("activated_at") }} as activated_at,
    {{ utc("complete_at") }} as complete_at,
    {{ utc("updated_at") }} as updated_at,
    {{ utc("extracted_at") }} as extracted_at,
    {{ utc("deleted_seen_at") }} as deleted_seen_at,
    payload_hash,
from latest
