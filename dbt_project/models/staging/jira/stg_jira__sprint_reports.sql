with
    latest as (
        select *
        from
            {{
                latest(
                    "jira/sprint_reports",
                    [
                        "sprint_id",
                        "board_id",
                        "complete_at",
                        "issue_id",
                        "issue_key",
                        "outcome",
                        "is_added",
                        "estimate_at_start",
                        "estimate_at_close",
                        "committed_points",
                        "completed_points",
                    ],
                )
            }}
    )

select
    connection_id,
    record_id,
    sprint_id,
    board_id,
    issue_id,
    issue_key,
    outcome,
    estimate_at_start,
    estimate_at_close,
    committed_points,
    completed_points,
    is_added,
    is_deleted,
    {{ utc("complete_at") }} as complete_at,
    {{ utc("extracted_at") }} as extracted_at,
    payload_hash,
from latest
