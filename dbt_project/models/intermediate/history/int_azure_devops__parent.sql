-- The last word on an item's parent holds: a link that comes ends the one before it, whether the tool says so or not;
-- a link that goes ends that stay alone.
with
    links as (select * from {{ ref("stg_azure_devops__links") }}),

    events as (
        select distinct
            connection_id,
            case when link_type = 'System.LinkTypes.Hierarchy-Reverse' then source_id else target_id end as item_id,
            case when link_type = 'System.LinkTypes.Hierarchy-Reverse' then target_id else source_id end as parent_id,
            is_active,
            changed_at,
        from links
        where
            link_type in ('System.LinkTypes.Hierarchy-Reverse', 'System.LinkTypes.Hierarchy-Forward') and not is_deleted
    ),

    stays as (
        select
            connection_id,
            item_id,
            parent_id,
            is_active,
            changed_at as valid_from,
            least(
                min(changed_at) filter (where is_active) over later_of_item,
                lead(changed_at) over (
                    partition by connection_id, item_id, parent_id order by changed_at, not is_active
                )
            ) as valid_to,
        from events
        window
            later_of_item as (
                partition by connection_id, item_id
                order by changed_at, not is_active, parent_id
                rows between 1 following and unbounded following
            )
    )

select connection_id, item_id, parent_id, valid_from, valid_to,
from stays
where is_active and (valid_to is null or valid_to > valid_from)
