-- One row per KPI, generated from the metrics of models/semantic/_metrics.yml that carry `meta.bi`.
{%- set kpis = [] %}
{%- if execute %}
    {%- for metric in graph.metrics.values() if metric.config.meta.get("bi") %}
        {%- do kpis.append(metric) %}
    {%- endfor %}
{%- endif %}

select
    kpi_id,
    name,
    description,
    formula,
    unit,
    direction,
    grain,
    owner,
    policy_columns,
    upstream_models,
    display_folder,
    format,
    definition_version
from
    (
        values
            {%- for metric in kpis | sort(attribute="name") %}
                {%- set bi = metric.config.meta.bi %}
                (
                    {{ text_literal(metric.name) }},
                    {{ text_literal(metric.label) }},
                    {{ text_literal(metric.description) }},
                    {{ text_literal(bi.formula) }},
                    {{ text_literal(bi.unit) }},
                    {{ text_literal(bi.direction) }},
                    {{ text_literal(bi.grain) }},
                    {{ text_literal(bi.owner) }},
                    {{ text_literal(bi.policy_columns | join(", ")) }},
                    {{ text_literal(bi.upstream_models | join(", ")) }},
                    {{ text_literal(bi.display_folder) }},
                    {{ text_literal(bi.format) }},
                    {{ bi.definition_version }}
                ){{ "," if not loop.last }}
            {%- else %} ('', '', '', '', '', '', '', '', '', '', '', '', 0)
            {%- endfor %}
    ) as kpis(
        kpi_id,
        name,
        description,
        formula,
        unit,
        direction,
        grain,
        owner,
        policy_columns,
        upstream_models,
        display_folder,
        format,
        definition_version
    )
where kpi_id <> ''
