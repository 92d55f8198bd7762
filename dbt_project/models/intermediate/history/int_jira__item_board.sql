{#- The board of the sprint that an item is in; of several the one it was put into last; out of all, the last one. -#}
with
    histories as (select * from {{ ref("int_jira__item_history") }}),
    subtask_histories as (select * from {{ ref("int_jira__subtask_history") }}),
    sprints as (select * from {{ ref("stg_jira__sprints") }}),

    memberships as (
        select item_key, connection_id, state_number, sprint_ids
        from histories
        where (has_sprint_change or state_number = 1) and item_key not in (select item_key from subtask_histories)
        union all
        select item_key, connection_id, state_number, effective_sprint_ids
        from subtask_histories
    ),

    numbered as (
        select *, row_number() over (partition by item_key order by state_number) as membership_number from memberships
    ),

    stays as (
        select
            item_key,
            connection_id,
            state_number,
            membership_number,
            {{ each_of(text_list("sprint_ids", "','")) }} as sprint_id,
        from numbered
        where sprint_ids <> ''
    ),

    entries as (
        select
            *,
            coalesce(
                membership_number
                <> 1 + lag(membership_number) over (partition by item_key, sprint_id order by membership_number),
                true
            ) as is_entry,
        from stays
    ),

    entered as (
        select
            *,
            max(case when is_entry then membership_number end) over (
                partition by item_key, sprint_id
                order by membership_number
                rows between unbounded preceding and current row
            ) as entered_number,
        from entries
    ),

    boards as (
        select
            entered.item_key,
            entered.state_number,
            {{ last_by("sprints.board_id", "(entered.entered_number, try_cast(entered.sprint_id as bigint))") }}
            as board_id,
        from entered
        inner join sprints on entered.connection_id = sprints.connection_id and entered.sprint_id = sprints.sprint_id
        where sprints.board_id is not null
        group by entered.item_key, entered.state_number
    ),

    changes as (
        select *
        from boards
        qualify board_id is distinct from lag(board_id) over (partition by item_key order by state_number)
    )

select
    item_key,
    board_id,
    state_number as from_state_number,
    lead(state_number) over (partition by item_key order by state_number) as to_state_number,
from changes
