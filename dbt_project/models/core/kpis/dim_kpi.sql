-- One row per KPI, generated from the metrics of models/semantic/_metrics.yml that carry `meta.bi`.
{%- set kpis = [] %}
{%- if execute %}
    {%- for metric in graph.metrics.values() if metric.config.meta.get("bi") %}
        {%- do kpis.append(metric) %}
    {%- endfor %}
{%- endif %}

{% for metric in kpis | sort(attribute="name") -%}
    {%- set bi = metric.config.meta.bi %}
    select
        {{ text_literal(metric.name) }} as kpi_id,
        {{ text_literal(metric.label) }} as name,
        {{ text_literal(metric.description) }} as description,
        {{ text_literal(bi.formula) }} as formula,
        {{ text_literal(bi.unit) }} as unit,
        {{ text_literal(bi.direction) }} as direction,
        {{ text_literal(bi.grain) }} as grain,
        {{ text_literal(bi.owner) }} as owner,
        {{ text_literal(bi.policy_columns | join(", ")) }} as policy_columns,
        {{ text_literal(bi.upstream_models | join(", ")) }} as upstream_models,
        {{ text_literal(bi.display_folder) }} as display_folder,
        {{ text_literal(bi.format) }} as format,
        {{ bi.definition_version }} as definition_version
    {% if not loop.last %}
        union all
    {% endif %}
{% else -%}
    select
        '' as kpi_id,
        '' as name,
        '' as description,
        '' as formula,
        '' as unit,
        '' as direction,
        '' as grain,
        '' as owner,
        '' as policy_columns,
        '' as upstream_models,
        '' as display_folder,
        '' as format,
        0 as definition_version
    where false
{% endfor %}
