with
    states as (select * from {{ ref("int_item_state") }}),
    items as (select * from {{ ref("int_item") }}),
    places as (select * from {{ ref("int_place") }}),

    changes as (
        select states.item_key, states.place_number, states.state_number, states.valid_from, items.deleted_at,
        from states
        inner join items on states.item_key = items.item_key
        where states.has_stage_field_change or states.has_team_field_change
        qualify
            states.place_number
            is distinct from lag(states.place_number) over (partition by states.item_key order by states.state_number)
            or states.state_number = 1
    )

select
    changes.item_key,
    row_number() over item_life as sequence,
    places.connection_id,
    places.team_key,
    places.project_key,
    places.item_type,
    places.type_group,
    places.is_subtask,
    changes.valid_from,
    coalesce(lead(changes.valid_from) over item_life, changes.deleted_at) as valid_to,
from changes
inner join places on changes.place_number = places.place_number
window item_life as (partition by changes.item_key order by changes.state_number)
