{# A model, seed or test is built only when something that it is made of has changed. Its state lies beside it as the
   table's comment, '<inputs> <content>': a hash of its SQL, its kind, its columns and the content of all that it reads, and a
   hash of what it holds. A small table that was built anew and holds what it held before keeps its content hash, so
   that nothing behind it is built. Dropping the table, `--full-refresh` or another version of DuckDB builds it again. #}
{% macro known_states() %}
    {%- set query -%}
        select schema_name || '.' || table_name as name, comment, version() as engine
        from duckdb_tables()
        where not internal and database_name = current_database()
        union all
        select schema_name || '.' || view_name, comment, version()
        from duckdb_views()
        where not internal and database_name = current_database()
    {%- endset -%}
    {%- set states = {"engine": ""} -%}
    {%- for row in run_query(query).rows -%}
        {%- do states.update({"engine": row["engine"]}) -%}
        {%- if row["comment"] -%} {%- do states.update({row["name"]: row["comment"].split(" ")}) -%} {%- endif -%}
    {%- endfor -%}
    {{- return(states) -}}
{% endmacro %}

{# Everything that a node reads, looking through ephemeral models. #}
{% macro nodes_read(depends_on) %}
    {%- set found = [] -%}
    {%- for unique_id in depends_on -%}
        {%- set node = graph.nodes.get(unique_id) -%}
        {%- if node and node.config.materialized == "ephemeral" -%}
            {%- do found.extend(nodes_read(node.depends_on.nodes)) -%}
        {%- elif node -%} {%- do found.append(node.schema ~ "." ~ node.alias) -%}
        {%- endif -%}
    {%- endfor -%}
    {{- return(found) -}}
{% endmacro %}

{# Hash of all that the node is made of; none if something that it reads has no known state. #}
{% macro inputs_hash(states, sql) %}
    {%- set parts = [states.engine, sql, model.config.materialized, tojson(model.config.get("contract", {}))] -%}
    {%- for name, column in model.get("columns", {}).items() -%}
        {%- do parts.append(name ~ "|" ~ column.data_type ~ "|" ~ column.constraints) -%}
    {%- endfor -%}
    {%- for name in nodes_read(model.depends_on.nodes) -%}
        {%- if name not in states -%} {{- return(none) -}} {%- endif -%}
        {%- do parts.append(name ~ "=" ~ states[name][1]) -%}
    {%- endfor -%}
    {{- return(local_md5(parts | join("\n"))) -}}
{% endmacro %}

{# Whether `relation` is what a build would give. #}
{% macro is_unchanged(states, relation, inputs) %}
    {%- set known = states.get(relation.schema ~ "." ~ relation.identifier) -%}
    {{- return(inputs is not none and known is not none and known[0] == inputs and not should_full_refresh()) -}}
{% endmacro %}

{% macro report_unchanged() %}
    {%- do store_raw_result("main", message="UNCHANGED", code="UNCHANGED", rows_affected=0) -%}
{% endmacro %}

{# Hash of a table's columns and of its rows in any order. Of an empty table, and of one of more than 100,000 rows, the
   hash of what it was made of stands for it. #}
{% macro content_hash(relation, inputs) %}
    {%- set query -%}
        select count(*) as row_count, md5(any_value(typeof(rows_of_table)) || sum(hash(rows_of_table))) as content
        from (select * from {{ relation }} limit 100001) as rows_of_table
    {%- endset -%}
    {%- set row = run_query(query).rows[0] -%}
    {{- return(row["content"] if 0 < row["row_count"] <= 100000 else inputs) -}}
{% endmacro %}

{# Keep a built relation's state with it. Without known inputs it stays unknown, and so is all behind it. #}
{% macro keep_state(kind, relation, inputs, content) %}
    {%- if inputs is not none -%}
        {%- do run_query("comment on " ~ kind ~ " " ~ relation ~ " is '" ~ inputs ~ " " ~ content ~ "'") -%}
    {%- endif -%}
{% endmacro %}
