{# In a build a test runs only if what it looks at has changed since it last passed; its verdict depends on nothing
   else. `dbt test` runs every one. #}
{% materialization test, adapter = "duckdb" %}
    {%- set states = known_states() -%}
    {%- set inputs = inputs_hash(states, sql) -%}
    {%- set may_skip = flags.WHICH == "build" and not should_full_refresh() -%}
    {%- if may_skip and inputs is not none and inputs == passed_inputs() -%}
        {% call statement("main", fetch_result=True) -%}
            select 0 as failures, false as should_warn, false as should_error
        {%- endcall %}
    {%- else -%}
        {% call statement("main", fetch_result=True) -%}
            {{
                get_test_sql(
                    get_limit_subquery_sql(sql, config.get("limit")),
                    config.get("fail_calc"),
                    config.get("warn_if"),
                    config.get("error_if"),
                    limit=none,
                )
            }}
        {%- endcall %}
        {%- if inputs is not none and load_result("main").table.rows[0]["failures"] == 0 -%}
            {%- do keep_passed(inputs) -%} {{ adapter.commit() }}
        {%- endif -%}
    {%- endif -%}
    {{ return({"relations": []}) }}
{% endmaterialization %}

{# Where it is kept which tests have passed; made before a run. #}
{% macro prepare_state() -%}
    create schema if not exists state;
    create table if not exists state.passed_test (test varchar primary key, inputs varchar);
{%- endmacro %}

{# The inputs with which the test passed last; none if it never did. #}
{% macro passed_inputs() %}
    {%- set rows = run_query("select inputs from state.passed_test where test = '" ~ model.unique_id ~ "'").rows -%}
    {{- return(rows[0]["inputs"] if rows else none) -}}
{% endmacro %}

{% macro keep_passed(inputs) %}
    {%- do run_query(
        "insert or replace into state.passed_test values ('" ~ model.unique_id ~ "', '" ~ inputs ~ "')"
    ) -%}
{% endmacro %}
