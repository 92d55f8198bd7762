with latest as (select * from {{ latest("surveys/invitations", ["survey", "metric", "invited", "survey_date"]) }})

select
    connection_id,
    record_id,
    survey,
    metric,
    invited,
    is_deleted,
    survey_date,
    {{ utc("updated_at") }} as updated_at,
    {{ utc("extracted_at") }} as extracted_at,
    {{ utc("deleted_seen_at") }} as deleted_seen_at,
    payload_hash,
from latest
