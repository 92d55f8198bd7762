{{ config(materialized="ephemeral", access="private", meta={"published": false}, contract={"enforced": false}) }}

-- One row per figure that was final when it was last published and has another value now, or none.
with
    published as (select * from {{ ref("int_published_figure") }} where is_last and is_final and not is_withdrawn),
    scorecard as (select * from {{ ref("kpi_scorecard") }}),
    runs as (select * from {{ ref("int_run") }}),
    watermarks as (select max(watermark_at) as watermark_at from {{ ref("dim_connection") }})

select
    published.figure_key,
    md5(published.figure_key || '|' || runs.run_id) as restatement_key,
    published.kpi_id,
    published.scope_type,
    published.scope_key,
    coalesce(scorecard.scope_name, published.scope_name) as scope_name,
    published.connection_id,
    published.period_type,
    published.period_start_date,
    published.sprint_key,
    published.policy_id,
    published.first_value,
    published.first_published_at,
    published.value as old_value,
    published.published_at as old_published_at,
    published.last_published_at,
    scorecard.value as new_value,
    coalesce(scorecard.data_as_of_at, watermarks.watermark_at) as restated_at,
    runs.run_id,
    scorecard.figure_key is null as is_withdrawn,
    (scorecard.definition_version is distinct from published.definition_version) as is_redefined,
    (scorecard.policy_version is distinct from published.policy_version) as has_other_policy
from published
cross join runs
cross join watermarks
left join scorecard on published.figure_key = scorecard.figure_key
where
    (scorecard.figure_key is null and published.value is not null)
    or (scorecard.figure_key is not null and {{ differs("published.value", "scorecard.value") }})
