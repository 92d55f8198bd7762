-- One row per measurable sprint, policy and item that was ever in the sprint, with the instants between which it is
-- judged. A table of its own, so that the changes of an item are joined to its sprints by the item alone.
with
    item_events as (select * from {{ ref("int_item_event") }}),
    items as (select * from {{ ref("int_item") }}),
    bounds as (select * from {{ ref("int_sprint_bounds") }}),

    memberships as (
        select distinct item_key, {{ each_of("sprint_keys") }} as sprint_key
        from item_events
        where {{ list_size("sprint_keys") }} > 0 and sprint_keys is distinct from previous_sprint_keys
    )

select
    memberships.item_key,
    bounds.sprint_key,
    bounds.policy_id,
    bounds.start_cut_at,
    bounds.commitment_cut_at,
    bounds.close_cut_at,
    bounds.includes_subtasks,
    bounds.uses_current_estimate,
    case when bounds.uses_current_estimate then items.points end as current_points
from memberships
inner join bounds on memberships.sprint_key = bounds.sprint_key
inner join items on memberships.item_key = items.item_key
