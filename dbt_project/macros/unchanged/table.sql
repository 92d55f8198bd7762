{# dbt-duckdb's table, built only if it changes (state.sql) and in one statement instead of two renames. The statements
   of one table are one transaction: readers and a killed build see the old table or the new one. #}
{% materialization table, adapter = "duckdb" %}
    {%- set target_relation = this.incorporate(type="table") -%}
    {%- set states = known_states() -%}
    {%- set inputs = inputs_hash(states, compiled_code) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {%- if is_unchanged(states, target_relation, inputs) -%} {%- do report_unchanged() -%}
    {%- else -%}
        {{ run_hooks(pre_hooks, inside_transaction=True) }}
        {%- set existing = load_cached_relation(this) -%}
        {%- if existing is not none and not existing.is_table -%} {{ drop_relation_if_exists(existing) }}
        {%- endif -%}
        {% call statement("main") -%}
            create or replace table {{ target_relation }} as ({{ compiled_code }}
            )
        {%- endcall %}
        {%- if config.get("contract").enforced -%} {%- do assert_contract(target_relation) -%}
        {%- endif -%}
        {%- do keep_state("table", target_relation, inputs, content_hash(target_relation, inputs)) -%}
        {{ run_hooks(post_hooks, inside_transaction=True) }}
        {{ adapter.commit() }}
    {%- endif -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({"relations": [target_relation]}) }}
{% endmaterialization %}

{# The contract: the columns and types that the YAML declares, no more and no less, and its NOT NULLs. Raised inside the
   transaction, so a table that breaks it is never seen. #}
{% macro assert_contract(relation) %}
    {%- set query -%}
        select column_name as name, lower(data_type) as data_type
        from duckdb_columns()
        where
            database_name = current_database()
            and schema_name = '{{ relation.schema }}'
            and table_name = '{{ relation.identifier }}'
    {%- endset -%}
    {%- set built = {} -%}
    {%- for row in run_query(query).rows -%} {%- do built.update({row["name"]: row["data_type"]}) -%} {%- endfor -%}
    {%- set faults = [] -%}
    {%- for name, column in model.columns.items() -%}
        {%- set declared = column.data_type | lower -%}
        {%- if name not in built -%} {%- do faults.append(name ~ " is declared and missing") -%}
        {%- elif built[name] != declared -%}
            {%- do faults.append(name ~ " is " ~ built[name] ~ ", declared as " ~ declared) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for name in built if name not in model.columns -%}
        {%- do faults.append(name ~ " is not declared") -%}
    {%- endfor -%}
    {%- if faults -%}
        {%- do exceptions.raise_compiler_error(
            "This model breaks its contract in " ~ model.patch_path ~ ": " ~ (faults | join("; "))
        ) -%}
    {%- endif -%}
    {%- for name, column in model.columns.items() -%}
        {%- for constraint in column.constraints if constraint.type == "not_null" -%}
            {%- do run_query("alter table " ~ relation ~ " alter column " ~ adapter.quote(name) ~ " set not null") -%}
        {%- endfor -%}
    {%- endfor -%}
{% endmacro %}
