with
    latest as (
        select *
        from
            {{
                latest(
                    "azure_devops/iterations",
                    [
                        "iteration_id",
                        "iteration_guid",
                        "project",
                        "iteration_path",
                        "name",
                        "start_date",
                        "finish_date",
                    ],
                )
            }}
    )

select
    connection_id,
    record_id,
    iteration_id,
    iteration_guid,
    project,
    iteration_path,
    name,
    is_deleted,
    start_date,
    finish_date,
    {{ utc("updated_at") }} as updated_at,
    {{ utc("extracted_at") }} as extracted_at,
    {{ utc("deleted_seen_at") }} as deleted_seen_at,
    payload_hash,
from latest
