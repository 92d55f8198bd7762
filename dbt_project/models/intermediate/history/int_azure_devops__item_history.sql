with
    items as (select * from {{ ref("int_item") }} where tool = 'azure_devops'),
    revisions as (select * from {{ ref("stg_azure_devops__revisions") }}),
    areas as (select * from {{ ref("int_azure_devops__area") }}),
    parents as (select * from {{ ref("int_azure_devops__parent") }}),
    iterations as (select * from {{ ref("stg_azure_devops__iterations") }}),
    -- An iteration that the team no longer subscribes to keeps its past, unless another one took its path.
    team_iterations as (
        select *
        from {{ ref("stg_azure_devops__team_iterations") }}
        qualify
            row_number() over (
                partition by connection_id, team_id, iteration_path
                order by is_deleted, deleted_seen_at desc, iteration_guid
            )
            = 1
    ),

    tracked as (
        select
            items.item_key,
            items.created_at,
            items.deleted_at,
            greatest(revisions.changed_at, items.created_at) as changed_from,
            row(
                revisions.state,
                coalesce(revisions.resolved_reason, revisions.reason),
                revisions.project,
                revisions.item_type
            ) as stage_fields,
            row(revisions.project, revisions.area_id, revisions.area_path) as team_fields,
            row(
                revisions.iteration_id,
                revisions.iteration_path,
                revisions.points,
                revisions.remaining_hours,
                coalesce(revisions.is_blocked, false)
            ) as other_fields,
            revisions.*,
        from revisions
        inner join items on revisions.connection_id = items.connection_id and revisions.item_id = items.item_id
    ),

    -- Links come and go with a revision as a rule; where one does not, the revision that holds then goes on below
    -- another parent.
    link_instants as (
        select connection_id, item_id, valid_from as changed_from
        from parents
        union
        select connection_id, item_id, valid_to
        from parents
        where valid_to is not null
    ),

    last_of_instant as (
        select * from tracked qualify row_number() over (partition by item_key, changed_from order by rev desc) = 1
    ),

    relinked as (
        select last_of_instant.* replace (link_instants.changed_from as changed_from),
        from link_instants
        asof inner join
            last_of_instant
            on link_instants.connection_id = last_of_instant.connection_id
            and link_instants.item_id = last_of_instant.item_id
            and link_instants.changed_from >= last_of_instant.changed_from
        where link_instants.changed_from > last_of_instant.changed_from
    ),

    moments as (
        select *
        from tracked
        union all
        select *
        from relinked
    ),

    below_parents as (
        select
            moments.*,
            case
                when parents.valid_to is null or moments.changed_from < parents.valid_to then parents.parent_id
            end as parent_id,
        from moments
        asof left join
            parents
            on moments.connection_id = parents.connection_id
            and moments.item_id = parents.item_id
            and moments.changed_from >= parents.valid_from
    ),

    changed as (
        select
            *,
            row_number() over item_life as revision_number,
            (stage_fields is distinct from lag(stage_fields) over item_life) as has_stage_field_change,
            (team_fields is distinct from lag(team_fields) over item_life) as has_team_field_change,
        from below_parents
        window item_life as (partition by item_key order by changed_from, rev)
        qualify
            has_stage_field_change
            or has_team_field_change
            or parent_id is distinct from lag(parent_id) over item_life
            or other_fields is distinct from lag(other_fields) over item_life
    ),

    -- The iteration's node by its number, so that a renamed iteration stays the same one; else by its path.
    placed as (
        select
            changed.*,
            -- A life begins with the item's creation, whatever its first revision says.
            case when changed.revision_number = 1 then changed.created_at else changed.changed_from end as valid_from,
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
        where changed.deleted_at is null or changed.changed_from < changed.deleted_at or changed.revision_number = 1
    )

select
    placed.item_key,
    placed.connection_id,
    placed.item_id,
    row_number() over item_life as state_number,
    placed.valid_from,
    coalesce(lead(placed.valid_from) over item_life, placed.deleted_at) as valid_to,
    placed.rev as history_id,
    placed.changed_by_id as author_id,
    placed.state as status_id,
    coalesce(placed.resolved_reason, placed.reason) as resolution,
    coalesce(placed.owner_team_id || ':' || team_iterations.iteration_guid, '') as sprint_ids,
    placed.points,
    placed.remaining_hours,
    placed.project as project_id,
    placed.item_type as item_type_id,
    placed.parent_id,
    coalesce(placed.area_id, '') as area_id,
    coalesce(placed.area_path, '') as recorded_path,
    coalesce(placed.is_blocked, false) as is_flagged,
    placed.has_stage_field_change,
    placed.has_team_field_change,
from placed
left join
    team_iterations
    on placed.connection_id = team_iterations.connection_id
    and placed.owner_team_id = team_iterations.team_id
    and placed.iteration_path_today = team_iterations.iteration_path
window item_life as (partition by placed.item_key order by placed.valid_from, placed.rev)
