-- One row per figure and change of its value since it was first published as final.
with
    restated as (select * from {{ ref("restated_figure") }}),
    published as (select * from {{ ref("int_published_figure") }} where is_restatement),
    cause_items as (select * from {{ ref("kpi_restatement_item") }}),

    causes as (
        select
            restatement_key,
            max(cause_items) as cause_items,
            sum(record_count) as record_count,
            count(*) filter (where change = 'came in') as came_in,
            count(*) filter (where change = 'left') as gone,
            count(*) filter (where change = 'changed') as changed,
            count(*) filter (where change = 'came in' and is_deleted) as came_in_deleted,
            count(*) filter (where change = 'left' and is_deleted) as gone_deleted,
            count(*) filter (where change = 'changed' and is_deleted) as changed_deleted
        from cause_items
        group by restatement_key
    ),
    judged as (
        select
            restated.*,
            coalesce(causes.cause_items, 0) as cause_items,
            causes.came_in,
            causes.gone,
            causes.changed,
            causes.came_in_deleted,
            causes.gone_deleted,
            causes.changed_deleted,
            causes.record_count,
            case
                when restated.is_withdrawn
                then 'withdrawn'
                when restated.is_redefined
                then 'definition'
                when restated.has_other_policy
                then 'policy'
                when causes.record_count > 0
                then 'records'
                when causes.cause_items > 0
                then 'indirect'
                when restated.kpi_id = 'predictability'
                then 'earlier_sprints'
                else 'unknown'
            end as cause
        from restated
        left join causes on restated.restatement_key = causes.restatement_key
    ),
    -- Figures of surveys count answers, all others items.
    named as (select *, case when kpi_id in ('nps', 'csat') then 'answer' else 'item' end as thing from judged),
    worded as (
        select
            *,
            concat_ws(
                ', '
                {%- for number, one, many in [
                    ("came_in", "came in", "came in"),
                    ("gone", "left", "left"),
                    ("changed", "counts differently", "count differently"),
                ] -%}
                    ,
                    case
                        when {{ number }} = 1
                        then '1 ' || thing || ' {{ one }}'
                        when {{ number }} > 1
                        then {{ number }} || ' ' || thing || 's {{ many }}'
                    end || case
                        when {{ number }}_deleted = 0
                        then ''
                        when {{ number }}_deleted < {{ number }}
                        then ' (' || {{ number }}_deleted || ' deleted since)'
                        when {{ number }} = 1
                        then ' (deleted since)'
                        else ' (all deleted since)'
                    end
                {%- endfor %}
            ) as changes
        from named
    ),
    now_restated as (
        select
            *,
            case
                cause
                when 'withdrawn'
                then 'It is no longer reported: its scope, period or sprint is gone.'
                when 'definition'
                then 'The definition of the KPI has changed.'
                when 'policy'
                then 'Another version of the policy holds.'
                when 'earlier_sprints'
                then 'The completed work of earlier sprints, which it is compared with, was restated.'
                when 'unknown'
                then 'The evidence of the earlier publication is not there to compare with, or counts the same.'
                else
                    case
                        when cause_items > 20
                        then 'Of ' || cause_items || ' ' || thing || 's the 20 that weigh most: '
                        else ''
                    end
                    || changes
                    || case
                        when cause = 'records'
                        then
                            case
                                when cause_items = 1
                                then '. It has '
                                when cause_items > 20
                                then '. The 20 have '
                                else '. They have '
                            end
                            || {{ counted("record_count", "new record", "new records") }}
                            || '.'
                        else
                            '. Nothing new was read of '
                            || case when cause_items = 1 then 'it' when cause_items > 20 then 'the 20' else 'them' end
                            || ': a seed (mapping, calendar, policy) was changed, or a sprint, a status or a parent.'
                    end
            end as cause_text
        from worded
    ),
    restatements as (
        select
            {{ figure_columns() | join(", ") }},
            restatement_key,
            first_value,
            first_published_at,
            old_value,
            old_published_at,
            new_value,
            restated_at,
            run_id,
            cause,
            cause_text,
            cause_items
        from now_restated
        union all
        select
            {{ figure_columns() | join(", ") }},
            restatement_key,
            first_value,
            first_published_at,
            old_value,
            old_published_at,
            value,
            data_as_of_at,
            run_id,
            cause,
            cause_text,
            cause_items
        from published
        where restatement_key not in (select restatement_key from restated)
    )

select
    {{ figure_columns() | join(", ") }},
    restatement_key,
    first_value,
    first_published_at,
    old_value,
    old_published_at,
    new_value,
    new_value - old_value as change_value,
    restated_at,
    run_id,
    cause,
    cause_text,
    cast(cause_items as bigint) as cause_items,
    row_number() over (partition by figure_key order by restated_at desc, old_published_at desc) = 1 as is_latest
from restatements
