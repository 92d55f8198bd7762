with versions as (select * from {{ ref("stg_jira__versions") }}), connections as (select * from {{ ref("int_source") }})

select
    {{ key("versions.connection_id", "versions.version_id") }} as release_key,
    versions.connection_id,
    {{ key("versions.connection_id", "versions.project_id") }} as project_key,
    versions.name,
    coalesce(versions.is_released, false) as is_released,
    versions.start_date,
    versions.release_date,
from versions
inner join connections on versions.connection_id = connections.connection_id
where not versions.is_deleted
