{{ config(severity="warn") }}
-- Sprints that ran, but have no start, or no close after it: they have no measures.
select sprint_key, connection_id, name, state, planned_start_at, planned_end_at, started_at, closed_at
from {{ ref("dim_sprint") }}
where state <> 'future' and not is_measurable
