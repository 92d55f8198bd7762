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
    changes as not materialized(
        select
            connection_id,
            issue_id as item_id,
            history_id,
            coalesce(item_number, 0) as item_number,
            changed_at,
            author_id,
            attribute,
            from_id,
            from_text,
            to_id,
            to_text,
        from {{ ref("stg_jira__issue_changes") }}
        where attribute in ('{{ attributes.keys() | join("', '") }}')
    ),

    -- All changes of one history apply together; of two of the same attribute the later holds. Most histories change
    -- one field alone and need no grouping.
    several as (
        select connection_id, item_id, history_id
        from changes
        group by connection_id, item_id, history_id
        having count(*) > 1
    ),

    histories as (
        select
            changes.connection_id,
            changes.item_id,
            changes.history_id,
            changes.changed_at,
            changes.author_id,
            changes.item_number,
            {% for attribute, (_, to_value) in attributes.items() -%}
                case when changes.attribute = '{{ attribute }}' then {{ to_value }} end as {{ attribute }},
            {% endfor %}
        from changes
        anti join
            several
            on changes.connection_id = several.connection_id
            and changes.item_id = several.item_id
            and changes.history_id = several.history_id
        union all
        select
            changes.connection_id,
            changes.item_id,
            changes.history_id,
            min(changes.changed_at),
            min(changes.author_id),
            min(changes.item_number),
            {% for attribute, (_, to_value) in attributes.items() -%}
                {{ last_by(to_value, "changes.item_number") }} filter (where changes.attribute = '{{ attribute }}'),
            {% endfor %}
        from changes
        semi join
            several
            on changes.connection_id = several.connection_id
            and changes.item_id = several.item_id
            and changes.history_id = several.history_id
        group by changes.connection_id, changes.item_id, changes.history_id
    ),

    -- The value at creation is what the first change leaves, else today's.
    first_values as (
        select
            items.item_key,
            {% for attribute, (from_value, _) in attributes.items() -%}
                {{
                    first_by(
                        from_value,
                        history_order(
                            "greatest(changes.changed_at, items.created_at)",
                            "changes.history_id",
                            "changes.item_number",
                        ),
                    )
                }} filter (where changes.attribute = '{{ attribute }}') as {{ attribute }},
            {% endfor %}
        from changes
        inner join items on changes.connection_id = items.connection_id and changes.item_id = items.item_id
        group by items.item_key
    ),

    creations as (
        select
            items.item_key,
            items.created_at as valid_from,
            {% for attribute, current_value in current_values.items() -%}
                coalesce(first_values.{{ attribute }}, {{ current_value }}) as {{ attribute }},
            {% endfor %}
        from items
        left join first_values on items.item_key = first_values.item_key
    ),

    events as (
        select
            item_key,
            valid_from,
            cast(null as bigint) as history_id,
            cast(null as bigint) as item_number,
            cast(null as text) as author_id,
            {{ attributes.keys() | join(", ") }},
        from creations
        union all
        select
            items.item_key,
            -- Imports bring changes that are older than the item: they count as of its creation.
            greatest(histories.changed_at, items.created_at) as valid_from,
            histories.history_id,
            histories.item_number,
            histories.author_id,
            {% for attribute in attributes -%} histories.{{ attribute }}, {% endfor %}
        from histories
        inner join items on histories.connection_id = items.connection_id and histories.item_id = items.item_id
        where items.deleted_at is null or greatest(histories.changed_at, items.created_at) < items.deleted_at
    )

select
    events.item_key,
    items.connection_id,
    items.item_id,
    row_number() over item_life as state_number,
    events.valid_from,
    coalesce(lead(events.valid_from) over item_life, items.deleted_at) as valid_to,
    events.history_id,
    events.item_number,
    events.author_id,
    last_value(events.status ignore nulls) over item_life as status_id,
    nullif(last_value(events.resolution ignore nulls) over item_life, '') as resolution_id,
    -- Sprint ids, separated by commas alone; '' = in none.
    replace(last_value(events.sprint ignore nulls) over item_life, ' ', '') as sprint_ids,
    events.sprint is not null as has_sprint_change,
    coalesce(events.status, events.resolution, events.project, events.item_type) is not null as has_stage_field_change,
    coalesce(events.sprint, events.project) is not null as has_team_field_change,
    try_cast(last_value(events.points ignore nulls) over item_life as double) as points,
    try_cast(last_value(events.remaining ignore nulls) over item_life as double) / 3600 as remaining_hours,
    last_value(events.project ignore nulls) over item_life as project_id,
    last_value(events.item_type ignore nulls) over item_life as item_type_id,
    nullif(last_value(events.parent ignore nulls) over item_life, '') as parent_id,
    nullif(last_value(events.epic ignore nulls) over item_life, '') as epic_id,
    last_value(events.flagged ignore nulls) over item_life <> '' as is_flagged,
from events
inner join items on events.item_key = items.item_key
window
    item_life as (
        partition by events.item_key
        order by events.valid_from, events.history_id nulls first
        rows between unbounded preceding and current row
    )
