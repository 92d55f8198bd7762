with
    resolutions as (select * from {{ ref("stg_jira__resolutions") }}),
    items as (select * from {{ ref("int_item") }}),
    changes as (select * from {{ ref("stg_jira__issue_changes") }} where attribute = 'resolution'),
    revisions as (select * from {{ ref("stg_azure_devops__revisions") }}),
    not_delivered as (select * from {{ ref("not_delivered_resolutions") }}),

    seen as (
        select connection_id, resolution_id as raw_resolution, resolution_id, name as resolution, 1 as preference
        from resolutions
        union all
        select distinct connection_id, resolution_id, resolution_id, resolution, 2
        from items
        where tool = 'jira'
        union all
        select distinct connection_id, coalesce(to_id, to_text), to_id, to_text, 3
        from changes
        union all
        select distinct connection_id, coalesce(from_id, from_text), from_id, from_text, 3
        from changes
        union all
        select distinct connection_id, coalesce(resolved_reason, reason), null, coalesce(resolved_reason, reason), 1
        from revisions
    ),

    named as (
        select
            connection_id,
            raw_resolution,
            min(resolution_id) as resolution_id,
            {{ first_by("resolution", "(preference, resolution)") }} as resolution,
        from seen
        where raw_resolution is not null
        group by connection_id, raw_resolution
    )

select
    named.connection_id,
    named.raw_resolution,
    named.resolution_id,
    named.resolution,
    bool_or(not_delivered.resolution_id is not null or not_delivered.resolution is not null) as is_not_delivered,
from named
left join
    not_delivered
    on named.connection_id = coalesce(not_delivered.connection_id, named.connection_id)
    and (
        named.resolution_id = not_delivered.resolution_id
        or (not_delivered.resolution_id is null and lower(named.resolution) = lower(not_delivered.resolution))
    )
group by named.connection_id, named.raw_resolution, named.resolution_id, named.resolution
