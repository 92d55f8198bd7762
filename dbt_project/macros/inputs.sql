{# What dbt reads: the folder $PMO_HOME/dbt/inputs, written anew before every build. Only the macros of this file
   know that it is made of Parquet files; on another engine they read Delta tables instead. #}
{% macro inputs_folder() %} {{- return(env_var("PMO_HOME") ~ "/dbt/inputs") -}} {% endmacro %}

{# One of the small tables that orchestration writes: batches, connections, settings. The comment is a hash of its
   content, by which a model knows that it has changed. #}
{% macro input(name) -%} {{- return(adapter.dispatch("input", "agile_pmo")(name)) -}} {%- endmacro %}

{% macro duckdb__input(name) -%}
    read_parquet({{ input_file(name) }})  /* {{ input_state(name) }} */
{%- endmacro %}

{% macro input_file(name) -%} {{ dbt.string_literal(inputs_folder() ~ "/" ~ name ~ ".parquet") }} {%- endmacro %}

{% macro input_state(name) -%}
    {%- if execute -%}
        {%- set query = "select md5(content) as state from read_blob(" ~ input_file(name) ~ ")" -%}
        {{- run_query(query).rows[0]["state"] -}}
    {%- endif -%}
{%- endmacro %}

{# The files of a stream, and a hash of its accepted batches; read from streams.json while the model runs, so that a
   partial parse stays valid. #}
{% macro stream_inputs(stream) %}
    {%- if not execute -%} {{- return({"files": [], "state": ""}) -}} {%- endif -%}
    {%- set listed -%}
        select
            unnest(files) as file,
            (
                select md5(string_agg(batch_id || ':' || sequence, ',' order by batch_id))
                from read_parquet({{ input_file("batches") }})
                where streams is null or contains(streams, '"{{ stream }}"')
            ) as batches
        from read_json(
            {{ dbt.string_literal(inputs_folder() ~ "/streams.json") }}, columns = {stream: 'varchar', files: 'varchar[]'})
        where stream = '{{ stream }}'
    {%- endset -%}
    {%- set rows = run_query(listed).rows -%}
    {%- if not rows -%}
        {{- exceptions.raise_compiler_error("streams.json lists no file for the stream '" ~ stream ~ "'") -}}
    {%- endif -%}
    {%- set files = rows | map(attribute="file") | list -%}
    {#- The first file is the empty one, which says the columns. -#}
    {%- set sizes = "" -%}
    {%- if files | length > 1 -%}
        {%- set measured -%}
            select md5(string_agg(size || '@' || last_modified, ',' order by filename)) as sizes
            from read_blob({{ file_list(files[1:]) }})
        {%- endset -%}
        {%- set sizes = run_query(measured).rows[0]["sizes"] -%}
    {%- endif -%}
    {{- return({"files": files, "state": sizes ~ " " ~ rows[0]["batches"]}) -}}
{% endmacro %}

{% macro file_list(files) -%}
    [
        {%- for file in files -%}
            {{ dbt.string_literal(dbt.escape_single_quotes(file)) }}{% if not loop.last %}, {% endif %}
        {%- endfor -%}
    ]
{%- endmacro %}

{# Rows of a stream that belong to accepted batches, every version of each record, as a table expression.
   with_file adds the column `filename`, the landed file. #}
{% macro raw(stream, with_file=false) -%}
    {{- return(adapter.dispatch("raw", "agile_pmo")(stream, with_file)) -}}
{%- endmacro %}

{% macro duckdb__raw(stream, with_file=false) -%}
    {%- set inputs = stream_inputs(stream) -%}
    (
        select stream.*, batches.sequence as batch_sequence
        from
            read_parquet(
                {{ file_list(inputs.files) }}, union_by_name = true {%- if with_file %}, filename = true{% endif %}
            ) as stream  /* {{ inputs.state }} */
        inner join read_parquet({{ input_file("batches") }}) as batches on stream.batch_id = batches.batch_id
    )
{%- endmacro %}

{# The latest version of every record of a stream, as a table expression: the last one that the source still had,
   with `is_deleted` and `deleted_seen_at` (extraction instant of the deletion) where a deletion followed it.
   columns: the stream's own columns. newest: the instant by which the last version is told. Records with one version, the great majority, skip the sorting. #}
{% macro latest(stream, columns, newest="extracted_at") -%}
    {%- set keys = ["connection_id", "record_id", "updated_at", "extracted_at", "run_id", "payload_hash"] -%}
    (
        with
            versions as not materialized(
                select {{ (keys + columns + ["is_deleted", "batch_sequence"]) | join(", ") }} from {{ raw(stream) }}
            ),
            repeated as (
                select hash(connection_id, record_id) as record_hash
                from versions
                group by record_hash
                having count(*) > 1
            ),
            single as (
                select
                    {{ (keys + columns) | join(", ") }},
                    false as is_deleted,
                    cast(null as timestamptz) as deleted_seen_at
                from versions
                where not is_deleted and hash(connection_id, record_id) not in (select record_hash from repeated)
            ),
            ranked as (
                select
                    {{ (keys + columns + ["is_deleted", "batch_sequence"]) | join(", ") }},
                    max(extracted_at) filter (where is_deleted) over (
                        partition by connection_id, record_id
                    ) as last_deletion_at
                from versions
                where hash(connection_id, record_id) in (select record_hash from repeated)
            ),
            several as (
                select
                    {{ (keys + columns) | join(", ") }},
                    coalesce(last_deletion_at > extracted_at, false) as is_deleted,
                    case when last_deletion_at > extracted_at then last_deletion_at end as deleted_seen_at
                from ranked
                where not ranked.is_deleted
                qualify
                    row_number() over (
                        partition by connection_id, record_id
                        order by {{ newest }} desc nulls last, extracted_at desc, batch_sequence desc, payload_hash
                    )
                    = 1
            )
        select *
        from single
        union all
        select *
        from several
    )
{%- endmacro %}
