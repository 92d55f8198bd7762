-- Where an item's stays in one status and stage begin and end; fct_state_interval measures them.
with
    states as (select * from {{ ref("int_item_state") }} where has_stage_field_change),
    items as (select * from {{ ref("int_item") }}),
    places as (select * from {{ ref("int_place") }}),

    entries as (
        select *, lag(stage) over item_life as previous_stage, lag(status_id) over item_life as previous_status_id,
        from states
        window item_life as (partition by item_key order by state_number)
        qualify is_creation or status_id is distinct from previous_status_id or stage is distinct from previous_stage
    ),

    intervals as (
        select
            entries.item_key,
            entries.connection_id,
            entries.state_number,
            entries.status_id,
            entries.status,
            entries.stage,
            entries.previous_stage,
            entries.place_number,
            entries.raw_record_key,
            entries.points,
            entries.valid_from,
            row_number() over item_life as sequence,
            lead(entries.state_number) over item_life as next_state_number,
            coalesce(lead(entries.valid_from) over item_life, items.deleted_at) as left_at,
            items.updated_at as item_updated_at,
        from entries
        inner join items on entries.item_key = items.item_key
        window item_life as (partition by entries.item_key order by entries.state_number)
    )

select
    intervals.* exclude (place_number),
    places.project_key,
    places.team_key,
    places.item_type,
    places.type_group,
    places.is_subtask,
from intervals
inner join places on intervals.place_number = places.place_number
