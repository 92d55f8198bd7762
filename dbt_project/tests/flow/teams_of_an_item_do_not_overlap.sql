-- An item has one team at a time. Lists every stay that ends after the next one begins.
with
    stays as (
        select *, lead(valid_from) over (partition by item_key order by valid_from, valid_to nulls last) as next_from
        from {{ ref("bridge_item_team") }}
    )

select item_key, team_key, valid_from, valid_to, next_from
from stays
where valid_to > next_from or (valid_to is null and next_from is not null)
