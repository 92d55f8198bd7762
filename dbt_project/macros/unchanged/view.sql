{# A view, made anew only if it, or what it reads, has changed (state.sql). #}
{% materialization view, adapter = "duckdb" %}
    {%- set target_relation = this.incorporate(type="view") -%}
    {%- set states = known_states() -%}
    {%- set inputs = inputs_hash(states, compiled_code) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {%- if is_unchanged(states, target_relation, inputs) -%} {%- do report_unchanged() -%}
    {%- else -%}
        {{ run_hooks(pre_hooks, inside_transaction=True) }}
        {%- set existing = load_cached_relation(this) -%}
        {%- if existing is not none and not existing.is_view -%} {{ drop_relation_if_exists(existing) }}
        {%- endif -%}
        {% call statement("main") -%}
            create or replace view {{ target_relation }} as ({{ compiled_code }}
            )
        {%- endcall %}
        {%- if config.get("contract").enforced -%} {%- do assert_contract(target_relation) -%}
        {%- endif -%}
        {%- do keep_state("view", target_relation, inputs, inputs) -%}
        {{ run_hooks(post_hooks, inside_transaction=True) }}
        {{ adapter.commit() }}
    {%- endif -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({"relations": [target_relation]}) }}
{% endmaterialization %}
