with
    states as (select * from {{ ref("int_item_state") }}),
    items as (select * from {{ ref("int_item") }}),

    changes as (
        select
            states.item_key,
            states.connection_id,
            states.team_key,
            states.state_number,
            states.valid_from,
            items.deleted_at
        from states
        inner join items on states.item_key = items.item_key
        where states.has_team_field_change
        qualify
            states.team_key
            is distinct from lag(states.team_key) over (partition by states.item_key order by states.state_number)
            or states.state_number = 1
    )

select
    item_key,
    team_key,
    connection_id,
    valid_from,
    coalesce(lead(valid_from) over (partition by item_key order by state_number), deleted_at) as valid_to,
from changes
