-- Changes and deletions that happened after the watermark, while the run went on, do not count yet. As a rule there
-- are none, and then this table stays the same however time goes by, and with it what is built on it.
with
    connections as (select * from {{ ref("int_connection") }}),
    states as (select connection_id, valid_from as happened_at from {{ ref("int_item_state") }}),
    deletions as (select connection_id, deleted_at as happened_at from {{ ref("int_item") }}),

    happened as (
        select *
        from states
        union all
        select *
        from deletions
    ),

    last_events as (select connection_id, max(happened_at) as last_at from happened group by connection_id)

select
    connections.connection_id,
    case when last_events.last_at > connections.watermark_at then connections.watermark_at end as counted_until_at,
from connections
inner join last_events on connections.connection_id = last_events.connection_id
