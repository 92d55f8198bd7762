{{ config(materialized="ephemeral") }}

-- One row per figure as it was last published (is_last) and per restatement published so far (is_restatement); a row
-- may be both.
select
    {{ figure_columns() | join(", ") }},
    md5(figure_key || '|' || run_id) as restatement_key,
    policy_version,
    definition_version,
    value,
    first_value,
    old_value,
    is_final,
    is_withdrawn,
    is_last,
    is_restatement,
    cause,
    cause_text,
    cause_items,
    causes,
    run_id,
    {{ utc("data_as_of_at") }} as data_as_of_at,
    {{ utc("published_at") }} as published_at,
    {{ utc("old_published_at") }} as old_published_at,
    {{ utc("first_published_at") }} as first_published_at,
    {{ utc("last_published_at") }} as last_published_at
from {{ input("publications") }}
