{{ config(materialized="view", access="private") }}
-- One row per landed version of a record that facts are made of. A view over the landed files, because they already
-- are the table: facts name a record by connection and raw_record_key.
{%- set streams = [
    "jira/issues",
    "jira/issue_changes",
    "jira/sprints",
    "azure_devops/revisions",
    "azure_devops/deleted_items",
    "azure_devops/team_iterations",
    "surveys/responses",
] %}
with
    versions as (
        {% for stream in streams -%}
            select
                '{{ stream }}' as stream,
                connection_id,
                record_id,
                run_id,
                batch_id,
                filename as landed_file,
                payload_hash,
                is_deleted,
                {{ utc("extracted_at") }} as extracted_at
            from {{ raw(stream, with_file=true) }}
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),
    batches as (select * from {{ ref("stg_pmo__batches") }})

select
    versions.stream || '|' || versions.record_id as raw_record_key,
    versions.connection_id,
    versions.stream,
    versions.record_id,
    versions.run_id,
    versions.batch_id,
    versions.landed_file,
    versions.payload_hash,
    versions.is_deleted,
    versions.extracted_at,
    batches.committed_at
from versions
inner join batches on versions.batch_id = batches.batch_id
