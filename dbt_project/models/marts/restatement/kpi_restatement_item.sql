-- One row per restatement and item (or survey response) that counts differently since: the evidence as last published
-- against the evidence now, with the raw records of the item that were landed in between. At most twenty a restatement.
{%- set most = 20 %}
with
    restated as (select * from {{ ref("restated_figure") }}),
    published as (select * from {{ ref("int_published_figure") }} where is_restatement),
    old_evidence as (select * from {{ ref("int_published_evidence") }}),
    old_stays as (select * from {{ ref("int_published_stay") }}),
    evidence as (select * from {{ ref("kpi_evidence") }}),
    stays as (select * from {{ ref("fct_state_interval") }}),
    periods as (select * from {{ ref("int_period") }} where period_type in ('month', 'quarter')),
    events as (select * from {{ ref("fct_sprint_event") }}),
    sprints as (select * from {{ ref("dim_sprint") }}),
    items as (select * from {{ ref("dim_work_item") }}),
    nodes as (select * from {{ ref("int_portfolio_node") }}),
    response_scopes as (select * from {{ ref("int_survey_scope") }}),
    records as (select * from {{ ref("raw_record") }}),
    responses as (select * from {{ ref("fct_survey_response") }}),

    placed_evidence as (
        select
            evidence.kpi_id,
            evidence.policy_id,
            evidence.event_date,
            evidence.sprint_key,
            evidence.item_key,
            evidence.response_key,
            evidence.role,
            evidence.contribution,
            stays.connection_id,
            stays.team_key,
            stays.project_key,
            {{ key("stays.connection_id", "stays.item_type") }} as item_type_key
        from evidence
        left join stays on evidence.item_key = stays.item_key and evidence.event_sequence = stays.sequence
    ),
    placed_stays as (
        select
            item_key,
            connection_id,
            team_key,
            project_key,
            {{ key("connection_id", "item_type") }} as item_type_key,
            stage,
            entered_at,
            left_at
        from stays
    ),

    -- What counted for the restated figures, before and now, in whatever scope.
    counted as (
        {% for side, source in [("old", "old_evidence"), ("new", "placed_evidence")] -%}
            {%- for period_type, key in [
                ("sprint", "told.sprint_key"),
                ("month", "cast(date_trunc('month', told.event_date) as date)"),
                ("quarter", "cast(date_trunc('quarter', told.event_date) as date)"),
            ] -%}
                select
                    restated.figure_key,
                    restated.scope_type,
                    restated.scope_key,
                    '{{ side }}' as side,
                    told.item_key,
                    told.response_key,
                    told.role,
                    told.contribution,
                    told.connection_id,
                    told.team_key,
                    told.project_key,
                    told.item_type_key,
                    {{ "true" if period_type == "sprint" else "false" }} as is_of_sprint
                from restated
                inner join
                    {{ source }} as told
                    on restated.kpi_id = told.kpi_id
                    and restated.policy_id = told.policy_id
                    and {{ "restated.sprint_key" if period_type == "sprint" else "restated.period_start_date" }}
                    = {{ key }}
                where
                    restated.period_type = '{{ period_type }}'
                    {% if period_type != "sprint" %} and told.sprint_key is null {% endif %}
                union all
            {% endfor -%}
        {% endfor -%}
        {% for side, source in [("old", "old_stays"), ("new", "placed_stays")] -%}
            select
                restated.figure_key,
                restated.scope_type,
                restated.scope_key,
                '{{ side }}' as side,
                told.item_key,
                cast(null as varchar) as response_key,
                'occupied' as role,
                1.0 as contribution,
                told.connection_id,
                told.team_key,
                told.project_key,
                told.item_type_key,
                false as is_of_sprint
            from restated
            inner join
                periods
                on restated.scope_type = periods.scope_type
                and restated.scope_key = periods.scope_key
                and restated.period_type = periods.period_type
                and restated.period_start_date = periods.period_start_date
            inner join
                {{ source }} as told
                on told.entered_at < periods.end_at
                and coalesce(told.left_at, timestamp 'infinity') >= periods.end_at
            where restated.kpi_id in ('wip', 'wip_age_p85') and told.stage in ('in_progress', 'waiting')
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),
    in_scope as (
        select counted.*
        from counted
        left join items on counted.item_key = items.item_key
        left join nodes on items.portfolio_key = nodes.portfolio_key
        where
            (counted.item_key is not null or counted.response_key is not null)
            and case
                when counted.is_of_sprint or counted.scope_type = 'all'
                then true
                when counted.response_key is not null
                then
                    counted.response_key in (
                        select response_key
                        from response_scopes
                        where
                            response_scopes.scope_type = counted.scope_type
                            and response_scopes.scope_key = counted.scope_key
                    )
                    or counted.response_key not in (select response_key from response_scopes)
                when counted.scope_type = 'connection'
                then counted.connection_id = counted.scope_key
                when counted.scope_type = 'team'
                then counted.team_key = counted.scope_key
                when counted.scope_type = 'project'
                then counted.project_key = counted.scope_key
                when counted.scope_type = 'item_type'
                then counted.item_type_key = counted.scope_key
                else coalesce(counted.scope_key in (nodes.top_key, nodes.program_key), true)
            end
    ),
    compared as (
        select
            figure_key,
            item_key,
            response_key,
            {{ exact_sum("contribution", "side = 'old'") }} as old_contribution,
            {{ exact_sum("contribution", "side = 'new'") }} as new_contribution,
            count(*) filter (where side = 'old') as old_rows,
            count(*) filter (where side = 'new') as new_rows,
            string_agg(distinct role, ',' order by role) filter (where side = 'old') as old_roles,
            string_agg(distinct role, ',' order by role) filter (where side = 'new') as new_roles
        from in_scope
        group by figure_key, item_key, response_key
    ),
    differing as (
        select
            *,
            case when old_rows = 0 then 'came in' when new_rows = 0 then 'left' else 'changed' end as change,
            count(*) over (partition by figure_key) as cause_items
        from compared
        where (old_roles is distinct from new_roles) or {{ differs("old_contribution", "new_contribution") }}
        qualify
            row_number() over (
                partition by figure_key
                order by abs(coalesce(new_contribution, 0) - coalesce(old_contribution, 0)) desc, item_key, response_key
            )
            <= {{ most }}
    ),

    -- The raw records of those items that no publication before this one could know.
    since as (select max(last_published_at) as published_at from restated),
    landed as (select records.* from records inner join since on records.committed_at > since.published_at),
    landed_of as (
        select
            landed.connection_id || ':' || split_part(landed.record_id, ':', 1) as item_key,
            cast(null as varchar) as response_key,
            landed.*
        from landed
        where
            landed.stream
            in ('jira/issues', 'jira/issue_changes', 'azure_devops/revisions', 'azure_devops/deleted_items')
        union all
        select cast(null as varchar), responses.response_key, landed.*
        from landed
        inner join
            responses
            on landed.connection_id = responses.connection_id
            and landed.raw_record_key = responses.raw_record_key
    ),
    landed_since as (
        select
            coalesce(item_key, response_key) as cause_key,
            count(*) as record_count,
            {{ list_head(list_of("raw_record_key", order="extracted_at desc, raw_record_key"), most) }}
            as raw_record_keys,
            {{ list_sorted(list_of("distinct batch_id")) }} as batch_ids,
            {{ list_sorted(list_of("distinct run_id")) }} as extraction_run_ids
        from landed_of
        where coalesce(item_key, response_key) in (select coalesce(item_key, response_key) from differing)
        group by cause_key
    ),

    now_restated as (
        select
            restated.restatement_key,
            restated.figure_key,
            restated.run_id,
            differing.item_key,
            differing.response_key,
            differing.change,
            differing.old_contribution,
            differing.new_contribution,
            differing.cause_items,
            coalesce(landed_since.record_count, 0) as record_count,
            landed_since.raw_record_keys,
            landed_since.batch_ids,
            landed_since.extraction_run_ids
        from differing
        inner join restated on differing.figure_key = restated.figure_key
        left join landed_since on coalesce(differing.item_key, differing.response_key) = landed_since.cause_key
    ),
    unnested as (
        select restatement_key, figure_key, run_id, cause_items, {{ each_of("causes") }} as cause from published
    ),
    restated_before as (
        select
            restatement_key,
            figure_key,
            run_id,
            cause.item_key,
            cause.response_key,
            cause.change,
            cause.old_contribution,
            cause.new_contribution,
            cause_items,
            cause.record_count,
            cause.raw_record_keys,
            cause.batch_ids,
            cause.extraction_run_ids
        from unnested
    ),
    told as (
        select *
        from now_restated
        union all
        select *
        from restated_before
        where restatement_key not in (select restatement_key from restated)
    ),

    -- What those records did to the item, as far as it can be said in words: statuses, and what it did to sprints.
    told_records as (
        select restatement_key, item_key, {{ each_of("raw_record_keys") }} as raw_record_key
        from told
        where item_key is not null
    ),
    deeds as (
        select
            told_records.restatement_key,
            told_records.item_key,
            stays.entered_at as happened_at,
            coalesce(stays.status, stays.stage) as deed
        from told_records
        inner join
            stays on told_records.item_key = stays.item_key and told_records.raw_record_key = stays.raw_record_key
        -- An issue of Jira is landed anew with each change; its creation is no change.
        where stays.raw_record_key not like 'jira/issues|%'
        union
        select
            told_records.restatement_key,
            told_records.item_key,
            events.event_at,
            case
                events.event_type
                when 'added'
                then 'added to '
                when 'removed'
                then 'removed from '
                else 'estimated anew in '
            end
            || sprints.name
        from told_records
        inner join
            events on told_records.item_key = events.item_key and told_records.raw_record_key = events.raw_record_key
        inner join sprints on events.sprint_key = sprints.sprint_key
        where events.event_type in ('added', 'removed', 'estimate_changed')
    ),
    deeds_of as (
        select
            restatement_key,
            item_key,
            string_agg(
                cast(cast(happened_at as date) as varchar) || ' ' || deed, ', ' order by happened_at, deed
            ) as changes
        from deeds
        group by restatement_key, item_key
    )

select
    told.restatement_key,
    told.figure_key,
    told.run_id,
    told.item_key,
    told.response_key,
    items.connection_id,
    items.item_ref,
    items.title,
    items.source_url,
    told.change,
    told.old_contribution,
    told.new_contribution,
    told.cause_items,
    deeds_of.changes,
    cast(told.record_count as bigint) as record_count,
    told.raw_record_keys,
    told.batch_ids,
    told.extraction_run_ids,
    coalesce(items.is_deleted, false) as is_deleted
from told
left join items on told.item_key = items.item_key
left join deeds_of on told.restatement_key = deeds_of.restatement_key and told.item_key = deeds_of.item_key
