-- One row per sprint, policy, measure and item that counts differently here and in the tool's own sprint report.
with
    tool_sprints as (select * from {{ ref("int_tool_report") }} where item_key is null),
    tool_items as (select * from {{ ref("int_tool_report") }} where item_key is not null),
    board_items as (select * from {{ ref("int_board_item") }}),
    bounds as (select * from {{ ref("int_sprint_bounds") }}),
    our_items as (select * from {{ ref("fct_sprint_item") }}),
    items as (select * from {{ ref("dim_work_item") }}),
    trust as (select * from {{ ref("fct_item_trust") }}),
    intervals as (select * from {{ ref("fct_state_interval") }}),

    compared as (
        select
            bounds.sprint_key,
            bounds.policy_id,
            bounds.connection_id,
            bounds.team_key,
            tool_sprints.board_id,
            tool_sprints.has_points,
            bounds.start_cut_at,
            bounds.commitment_cut_at > bounds.start_cut_at as has_grace,
            bounds.close_at < bounds.closed_at as ends_as_planned,
            bounds.uses_current_estimate,
            bounds.includes_subtasks
        from tool_sprints
        inner join bounds on tool_sprints.sprint_key = bounds.sprint_key
        where bounds.is_closed
    ),
    told_by_tool as (
        select
            compared.sprint_key,
            compared.policy_id,
            tool_items.* exclude (sprint_key, connection_id, board_id, has_points, committed_points, completed_points)
        from compared
        inner join tool_items on compared.sprint_key = tool_items.sprint_key
    ),
    told_here as (
        select our_items.*
        from compared
        inner join our_items on compared.sprint_key = our_items.sprint_key and compared.policy_id = our_items.policy_id
    ),
    -- Done as the tool understands it, at the start that it knows: neither resolutions nor a grace count.
    done_at_start as (
        select told_by_tool.sprint_key, told_by_tool.policy_id, told_by_tool.item_key, true as was_done_at_start
        from told_by_tool
        inner join
            compared on told_by_tool.sprint_key = compared.sprint_key and told_by_tool.policy_id = compared.policy_id
        inner join intervals on told_by_tool.item_key = intervals.item_key
        where
            intervals.stage in ('done', 'cancelled')
            and intervals.entered_at < compared.start_cut_at
            and (intervals.left_at is null or intervals.left_at >= compared.start_cut_at)
        group by all
    ),
    -- What each of the two says of an item, of all items that either knows.
    pairs as (
        select
            sprint_key,
            policy_id,
            item_key,
            told_by_tool.item_ref,
            told_here.item_key is not null as is_ours,
            told_by_tool.outcome is not null as is_the_tools,
            told_here.outcome as our_outcome,
            told_by_tool.outcome as tool_outcome,
            coalesce(told_here.is_committed, false) as is_committed,
            coalesce(told_here.is_added, false) as is_added,
            coalesce(told_here.is_removed, false) as is_removed,
            coalesce(done_at_start.was_done_at_start, false) as was_done_at_start,
            coalesce(told_by_tool.is_added, false) as is_added_in_tool,
            told_here.points_at_start as our_points_at_start,
            told_by_tool.points_at_start as tool_points_at_start,
            told_here.points_at_close as our_points_at_close,
            told_by_tool.points_at_close as tool_points_at_close
        from told_here
        full join told_by_tool using (sprint_key, policy_id, item_key)
        left join done_at_start using (sprint_key, policy_id, item_key)
    ),
    counted as (
        {% for measure, ours, tools in [
            (
                "committed_points",
                "is_committed then coalesce(our_points_at_start, 0)",
                "is_the_tools and not is_added_in_tool and not was_done_at_start then coalesce(tool_points_at_start, 0)",
            ),
            (
                "completed_points",
                "our_outcome = 'completed' then coalesce(our_points_at_close, 0)",
                "tool_outcome = 'completed' then coalesce(tool_points_at_close, 0)",
            ),
            ("completed_items", "our_outcome = 'completed' then 1", "tool_outcome = 'completed' then 1"),
            (
                "not_completed_items",
                "our_outcome = 'not_completed' then 1",
                "tool_outcome = 'not_completed' then 1",
            ),
            ("removed_items", "is_removed then 1", "tool_outcome = 'removed' then 1"),
            ("added_items", "is_added then 1", "is_added_in_tool then 1"),
            (
                "completed_elsewhere_items",
                "our_outcome = 'completed_elsewhere' then 1",
                "tool_outcome = 'completed_elsewhere' then 1",
            ),
        ] -%}
            select
                pairs.*,
                '{{ measure }}' as measure,
                cast(case when {{ ours }} else 0 end as double) as our_value,
                cast(case when {{ tools }} else 0 end as double) as tool_value
            from pairs
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),
    differing as (select * from counted where {{ differs("our_value", "tool_value") }}),

    explained as (
        select
            differing.*,
            compared.connection_id,
            compared.team_key,
            coalesce(items.item_ref, differing.item_ref) as ref,
            items.title,
            items.source_url,
            items.resolution,
            case
                when not differing.is_the_tools and items.is_deleted
                then 'deleted'
                when not differing.is_the_tools and board_items.item_key is null
                then 'not_on_board'
                when not differing.is_the_tools and differing.our_outcome is null
                then 'never_open'
                when not differing.is_ours and items.item_key is null
                then 'not_landed'
                when (not differing.is_ours or compared.includes_subtasks) and items.is_subtask
                then 'sub_task'
                when differing.our_outcome = 'cancelled'
                then 'not_delivered'
                when not trust.is_complete
                then 'history_incomplete'
                when compared.ends_as_planned and (differing.our_outcome is distinct from differing.tool_outcome)
                then 'planned_end'
                when
                    compared.has_grace
                    and differing.is_committed
                    and (differing.is_added_in_tool or differing.was_done_at_start)
                then 'grace'
                when
                    differing.measure in ('committed_points', 'completed_points')
                    and compared.uses_current_estimate
                    and differing.our_outcome = differing.tool_outcome
                then 'estimate_today'
                when differing.is_added_in_tool and differing.our_outcome = 'completed_elsewhere'
                then 'added_as_done'
                when 'completed_elsewhere' in (differing.our_outcome, differing.tool_outcome)
                then 'completed_outside'
                when
                    'completed' in (differing.our_outcome, differing.tool_outcome)
                    and (differing.our_outcome is distinct from differing.tool_outcome)
                then 'done_mapping'
                when differing.measure in ('committed_points', 'completed_points')
                then 'estimate_changed'
                when differing.measure in ('added_items', 'removed_items')
                then 'reopened_or_done'
                else 'unexplained'
            end as reason_id
        from differing
        inner join compared on differing.sprint_key = compared.sprint_key and differing.policy_id = compared.policy_id
        left join items on differing.item_key = items.item_key
        left join trust on differing.item_key = trust.item_key
        left join board_items on differing.item_key = board_items.item_key and compared.board_id = board_items.board_id
        where compared.has_points or differing.measure not in ('committed_points', 'completed_points')
    )

select
    sprint_key,
    policy_id,
    measure,
    item_key,
    connection_id,
    team_key,
    ref as item_ref,
    title,
    source_url,
    our_outcome,
    tool_outcome,
    our_value,
    tool_value,
    reason_id,
    case
        reason_id
        when 'deleted'
        then 'It has been deleted since; the tool forgets what is deleted, here it counts up to its deletion.'
        when 'not_on_board'
        then 'The board''s filter does not hold it today, and the tool''s report shows only what it holds.'
        when 'never_open'
        then 'It was done before it came into the sprint; the tool does not list it.'
        when 'not_landed'
        then 'It is not among the items that were read: another project, or hidden from the account.'
        when 'sub_task'
        then 'It is a sub-task: the tool''s report leaves sub-tasks out; here the policy decides.'
        when 'not_delivered'
        then
            'It was closed as "'
            || coalesce(resolution, 'cancelled')
            || '": here that is cancelled; the tool counts whatever ends in the last column as completed.'
        when 'history_incomplete'
        then 'Its recorded changes do not lead to today''s values; see fct_item_trust.'
        when 'planned_end'
        then 'The policy ends sprints as planned; the tool counts until the close.'
        when 'grace'
        then 'It came or was re-opened within the policy''s grace: here committed, in the tool not.'
        when 'estimate_today'
        then 'The policy takes today''s estimates; the tool takes those of the sprint.'
        when 'added_as_done'
        then 'It was done when it was put into the sprint: no work was added here, the tool counts it as added.'
        when 'completed_outside'
        then 'It was finished outside of the sprint by one of the two: before the start, or while not in it.'
        when 'done_mapping'
        then 'The tool takes the board''s last column for done, here the status has another stage (stage_mapping).'
        when 'estimate_changed'
        then 'The two take its estimate at different instants: it was changed.'
        when 'reopened_or_done'
        then 'It was in the sprint as done or cancelled, and so no open work to add or remove; the tool counts items.'
        else 'No rule explains it.'
    end as reason
from explained
