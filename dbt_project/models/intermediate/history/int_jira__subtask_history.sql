{#- A sub-task is in the sprints that its parent is in. Its own rows and the parent's changes of sprint are put in
    one order; each row takes the own values and the parent's sprints that hold at that point. -#}
with
    histories as (select * from {{ ref("int_jira__item_history") }}),
    types as (select * from {{ ref("int_item_type") }}),
    items as (select * from {{ ref("int_item") }} where tool = 'jira'),

    stays as (
        select
            histories.*,
            case
                when types.is_subtask then {{ key("histories.connection_id", "histories.parent_id") }}
            end as parent_key,
        from histories
        inner join
            types on histories.connection_id = types.connection_id and histories.item_type_id = types.item_type_id
    ),

    pairs as (select distinct item_key, parent_key from stays where parent_key is not null),

    own as (select stays.* from stays where item_key in (select item_key from pairs)),

    parent_changes as (
        select item_key, item_id, valid_from, history_id, item_number, author_id, sprint_ids
        from histories
        where has_sprint_change and item_key in (select parent_key from pairs)
        union all
        select item_key, item_id, deleted_at, null, null, null, ''
        from items
        where deleted_at is not null and item_key in (select parent_key from pairs)
    ),

    events as (
        select
            own.item_key,
            pairs.parent_key,
            own.valid_from,
            own.history_id,
            1 as tie_break,
            own.state_number,
            null as parent_sprint_ids,
            own.item_id as raw_item_id,
            own.item_number,
            own.author_id,
        from own
        inner join pairs on own.item_key = pairs.item_key
        union all
        select
            pairs.item_key,
            pairs.parent_key,
            parent_changes.valid_from,
            parent_changes.history_id,
            0 as tie_break,
            null as state_number,
            parent_changes.sprint_ids,
            parent_changes.item_id,
            parent_changes.item_number,
            parent_changes.author_id,
        from parent_changes
        inner join pairs on parent_changes.item_key = pairs.parent_key
    ),

    filled as (
        select
            * exclude (state_number, parent_sprint_ids),
            state_number is not null as is_own,
            max(state_number) over pair_life as own_state_number,
            coalesce(last_value(parent_sprint_ids ignore nulls) over pair_life, '') as parent_sprint_ids,
        from events
        window
            pair_life as (
                partition by item_key, parent_key
                order by valid_from, history_id nulls first, tie_break
                rows between unbounded preceding and current row
            )
    ),

    merged as (
        select
            own.* exclude (
                state_number,
                valid_from,
                valid_to,
                history_id,
                item_number,
                author_id,
                parent_key,
                has_stage_field_change,
                has_team_field_change
            ),
            own.state_number = 1 and filled.is_own as is_creation,
            own.has_stage_field_change and filled.is_own as has_stage_field_change,
            filled.valid_from,
            filled.history_id,
            filled.item_number,
            filled.author_id,
            filled.raw_item_id,
            filled.tie_break,
            filled.parent_sprint_ids as effective_sprint_ids,
        from filled
        inner join
            own
            on filled.item_key = own.item_key
            and filled.parent_key = own.parent_key
            and filled.own_state_number = own.state_number
        union all
        select
            own.* exclude (
                state_number,
                valid_from,
                valid_to,
                history_id,
                item_number,
                author_id,
                parent_key,
                has_stage_field_change,
                has_team_field_change
            ),
            own.state_number = 1 as is_creation,
            own.has_stage_field_change,
            own.valid_from,
            own.history_id,
            own.item_number,
            own.author_id,
            own.item_id as raw_item_id,
            1 as tie_break,
            own.sprint_ids as effective_sprint_ids,
        from own
        where own.parent_key is null
    )

select
    merged.* exclude (tie_break),
    true as has_team_field_change,
    row_number() over item_life as state_number,
    coalesce(lead(merged.valid_from) over item_life, items.deleted_at) as valid_to,
from merged
inner join items on merged.item_key = items.item_key
where items.deleted_at is null or merged.valid_from < items.deleted_at or merged.is_creation
window
    item_life as (
        partition by merged.item_key order by merged.valid_from, merged.history_id nulls first, merged.tie_break
    )
