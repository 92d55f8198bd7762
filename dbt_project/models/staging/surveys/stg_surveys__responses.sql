-- The extraction has decided which of several answers with one id holds: the one that it landed last.
with
    latest as (
        select *
        from
            {{
                latest(
                    "surveys/responses",
                    [
                        "survey",
                        "response_id",
                        "question",
                        "metric",
                        "score",
                        "scale_min",
                        "scale_max",
                        "submitted_at",
                        "respondent_key",
                        "scope_type",
                        "scope_name",
                        "has_comment",
                        "comment",
                        "source_file",
                        "source_line",
                        "repeat_days",
                    ],
                )
            }}
    )

select
    connection_id,
    record_id,
    response_id,
    respondent_key,
    survey,
    question,
    metric,
    scope_type,
    scope_name,
    comment,
    source_file,
    score,
    scale_min,
    scale_max,
    source_line,
    coalesce(repeat_days, 0) as repeat_days,
    has_comment,
    is_deleted,
    {{ utc("submitted_at") }} as submitted_at,
    {{ utc("updated_at") }} as updated_at,
    {{ utc("extracted_at") }} as extracted_at,
    {{ utc("deleted_seen_at") }} as deleted_seen_at,
    payload_hash,
from latest
