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
