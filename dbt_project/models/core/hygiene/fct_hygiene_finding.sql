-- One row per finding of data hygiene: a rule of dim_hygiene_rule that an item, a sprint or a status breaks today.
with
    rules as (select * from {{ ref("dim_hygiene_rule") }}),
    connections as (select * from {{ ref("int_connection") }}),
    items as (select * from {{ ref("dim_work_item") }}),
    sprints as (
        select
            sprints.*,
            connections.url,
            sprints.state = 'active'
            and sprints.is_measurable
            and {{ hours_between("sprints.planned_end_at", "connections.watermark_at") }} > 24 as is_overdue,
            cast(
                floor({{ hours_between("sprints.planned_end_at", "connections.watermark_at") }} / 24) as bigint
            ) as days_over
        from {{ ref("dim_sprint") }} as sprints
        inner join connections on sprints.connection_id = connections.connection_id
    ),
    item_findings as (select * from {{ ref("int_hygiene_item") }}),
    of_statuses as (select * from {{ ref("int_hygiene_status") }}),

    of_items as (
        select
            item_findings.rule_id,
            item_findings.item_key as subject_key,
            items.connection_id,
            items.item_key,
            items.item_ref as subject,
            items.title,
            cast(null as varchar) as sprint_key,
            items.assignee_key as person_key,
            items.team_key,
            items.project_key,
            items.source_url,
            item_findings.finding,
            item_findings.since_at
        from item_findings
        inner join items on item_findings.item_key = items.item_key
    ),

    of_sprints as (
        select
            case when sprints.is_overdue then 'sprint_overdue' else 'sprint_without_dates' end as rule_id,
            sprints.sprint_key as subject_key,
            sprints.connection_id,
            cast(null as varchar) as item_key,
            sprints.name as subject,
            sprints.goal as title,
            sprints.sprint_key,
            cast(null as varchar) as person_key,
            sprints.team_key,
            cast(null as varchar) as project_key,
            case
                when sprints.board_id is not null
                then
                    sprints.url
                    || '/secure/RapidBoard.jspa?rapidView='
                    || sprints.board_id
                    || '&view=reporting&chart=sprintRetrospective&sprint='
                    || sprints.sprint_id
                else sprints.url
            end as source_url,
            case
                when sprints.is_overdue
                then 'Active ' || {{ counted("days_over", "day", "days") }} || ' after its planned end.'
                when coalesce(sprints.started_at, sprints.planned_start_at) is null
                then 'It has no start date.'
                when coalesce(sprints.closed_at, sprints.planned_end_at) is null
                then 'It has no end date.'
                else 'Its close does not lie after its start.'
            end as finding,
            case when sprints.is_overdue then sprints.planned_end_at end as since_at
        from sprints
        where
            (sprints.state <> 'future' and not sprints.is_measurable)
            -- An iteration's state comes from its dates: without them it never begins.
            or (not sprints.includes_bounds and sprints.planned_start_at is null)
            or sprints.is_overdue
    ),

    findings as (
        select *
        from of_items
        union all
        select *
        from of_sprints
        union all
        select *
        from of_statuses
    )

select
    findings.rule_id || '|' || findings.subject_key as finding_key,
    findings.rule_id,
    rules.severity,
    rules.subject_type,
    findings.connection_id,
    findings.item_key,
    findings.sprint_key,
    findings.subject,
    findings.title,
    findings.finding,
    findings.person_key,
    findings.team_key,
    findings.project_key,
    findings.source_url,
    findings.since_at,
    connections.watermark_at as as_of_at
from findings
left join rules on findings.rule_id = rules.rule_id
inner join connections on findings.connection_id = connections.connection_id
