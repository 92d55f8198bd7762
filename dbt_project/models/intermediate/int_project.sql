with
    items as (select * from {{ ref("int_item") }}),
    jira_projects as (select * from {{ ref("stg_jira__projects") }}),
    azure_devops_projects as (select * from {{ ref("stg_azure_devops__projects") }}),
    histories as (select distinct connection_id, project_id from {{ ref("int_jira__item_history") }}),
    revisions as (select distinct connection_id, project from {{ ref("stg_azure_devops__revisions") }}),

    known as (
        select connection_id, project_id as raw_project_id, project_id, project_key as project, name, 1 as preference
        from jira_projects
        union all
        -- Work items name their project; its id is looked up.
        select connection_id, name, project_id, name, name, 1
        from azure_devops_projects
        union all
        select distinct connection_id, project_id, project_id, project, project, 2
        from items
        union all
        -- A project that items left before we could see it, or that is gone.
        select connection_id, project_id, project_id, project_id, project_id, 3
        from histories
        union all
        select connection_id, project, project, project, project, 3
        from revisions
    ),

    chosen as (
        select *
        from known
        where raw_project_id is not null
        qualify
            row_number() over (partition by connection_id, raw_project_id order by preference, project_id, project) = 1
    )

select
    connection_id,
    raw_project_id,
    project_id,
    coalesce(project, project_id) as project,
    coalesce(name, project, project_id) as name,
    {{ key("connection_id", "project_id") }} as project_key,
from chosen
