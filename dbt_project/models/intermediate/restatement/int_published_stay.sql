{{ config(materialized="ephemeral") }}

-- One row per stay of an item in a status, as last published.
select
    item_key,
    connection_id,
    team_key,
    project_key,
    {{ key("connection_id", "item_type") }} as item_type_key,
    stage,
    entered_at,
    left_at
from {{ published("fct_state_interval") }}
