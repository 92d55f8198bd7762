{# A seed, loaded only if its file has changed. Columns are found by their names, cast to the declared types; an empty
   cell is NULL. dbt's own seed writes its statement over the file where seeds lie outside the project; this one leaves
   the file alone. #}
{% materialization seed, adapter = "duckdb" %}
    {%- set target_relation = this.incorporate(type="table") -%}
    {%- set file = dbt.string_literal(dbt.escape_single_quotes(seed_file())) -%}
    {%- set columns = [] -%}
    {%- for name, data_type in config.get("column_types", {}).items() -%}
        {%- do columns.append("cast(" ~ adapter.quote(name) ~ " as " ~ data_type ~ ") as " ~ adapter.quote(name)) -%}
    {%- endfor -%}
    {%- set sql -%}
        select {{ columns | join(", ") }}
        from read_csv({{ file }}, header = true, all_varchar = true, delim = ',', quote = '"', escape = '"')
    {%- endset -%}
    {%- set states = known_states() -%}
    {%- set read = run_query("select md5(content) as text from read_text(" ~ file ~ ")") -%}
    {%- set inputs = inputs_hash(states, sql ~ read.rows[0]["text"]) -%}
    {#- dbt asks for the rows that it showed; nobody looks at them. -#}
    {%- do store_result("agate_table", response="OK", agate_table=read) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {%- if is_unchanged(states, target_relation, inputs) -%} {%- do report_unchanged() -%}
    {%- else -%}
        {{ run_hooks(pre_hooks, inside_transaction=True) }}
        {%- do run_query("create or replace table " ~ target_relation ~ " as " ~ sql) -%}
        {%- do keep_state("table", target_relation, inputs, content_hash(target_relation, inputs)) -%}
        {%- do store_raw_result("main", message="LOADED", code="LOADED", rows_affected=0) -%}
        {{ run_hooks(post_hooks, inside_transaction=True) }}
        {{ adapter.commit() }}
    {%- endif -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({"relations": [target_relation]}) }}
{% endmaterialization %}

{# The seed's file; a relative path starts in the project's folder. #}
{% macro seed_file() %}
    {%- set path = model.original_file_path -%}
    {{- return(path if path.startswith("/") else model.root_path ~ "/" ~ path) -}}
{% endmacro %}
