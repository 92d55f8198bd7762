{{ config(materialized="ephemeral", access="private", meta={"published": false}, contract={"enforced": false}) }}

-- One row per status and rule of data hygiene that it breaks: unmapped, or filled at once by a change of the workflow.
with
    connections as (select * from {{ ref("int_source") }}),
    stays as (select * from {{ ref("fct_state_interval") }}),
    statuses as (select * from {{ ref("int_status_stage") }} where not is_mapped),
    projects as (select * from {{ ref("int_project") }}),

    unmapped as (
        select
            'status_unmapped' as rule_id,
            {{ key("statuses.connection_id", "statuses.status_id") }}
            || ':'
            || coalesce(projects.project_key, '') as subject_key,
            statuses.connection_id,
            cast(null as varchar) as item_key,
            min(statuses.status) as subject,
            cast(null as varchar) as title,
            cast(null as varchar) as sprint_key,
            cast(null as varchar) as person_key,
            cast(null as varchar) as team_key,
            projects.project_key,
            min(connections.url) as source_url,
            'No stage is known for status "'
            || min(statuses.status)
            || '" (id '
            || statuses.status_id
            || ') in '
            || coalesce(min(projects.project), 'its project')
            || '; its items count as todo.' as finding,
            cast(null as timestamp) as since_at
        from statuses
        inner join connections on statuses.connection_id = connections.connection_id
        left join
            projects
            on statuses.connection_id = projects.connection_id
            and statuses.raw_project_id = projects.raw_project_id
        group by statuses.connection_id, statuses.status_id, projects.project_key
    ),

    -- Stretches of ten minutes in which many items of a project entered one status; finishing many at once is work.
    arrivals as (
        select
            connection_id,
            project_key,
            status_id,
            cast(floor({{ microseconds("entered_at") }} / 600000000) as bigint) as stretch
        from stays
        where sequence > 1 and not (stage in ('done', 'cancelled') and previous_stage not in ('done', 'cancelled'))
        group by connection_id, project_key, status_id, stretch
        having count(*) >= 20
    ),
    migrated as (
        select
            arrivals.connection_id,
            arrivals.project_key,
            arrivals.stretch,
            earlier.status_id as from_status_id,
            min(earlier.status) as from_status,
            arrivals.status_id as to_status_id,
            min(stays.status) as to_status,
            count(distinct stays.item_key) as moved_items,
            min(stays.entered_at) as first_at,
            max(stays.entered_at) as last_at,
            1 + cast(
                floor({{ hours_between("min(stays.entered_at)", "max(stays.entered_at)") }} * 60) as bigint
            ) as minutes
        from arrivals
        inner join
            stays
            on arrivals.connection_id = stays.connection_id
            and arrivals.status_id = stays.status_id
            and arrivals.project_key is not distinct from stays.project_key
            and arrivals.stretch = cast(floor({{ microseconds("stays.entered_at") }} / 600000000) as bigint)
        inner join stays as earlier on stays.item_key = earlier.item_key and stays.sequence = earlier.sequence + 1
        where earlier.status_id <> stays.status_id
        group by all
        having count(distinct stays.item_key) >= 20
    ),
    left_over as (
        select
            migrated.connection_id, migrated.project_key, migrated.stretch, migrated.from_status_id, count(*) as items
        from migrated
        inner join
            stays
            on migrated.connection_id = stays.connection_id
            and migrated.from_status_id = stays.status_id
            and migrated.project_key is not distinct from stays.project_key
            and stays.entered_at <= migrated.last_at
            and (stays.left_at is null or stays.left_at > migrated.last_at)
        group by all
    ),
    migrations as (
        select
            'bulk_migration' as rule_id,
            concat_ws(
                ':',
                migrated.project_key,
                migrated.from_status_id,
                migrated.to_status_id,
                cast(migrated.stretch as varchar)
            ) as subject_key,
            migrated.connection_id,
            cast(null as varchar) as item_key,
            migrated.to_status as subject,
            cast(null as varchar) as title,
            cast(null as varchar) as sprint_key,
            cast(null as varchar) as person_key,
            cast(null as varchar) as team_key,
            migrated.project_key,
            connections.url as source_url,
            migrated.moved_items
            || ' items went from "'
            || migrated.from_status
            || '" to "'
            || migrated.to_status
            || '" within '
            || {{ counted("migrated.minutes", "minute", "minutes") }}
            || ', '
            || coalesce(left_over.items, 0)
            || ' stayed.' as finding,
            migrated.first_at as since_at
        from migrated
        inner join connections on migrated.connection_id = connections.connection_id
        left join
            left_over
            on migrated.connection_id = left_over.connection_id
            and migrated.project_key is not distinct from left_over.project_key
            and migrated.stretch = left_over.stretch
            and migrated.from_status_id = left_over.from_status_id
        where coalesce(left_over.items, 0) * 10 <= migrated.moved_items
    )

select *
from unmapped
union all
select *
from migrations
