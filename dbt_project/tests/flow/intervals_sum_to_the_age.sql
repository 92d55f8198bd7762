-- The intervals of an item begin with its creation, have no negative length and sum to its age. Lists every item for
-- which that is not so.
with
    intervals as (
        select item_key, min(entered_at) as first_at, min(hours) as shortest, sum(hours) as total, count(*) as intervals
        from {{ ref("fct_state_interval") }}
        group by item_key
    ),
    items as (
        select items.*, {{ now_of("connections", "items.updated_at") }} as now_at,
        from {{ ref("int_item") }} as items
        inner join {{ ref("int_connection") }} as connections on items.connection_id = connections.connection_id
    )

select items.item_key, intervals.first_at, intervals.shortest, intervals.total
from items
left join intervals on items.item_key = intervals.item_key
where
    intervals.first_at is distinct from items.created_at
    or intervals.shortest < 0
    or abs(intervals.total - {{ hours_between("items.created_at", "coalesce(items.deleted_at, items.now_at)") }}) > 1e-6
