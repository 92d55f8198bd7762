-- The nearest epic above each item (Jira: Epic Link or parent; Azure DevOps: Feature or Epic), and the portfolio that
-- the seed gives to that epic, or to one above it. Four levels: sub-task, story, feature, epic.
with
    items as (select * from {{ ref("int_item") }}),
    types as (select * from {{ ref("int_item_type") }}),
    mapping as (select * from {{ ref("portfolio_mapping") }} where epic_ref is not null),

    nodes as (
        select
            items.item_key,
            items.connection_id,
            items.item_ref,
            items.project,
            types.type_group = 'epic' as is_epic,
            coalesce({{ key("items.connection_id", "items.parent_id") }}, epics.item_key) as parent_item_key,
        from items
        left join types on items.connection_id = types.connection_id and items.item_type_id = types.item_type_id
        left join
            items as epics
            on items.epic_ref is not null
            and items.connection_id = epics.connection_id
            and items.epic_ref = epics.item_ref
    ),

    ancestors as (
        select item_key, item_key as ancestor_key, 0 as distance
        from nodes
        union all
        select nodes.item_key, first.item_key, 1
        from nodes
        inner join nodes as first on nodes.parent_item_key = first.item_key
        union all
        select nodes.item_key, second.item_key, 2
        from nodes
        inner join nodes as first on nodes.parent_item_key = first.item_key
        inner join nodes as second on first.parent_item_key = second.item_key
        union all
        select nodes.item_key, third.item_key, 3
        from nodes
        inner join nodes as first on nodes.parent_item_key = first.item_key
        inner join nodes as second on first.parent_item_key = second.item_key
        inner join nodes as third on second.parent_item_key = third.item_key
    ),

    epics as (
        select
            nodes.item_key as epic_item_key,
            nullif({{ program_key("mapping.portfolio", "mapping.program") }}, '') as portfolio_key,
            row_number() over (
                partition by nodes.item_key
                order by
                    mapping.project is not null desc,
                    mapping.connection_id is not null desc,
                    mapping.portfolio,
                    mapping.program
            ) as preference,
        from nodes
        left join
            mapping
            on nodes.item_ref = mapping.epic_ref
            and nodes.connection_id = coalesce(mapping.connection_id, nodes.connection_id)
            and nodes.project = coalesce(mapping.project, nodes.project)
        where nodes.is_epic
    )

select
    ancestors.item_key,
    {{ first_by("epics.epic_item_key", "ancestors.distance") }} filter (where ancestors.distance > 0) as epic_item_key,
    {{ first_by("epics.portfolio_key", "ancestors.distance") }} filter (
        where epics.portfolio_key is not null
    ) as portfolio_key,
from ancestors
inner join epics on ancestors.ancestor_key = epics.epic_item_key
where epics.preference = 1
group by ancestors.item_key
