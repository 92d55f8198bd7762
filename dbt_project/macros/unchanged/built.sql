{# dbt-duckdb's table and view, made only if they change (state.sql) and in one statement instead of two renames. The
   statements of one relation are one transaction: readers and a killed build see the old one or the new one. #}
{% materialization table, adapter = "duckdb" %} {{ return(built_if_changed("table")) }} {% endmaterialization %}

{% materialization view, adapter = "duckdb" %} {{ return(built_if_changed("view")) }} {% endmaterialization %}

{# kind: table or view. What a view holds is what it is made of; a table's own content counts. #}
{% macro built_if_changed(kind) %}
    {%- set target_relation = this.incorporate(type=kind) -%}
    {%- set states = known_states() -%}
    {%- set inputs = inputs_hash(states, compiled_code) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {%- if is_unchanged(states, target_relation, inputs) -%} {%- do report_unchanged() -%}
    {%- else -%}
        {{ run_hooks(pre_hooks, inside_transaction=True) }}
        {%- set existing = load_cached_relation(this) -%}
        {%- if existing is not none and existing.type != kind -%} {{ drop_relation_if_exists(existing) }}
        {%- endif -%}
        {% call statement("main") -%}
            create or replace {{ kind }} {{ target_relation }} as ({{ compiled_code }}
            )
        {%- endcall %}
        {%- if config.get("contract").enforced -%} {%- do assert_contract(target_relation) -%}
        {%- endif -%}
        {%- set content = content_hash(target_relation, inputs) if kind == "table" else inputs -%}
        {%- do keep_state(kind, target_relation, inputs, content) -%}
        {{ run_hooks(post_hooks, inside_transaction=True) }}
        {{ adapter.commit() }}
    {%- endif -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{- return({"relations": [target_relation]}) -}}
{% endmacro %}
