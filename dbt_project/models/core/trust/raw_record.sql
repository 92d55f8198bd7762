{{ config(materialized="view") }}
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
    )

select
    stream || '|' || record_id as raw_record_key,
    connection_id,
    stream,
    record_id,
    run_id,
    batch_id,
    landed_file,
    payload_hash,
    is_deleted,
    extracted_at
from versions
