{#- What a change row says of an attribute: ids where the tool has ids, text where it has only text. '' = none. -#}
{%- set attributes = {
    "status": ("coalesce(from_id, from_text)", "coalesce(to_id, to_text)"),
    "resolution": ("coalesce(from_id, from_text, '')", "coalesce(to_id, to_text, '')"),
    "sprint": ("coalesce(from_id, '')", "coalesce(to_id, '')"),
    "points": ("coalesce(from_text, from_id, '')", "coalesce(to_text, to_id, '')"),
    "remaining": ("coalesce(from_id, from_text, '')", "coalesce(to_id, to_text, '')"),
    "project": ("from_id", "to_id"),
    "item_type": ("from_id", "to_id"),
    "parent": ("coalesce(from_id, '')", "coalesce(to_id, '')"),
    "epic": ("coalesce(from_id, '')", "coalesce(to_id, '')"),
    "flagged": ("coalesce(from_text, from_id, '')", "coalesce(to_text, to_id, '')"),
} -%}
{%- set current_values = {
    "status": "status_id",
    "resolution": "coalesce(resolution_id, '')",
    "sprint": "coalesce(sprint_ids, '')",
    "points": "coalesce(cast(items.points as text), '')",
    "remaining": "coalesce(cast(remaining_hours * 3600 as text), '')",
    "project": "project_id",
    "item_type": "item_type_id",
    "parent": "coalesce(parent_id, '')",
    "epic": "''",
    "flagged": "case when is_flagged then 'yes' else '' end",
} -%}
with
    items as (select * from {{ ref("int_item") }} where tool = 'jira'),
    changes as (
        select *
        from {{ ref("stg_jira__issue_changes") }}
        where attribute in ('{{ attributes.keys() | join("', '") }}')
    ),

    -- All changes of one history apply together; of two of the same attribute the later holds.
    histories as (
        select
            connection_id,
            issue_id as item_id,
            history_id,
            changed_at,
            any_value(author_id) as author_id,
            min(item_number) as item_number,
            {% for attribute, (_, to_value) in attributes.items() -%}
                arg_max({{ to_value }}, item_number) filter (
                    where attribute = '{{ attribute }}'
                ) as {{ attribute }},
            {% endfor %}
        from changes
        group by connection_id, issue_id, history_id, changed_at
    ),

    -- The value at creation is what the first change leaves, else today's.
    first_values as (
        select
            connection_id,
            issue_id as item_id,
            {% for attribute, (from_value, _) in attributes.items() -%}
                arg_min({{ from_value }}, {{ history_order("changed_at", "history_id", "item_number") }}) filter (
                    where attribute = '{{ attribute }}'
                ) as {{ attribute }},
            {% endfor %}
        from changes
        group by connection_id, issue_id
    ),

    creations as (
        select
            items.item_key,
            items.connection_id,
            items.item_id,
            items.created_at,
            items.deleted_at,
            {% for attribute, current_value in current_values.items() -%}
                coalesce(first_values.{{ attribute }}, {{ current_value }}) as {{ attribute }},
            {% endfor %}
        from items
        left join
            first_values
            on items.connection_id = first_values.connection_id
            and items.item_id = first_values.item_id
    ),

    events as (
        select
            item_key,
            connection_id,
            item_id,
            deleted_at,
            created_at as valid_from,
            null::timestamp as changed_at,
            null::bigint as history_id,
            null::bigint as item_number,
            null::text as author_id,
            {{ attributes.keys() | join(", ") }},
        from creations
        union all
        select
            items.item_key,
            histories.connection_id,
            histories.item_id,
            items.deleted_at,
            -- Imports bring changes that are older than the item: they count as of its creation.
            greatest(histories.changed_at, items.created_at) as valid_from,
            histories.changed_at,
            histories.history_id,
            histories.item_number,
            histories.author_id,
            {% for attribute in attributes -%} histories.{{ attribute }}, {% endfor %}
        from histories
        inner join
            items
            on histories.connection_id = items.connection_id
            and histories.item_id = items.item_id
        where items.deleted_at is null or histories.changed_at < items.deleted_at
    )

select
    item_key,
    connection_id,
    item_id,
    row_number() over item_life as state_number,
    valid_from,
    coalesce(lead(valid_from) over item_life, deleted_at) as valid_to,
    changed_at,
    history_id,
    item_number,
    author_id,
    last_value(status ignore nulls) over item_life as status_id,
    nullif(last_value(resolution ignore nulls) over item_life, '') as resolution_id,
    -- Sprint ids, separated by commas alone; '' = in none.
    replace(last_value(sprint ignore nulls) over item_life, ' ', '') as sprint_ids,
    sprint is not null as has_sprint_change,
    try_cast(last_value(points ignore nulls) over item_life as double) as points,
    try_cast(last_value(remaining ignore nulls) over item_life as double) / 3600 as remaining_hours,
    last_value(project ignore nulls) over item_life as project_id,
    last_value(item_type ignore nulls) over item_life as item_type_id,
    nullif(last_value(parent ignore nulls) over item_life, '') as parent_id,
    nullif(last_value(epic ignore nulls) over item_life, '') as epic_id,
    last_value(flagged ignore nulls) over item_life <> '' as is_flagged,
from events
window
    item_life as (
        partition by item_key
        order by changed_at nulls first, history_id
        rows between unbounded preceding and current row
    )
