-- Every table has one row per key. Lists each key that stands more than once, with its table. That keys are not NULL is
-- part of the tables' contracts.
{%- set keys = {
    "dim_connection": "connection_id",
    "dim_kpi": "kpi_id",
    "dim_person": "person_key",
    "dim_portfolio": "portfolio_key",
    "dim_project": "project_key",
    "dim_release": "release_key",
    "dim_sprint": "sprint_key",
    "dim_team": "team_key",
    "dim_work_item": "item_key",
    "fct_hygiene_finding": "finding_key",
    "fct_item_trust": "item_key",
    "fct_survey_response": "response_key",
    "int_item": "item_key",
    "kpi_restatement": "restatement_key",
    "kpi_scorecard": "figure_key",
} %}
{% for table, key in keys.items() -%}
    select '{{ table }}' as table_name, {{ key }} as key_value, count(*) as row_count
    from {{ ref(table) }}
    group by {{ key }}
    having count(*) > 1
    {% if not loop.last -%}
        union all
    {% endif %}
{% endfor %}
