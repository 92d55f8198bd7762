with
    latest as (
        select *
        from
            {{
                latest(
                    "azure_devops/teams",
                    ["team_id", "name", "project_id", "project", "backlog_iteration_path", "working_days"],
                )
            }}
    )

select
    connection_id,
    record_id,
    team_id,
    project_id,
    name,
    project,
    backlog_iteration_path,
    working_days,
    is_deleted,
    {{ utc("updated_at") }} as updated_at,
    {{ utc("extracted_at") }} as extracted_at,
    {{ utc("deleted_seen_at") }} as deleted_seen_at,
    payload_hash,
from latest
