-- Computing each sprint KPI's own aggregate over its evidence gives the scorecard's value back, for every sprint and
-- policy, in both directions. Sums of estimates: 0 over no items, NULL over items of which none is estimated.
{%- set aggregates = {
    "velocity": sum_points("contribution", "role = 'completed'"),
    "sprint_remaining": sum_points("contribution", "role = 'remaining'"),
    "say_do": "("
    ~ sum_points("contribution", "role = 'completed'")
    ~ ") / nullif("
    ~ sum_points("contribution", "role = 'committed'")
    ~ ", 0)",
    "scope_change": "("
    ~ sum_points("contribution", "role in ('added', 'removed')")
    ~ ") / nullif("
    ~ sum_points("contribution", "role = 'committed'")
    ~ ", 0)",
    "predictability": "("
    ~ sum_points("contribution", "role = 'completed'")
    ~ ") / nullif(avg(contribution) filter (where role = 'sprint_before'), 0)",
} %}
with
    evidence as (select * from {{ ref("kpi_evidence") }} where sprint_key is not null),
    scorecard as (select * from {{ ref("kpi_scorecard") }} where period_type = 'sprint'),

    recomputed as (
        {% for kpi_id, aggregate in aggregates.items() -%}
            select kpi_id, sprint_key, policy_id, {{ aggregate }} as value
            from evidence
            where kpi_id = '{{ kpi_id }}'
            group by kpi_id, sprint_key, policy_id
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    )

select kpi_id, sprint_key, policy_id, scorecard.value, recomputed.value as recomputed_value
from scorecard
full join recomputed using (kpi_id, sprint_key, policy_id)
where
    scorecard.unit is null
    or (
        recomputed.kpi_id is null
        and scorecard.value is distinct from case when kpi_id in ('velocity', 'sprint_remaining') then 0 end
    )
    or (recomputed.kpi_id is not null and {{ differs("scorecard.value", "recomputed.value") }})
