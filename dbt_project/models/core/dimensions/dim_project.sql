with
    projects as (select * from {{ ref("int_project") }}),
    mapping as (select * from {{ ref("portfolio_mapping") }} where epic_ref is null),

    distinct_projects as (
        select connection_id, project_key, project_id, min(project) as project, min(name) as name,
        from projects
        group by connection_id, project_key, project_id
    )

select
    projects.project_key,
    projects.connection_id,
    projects.project_id,
    projects.project,
    projects.name,
    nullif({{ program_key("mapping.portfolio", "mapping.program") }}, '') as portfolio_key,
from distinct_projects as projects
left join
    mapping
    on projects.connection_id = coalesce(mapping.connection_id, projects.connection_id)
    and (mapping.project is null or mapping.project in (projects.project, projects.name))
qualify
    row_number() over (
        partition by projects.project_key
        order by
            mapping.project is not null desc, mapping.connection_id is not null desc, mapping.portfolio, mapping.program
    )
    = 1
