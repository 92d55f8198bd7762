with
    items as (select * from {{ ref("int_item") }} where tool = 'azure_devops'),
    revisions as (select * from {{ ref("stg_azure_devops__revisions") }}),
    areas as (select * from {{ ref("int_azure_devops__area") }}),
    iterations as (select * from {{ ref("stg_azure_devops__iterations") }}),
    team_iterations as (select * from {{ ref("stg_azure_devops__team_iterations") }} where not is_deleted),

    tracked as (
        select
            *,
            row(
                state,
                coalesce(resolved_reason, reason),
                project,
                item_type,
                area_id,
                area_path,
                iteration_id,
                iteration_path,
                points,
                remaining_hours,
                coalesce(is_blocked, false)
            ) as attributes,
        from revisions
    ),

    changed as (
        select *
        from tracked
        qualify
            attributes
            is distinct from lag(attributes) over (
                partition by connection_id, item_id order by changed_at, rev
            )
    ),

    -- The iteration's node by its number, so that a renamed iteration stays the same one; else by its path.
    placed as (
        select
            changed.*,
            areas.team_id as owner_team_id,
            coalesce(iterations.iteration_path, changed.iteration_path) as iteration_path_today,
        from changed
        left join
            areas
            on changed.connection_id = areas.connection_id
            and changed.project = areas.project
            and coalesce(changed.area_id, '') = areas.area_id
            and coalesce(changed.area_path, '') = areas.recorded_path
        left join
            iterations
            on changed.connection_id = iterations.connection_id
            and changed.iteration_id = iterations.iteration_id
    )

select
    items.item_key,
    items.connection_id,
    items.item_id,
    row_number() over item_life as state_number,
    case
        when row_number() over item_life = 1
        then items.created_at
        else greatest(placed.changed_at, items.created_at)
    end as valid_from,
    case
        when lead(placed.rev) over item_life is not null
        then greatest(lead(placed.changed_at) over item_life, items.created_at)
        else items.deleted_at
    end as valid_to,
    placed.changed_at,
    placed.rev as history_id,
    placed.changed_by_id as author_id,
    placed.state as status_id,
    coalesce(placed.resolved_reason, placed.reason) as resolution,
    coalesce(placed.owner_team_id || ':' || team_iterations.iteration_guid, '') as sprint_ids,
    placed.points,
    placed.remaining_hours,
    placed.project as project_id,
    placed.item_type as item_type_id,
    items.parent_id,
    coalesce(placed.area_id, '') as area_id,
    coalesce(placed.area_path, '') as recorded_path,
    coalesce(placed.is_blocked, false) as is_flagged,
from placed
inner join
    items on placed.connection_id = items.connection_id and placed.item_id = items.item_id
left join
    team_iterations
    on placed.connection_id = team_iterations.connection_id
    and placed.owner_team_id = team_iterations.team_id
    and placed.iteration_path_today = team_iterations.iteration_path
where items.deleted_at is null or placed.changed_at < items.deleted_at or placed.changed_at <= items.created_at
window
    item_life as (partition by items.item_key order by placed.changed_at, placed.rev)
