-- Identities of the contract: committed + added - removed - cancelled = completed + not_completed, in items; with the
-- estimate changes on the left, in points (NULL as 0). Lists every sprint and policy for which one fails.
select
    sprint_key,
    policy_id,
    committed_items + added_items - removed_items - cancelled_items as items_in,
    completed_items + not_completed_items as items_out,
    coalesce(committed_points, 0)
    + coalesce(added_points, 0)
    - coalesce(removed_points, 0)
    - coalesce(cancelled_points, 0)
    + estimate_change_points as points_in,
    coalesce(completed_points, 0) + coalesce(not_completed_points, 0) as points_out
from {{ ref("kpi_velocity") }}
where is_measurable and (items_in is distinct from items_out or (abs(points_in - points_out) < 1e-6) is not true)
