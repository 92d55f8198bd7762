-- An item has one team, one project and one type at a time, from its creation on without a gap. Lists every stay that
-- ends after the next one begins, or before it.
with
    stays as (
        select 'bridge_item_team' as table_name, item_key, valid_from, valid_to
        from {{ ref("bridge_item_team") }}
        union all
        select 'bridge_item_place' as table_name, item_key, valid_from, valid_to
        from {{ ref("bridge_item_place") }}
    ),
    followed as (
        select
            *,
            lead(valid_from) over (
                partition by table_name, item_key order by valid_from, valid_to nulls last
            ) as next_from
        from stays
    )

select table_name, item_key, valid_from, valid_to, next_from
from followed
where next_from is not null and valid_to is distinct from next_from
