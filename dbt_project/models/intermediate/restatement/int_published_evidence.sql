{{ config(materialized="ephemeral") }}

-- One row per row of kpi_evidence as last published, with the place that the item had at the event.
with
    old_evidence as (select * from {{ published("kpi_evidence") }}),
    old_stays as (select * from {{ published("fct_state_interval") }})

select
    old_evidence.kpi_id,
    old_evidence.policy_id,
    old_evidence.event_date,
    old_evidence.sprint_key,
    old_evidence.item_key,
    old_evidence.response_key,
    old_evidence.role,
    old_evidence.contribution,
    old_stays.connection_id,
    old_stays.team_key,
    old_stays.project_key,
    {{ key("old_stays.connection_id", "old_stays.item_type") }} as item_type_key
from old_evidence
left join old_stays on old_evidence.item_key = old_stays.item_key and old_evidence.event_sequence = old_stays.sequence
