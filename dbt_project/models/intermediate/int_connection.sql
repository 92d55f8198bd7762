with
    configured as (select * from {{ ref("stg_pmo__configured_connections") }}),
    described as (select * from {{ ref("stg_pmo__connections") }}),
    batches as (select * from {{ ref("stg_pmo__batches") }}),

    runs as (
        select
            connection_id,
            coalesce(max(run_started_at) filter (where is_final), max(run_started_at)) as watermark_at,
            max(committed_at) as last_good_at,
        from batches
        group by connection_id
    )

select
    configured.connection_id,
    configured.kind,
    configured.tool,
    described.deployment,
    coalesce(described.name, configured.connection_id) as name,
    rtrim(coalesce(described.url, configured.url), '/') as url,
    coalesce(configured.time_zone, described.time_zone, 'UTC') as time_zone,
    configured.held_reason,
    configured.position,
    configured.is_held,
    configured.last_checked_at,
    runs.watermark_at,
    runs.last_good_at,
from configured
left join described on configured.connection_id = described.connection_id
left join runs on configured.connection_id = runs.connection_id
