-- One row per item: whether its history is complete. Every change must start where the one before it ended, and the
-- last must end at today's value; and no history may be missing.
with
    items as (select * from {{ ref("int_item") }}),
    changes as (select * from {{ ref("stg_jira__issue_changes") }}),
    revisions as (select * from {{ ref("stg_azure_devops__revisions") }}),

    -- Values that can be compared: of sprints the sorted set, of estimates the number, of the rest the id.
    jira_changes as (
        select
            connection_id,
            issue_id,
            attribute,
            changed_at,
            history_id,
            item_number,
            case
                attribute
                when 'sprint'
                then {{ id_set("from_id") }}
                when 'points'
                then cast(try_cast(coalesce(from_text, from_id) as double) as varchar)
                else coalesce(from_id, from_text)
            end as from_value,
            case
                attribute
                when 'sprint'
                then {{ id_set("to_id") }}
                when 'points'
                then cast(try_cast(coalesce(to_text, to_id) as double) as varchar)
                else coalesce(to_id, to_text)
            end as to_value
        from changes
        where attribute in ('status', 'sprint', 'points', 'project')
    ),
    chained as (
        select
            *,
            lag(to_value) over item_chain as previous_to_value,
            row_number() over item_chain as change_number,
            lead(attribute) over item_chain is null as is_last
        from jira_changes
        window
            item_chain as (partition by connection_id, issue_id, attribute order by changed_at, history_id, item_number)
    ),
    jira_faults as (
        select
            items.item_key,
            chained.attribute,
            count(*) filter (
                where chained.change_number > 1 and chained.from_value is distinct from chained.previous_to_value
            ) as gaps,
            bool_or(
                chained.is_last
                and chained.to_value is distinct from case
                    chained.attribute
                    when 'status'
                    then items.status_id
                    when 'sprint'
                    then {{ id_set("items.sprint_ids") }}
                    when 'points'
                    then cast(items.points as varchar)
                    else items.project_id
                end
            ) as ends_elsewhere
        from chained
        inner join items on chained.connection_id = items.connection_id and chained.issue_id = items.item_id
        where
            chained.is_last
            or (chained.change_number > 1 and chained.from_value is distinct from chained.previous_to_value)
        group by items.item_key, chained.attribute
    ),
    revision_faults as (
        select connection_id, item_id, max(rev) - count(*) as missing_revisions
        from revisions
        group by connection_id, item_id
        having max(rev) <> count(*)
    ),
    faults as (
        select item_key, attribute || ': ' || gaps || ' gap(s) in the history' as reason
        from jira_faults
        where gaps > 0
        union all
        select item_key, attribute || ': the history does not end at the current value' as reason
        from jira_faults
        where ends_elsewhere
        union all
        select
            item_key,
            'history: ' || (change_count - landed_change_count) || ' of ' || change_count || ' changes missing'
        from items
        where landed_change_count < change_count
        union all
        select items.item_key, 'history: ' || revision_faults.missing_revisions || ' revision(s) missing'
        from revision_faults
        inner join
            items on revision_faults.connection_id = items.connection_id and revision_faults.item_id = items.item_id
    ),
    reasons as (
        select item_key, string_agg(reason, '; ' order by reason) as reasons, count(*) as reason_count
        from faults
        group by item_key
    )

select
    items.item_key,
    items.connection_id,
    reasons.reasons,
    coalesce(reasons.reason_count, 0) as reason_count,
    reasons.item_key is null as is_complete
from items
left join reasons on items.item_key = reasons.item_key
