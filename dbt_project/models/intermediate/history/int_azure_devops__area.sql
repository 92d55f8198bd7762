with
    revisions as (select * from {{ ref("stg_azure_devops__revisions") }}),
    areas as (select * from {{ ref("stg_azure_devops__areas") }} where not is_deleted),
    team_areas as (select * from {{ ref("stg_azure_devops__team_areas") }} where not is_deleted),

    -- By the node's number, so that a renamed area keeps its owner.
    seen as (
        select distinct
            revisions.connection_id,
            revisions.project,
            coalesce(revisions.area_id, '') as area_id,
            coalesce(revisions.area_path, '') as recorded_path,
            coalesce(areas.area_path, revisions.area_path, '') as area_path,
        from revisions
        left join areas on revisions.connection_id = areas.connection_id and revisions.area_id = areas.area_id
    )

-- The nearest owner holds: the team of the longest path; of several the one whose default area it is.
select seen.connection_id, seen.project, seen.area_id, seen.recorded_path, seen.area_path, team_areas.team_id,
from seen
left join
    team_areas
    on seen.connection_id = team_areas.connection_id
    and (
        seen.area_path = team_areas.area_path
        or (team_areas.includes_children and {{ is_area_within("seen.area_path", "team_areas.area_path") }})
    )
qualify
    row_number() over (
        partition by seen.connection_id, seen.project, seen.area_id, seen.recorded_path
        order by length(team_areas.area_path) desc nulls last, team_areas.is_default desc, team_areas.team_id
    )
    = 1
