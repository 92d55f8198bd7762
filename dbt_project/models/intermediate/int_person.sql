{{ config(materialized="ephemeral") }}

-- One row per person of a tool; dim_person shows the pseudonym, person_name the name.
with
    jira_users as (select * from {{ ref("stg_jira__users") }}),
    azure_devops_users as (select * from {{ ref("stg_azure_devops__users") }}),
    connections as (select * from {{ ref("int_source") }}),
    settings as (select * from {{ ref("int_setting") }}),

    users as (
        select connection_id, user_id, display_name, email, is_active, is_deleted
        from jira_users
        union all
        select connection_id, user_id, display_name, email, is_active, is_deleted
        from azure_devops_users
    )

select
    {{ person_key("users.connection_id", "users.user_id", "settings.pseudonym_salt") }} as person_key,
    users.connection_id,
    users.user_id,
    users.display_name,
    users.email,
    coalesce(users.is_active, true) and not users.is_deleted as is_active,
from users
inner join connections on users.connection_id = connections.connection_id
cross join settings
