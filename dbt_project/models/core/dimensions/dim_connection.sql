with
    connections as (select * from {{ ref("int_connection") }}),
    items as (select * from {{ ref("int_item") }}),
    coverage as (select * from {{ ref("stg_pmo__coverage") }}),

    item_counts as (
        select connection_id, count(*) filter (where deleted_at is null) as item_count from items group by connection_id
    ),

    -- Of each stream and project what its last run said.
    last_coverage as (
        select *
        from coverage
        where expected is not null
        qualify
            row_number() over (partition by connection_id, stream, project order by extracted_at desc, record_id desc)
            = 1
    ),

    coverages as (
        select connection_id, sum(got) / nullif(sum(expected), 0) as coverage_ratio
        from last_coverage
        group by connection_id
    )

select
    connections.connection_id,
    connections.kind,
    connections.tool,
    connections.name,
    connections.url,
    connections.time_zone,
    connections.held_reason,
    coalesce(item_counts.item_count, 0) as item_count,
    case when coverages.coverage_ratio > 1 then 1 else coverages.coverage_ratio end as coverage_ratio,
    connections.is_held or connections.watermark_at is null as is_stale,
    connections.watermark_at,
    connections.last_good_at,
from connections
left join item_counts on connections.connection_id = item_counts.connection_id
left join coverages on connections.connection_id = coverages.connection_id
