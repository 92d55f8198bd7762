-- Computing nps and csat over the responses of the evidence gives the scorecard's value back, for every scope and
-- period, in both directions; values that are suppressed are NULL.
with
    evidence as (select * from {{ ref("kpi_evidence") }} where response_key is not null),
    scopes as (select * from {{ ref("int_survey_scope") }}),
    scorecard as (select * from {{ ref("kpi_scorecard") }} where kpi_id in ('nps', 'csat')),

    recomputed as (
        {% for period_type in ["month", "quarter"] -%}
            select
                evidence.kpi_id,
                evidence.policy_id,
                scopes.scope_type,
                scopes.scope_key,
                '{{ period_type }}' as period_type,
                {{ period_start(period_type, "evidence.event_date") }} as period_start_date,
                avg(evidence.contribution * case when evidence.kpi_id = 'nps' then 100 else 1 end) as value
            from evidence
            inner join scopes on evidence.response_key = scopes.response_key
            group by all
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    )

select
    kpi_id,
    policy_id,
    scope_type,
    scope_key,
    period_type,
    period_start_date,
    scorecard.value,
    recomputed.value as recomputed_value
from scorecard
full join recomputed using (kpi_id, policy_id, scope_type, scope_key, period_type, period_start_date)
where
    scorecard.unit is null
    or (scorecard.is_suppressed and scorecard.value is not null)
    or (
        not scorecard.is_suppressed
        and case
            when recomputed.kpi_id is null
            then scorecard.value is not null
            else {{ differs("scorecard.value", "recomputed.value") }}
        end
    )
