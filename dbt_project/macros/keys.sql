{# Surrogate keys. All are text and start with the connection, because ids repeat between tools. #}
{% macro key(connection_id, id) -%} ({{ connection_id }} || ':' || {{ id }}) {%- endmacro %}

{# Pseudonym of a person; the salt stays on this installation. NULL for nobody. #}
{% macro person_key(connection_id, user_id, salt) -%}
    md5({{ connection_id }} || ':' || {{ user_id }} || {{ salt }})
{%- endmacro %}

{# Ids separated by commas as a list of keys; an empty list for ''. #}
{% macro key_list(connection_id, ids) -%}
    {{- return(adapter.dispatch("key_list", "agile_pmo")(connection_id, ids)) -}}
{%- endmacro %}

{% macro duckdb__key_list(connection_id, ids) -%}
    case
        when {{ ids }} = ''
        then cast([] as text[])
        else string_split({{ connection_id }} || ':' || replace({{ ids }}, ',', ',' || {{ connection_id }} || ':'), ',')
    end
{%- endmacro %}

{# Key of a node of the portfolio hierarchy: the portfolio's name, or portfolio/program. #}
{% macro program_key(portfolio, program) -%} concat_ws('/', {{ portfolio }}, {{ program }}) {%- endmacro %}

{# Whether an area path of Azure DevOps is an area or lies below it (nodes are joined by a backslash). #}
{% macro is_area_within(path, area) -%}
    ({{ path }} = {{ area }} or starts_with({{ path }}, {{ area }} || chr(92)))
{%- endmacro %}
