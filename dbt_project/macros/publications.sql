{# Which figure a row of the scorecard is, the same from publication to publication. A sprint is known by its key, for
   its first day can be changed. #}
{% macro figure_key(row) -%}
    concat_ws(
        '|',
        {{ row }}.kpi_id,
        {{ row }}.policy_id,
        {{ row }}.scope_type,
        {{ row }}.scope_key,
        {{ row }}.period_type,
        coalesce({{ row }}.sprint_key, cast({{ row }}.period_start_date as varchar))
    )
{%- endmacro %}

{# A table of the last publication, as it was published, or with no rows where there is none. An empty file with the
   columns goes first, because a publication of an earlier version may lack some. The comment changes with the file. #}
{% macro published(name) -%} {{- return(adapter.dispatch("published", "agile_pmo")(name)) -}} {%- endmacro %}

{% macro duckdb__published(name) -%}
    read_parquet(
        [
            {{ dbt.string_literal(inputs_folder() ~ "/published/empty/" ~ name ~ ".parquet") }},
            {{ dbt.string_literal(inputs_folder() ~ "/published/" ~ name ~ ".parquet") }}
        ],
        union_by_name = true
    )  /* {{ published_state(name) }} */
{%- endmacro %}

{% macro published_state(name) -%}
    {%- if execute -%}
        {%- set file = dbt.string_literal(inputs_folder() ~ "/published/" ~ name ~ ".parquet") -%}
        {%- set query = "select size || '@' || last_modified as state from read_blob(" ~ file ~ ")" -%}
        {{- run_query(query).rows[0]["state"] -}}
    {%- endif -%}
{%- endmacro %}

{# What says which figure a row is about, in words and keys; the same columns wherever figures are compared. #}
{% macro figure_columns() -%}
    {{-
        return(
            [
                "figure_key",
                "kpi_id",
                "scope_type",
                "scope_key",
                "scope_name",
                "connection_id",
                "period_type",
                "period_start_date",
                "sprint_key",
                "policy_id",
            ]
        )
    -}}
{%- endmacro %}
