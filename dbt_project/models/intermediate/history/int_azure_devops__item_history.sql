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

    -- What is compared travels in three parcels, and nothing else does: these rows are sorted, all of them.
    tracked as (
        select
            items.item_key,
            items.connection_id,
            items.item_id,
            items.created_at,
            items.deleted_at,
            revisions.rev,
            revisions.changed_by_id,
            greatest(revisions.changed_at, items.created_at) as changed_from,
            {{
                parcel(
                    {
                        "state": "revisions.state",
                        "resolution": "coalesce(revisions.resolved_reason, revisions.reason)",
                        "project": "revisions.project",
                        "item_type": "revisions.item_type",
                    }
                )
            }} as stage_fields,
            {{
                parcel(
                    {
                        "project": "revisions.project",
                        "area_id": "coalesce(revisions.area_id, '')",
                        "area_path": "coalesce(revisions.area_path, '')",
                    }
                )
            }} as team_fields,
            {{
                parcel(
                    {
                        "iteration_id": "revisions.iteration_id",
                        "iteration_path": "revisions.iteration_path",
                        "points": "revisions.points",
                        "remaining_hours": "revisions.remaining_hours",
                        "is_blocked": "coalesce(revisions.is_blocked, false)",
                    }
                )
            }} as other_fields,
        from revisions
        inner join items on revisions.connection_id = items.connection_id and revisions.item_id = items.item_id
    ),

    link_instants as (
        select connection_id, item_id, valid_from as changed_from
        from parents
        union
        select connection_id, item_id, valid_to
        from parents
        where valid_to is not null
    ),

    -- Links come and go with a revision as a rule; where one does not, the revision that holds then goes on below
    -- another parent.
    loose_instants as (
        select link_instants.*
        from link_instants
        anti join
            tracked
            on link_instants.connection_id = tracked.connection_id
            and link_instants.item_id = tracked.item_id
            and link_instants.changed_from = tracked.changed_from
    ),

    relinked as (
        select tracked.* replace (loose_instants.changed_from as changed_from),
        from loose_instants
        inner join
            tracked
            on loose_instants.connection_id = tracked.connection_id
            and loose_instants.item_id = tracked.item_id
            and loose_instants.changed_from > tracked.changed_from
        qualify
            row_number() over (
                partition by tracked.item_key, loose_instants.changed_from
                order by tracked.changed_from desc, tracked.rev desc
            )
            = 1
    ),

    moments as (
        select *
        from tracked
        union all
        select *
        from relinked
    ),

    -- Stays below parents do not overlap.
    below_parents as (
        select moments.*, parents.parent_id,
        from moments
        left join
            parents
            on moments.connection_id = parents.connection_id
            and moments.item_id = parents.item_id
            and moments.changed_from >= parents.valid_from
            and (parents.valid_to is null or moments.changed_from < parents.valid_to)
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
            coalesce(iterations.iteration_path, changed.other_fields.iteration_path) as iteration_path_today,
        from changed
        left join
            areas
            on changed.connection_id = areas.connection_id
            and changed.team_fields.project = areas.project
            and changed.team_fields.area_id = areas.area_id
            and changed.team_fields.area_path = areas.recorded_path
        left join
            iterations
            on changed.connection_id = iterations.connection_id
            and changed.other_fields.iteration_id = iterations.iteration_id
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
    placed.stage_fields.state as status_id,
    placed.stage_fields.resolution,
    coalesce(placed.owner_team_id || ':' || team_iterations.iteration_guid, '') as sprint_ids,
    placed.other_fields.points,
    placed.other_fields.remaining_hours,
    placed.stage_fields.project as project_id,
    placed.stage_fields.item_type as item_type_id,
    placed.parent_id,
    placed.team_fields.area_id,
    placed.team_fields.area_path as recorded_path,
    placed.other_fields.is_blocked as is_flagged,
    placed.has_stage_field_change,
    placed.has_team_field_change,
from placed
left join
    team_iterations
    on placed.connection_id = team_iterations.connection_id
    and placed.owner_team_id = team_iterations.team_id
    and placed.iteration_path_today = team_iterations.iteration_path
window item_life as (partition by placed.item_key order by placed.valid_from, placed.rev)
