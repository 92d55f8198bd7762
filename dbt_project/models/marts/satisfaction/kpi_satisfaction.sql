-- One row per survey metric, scope and period with responses or invitations.
with
    scopes as (select * from {{ ref("int_survey_scope") }}),
    responses as (select * from {{ ref("fct_survey_response") }}),
    invitations as (select * from {{ ref("int_survey_invitation") }}),
    settings as (select * from {{ ref("int_setting") }}),
    survey_settings as (select * from {{ ref("survey_settings") }}),

    scoped as (
        select
            scopes.scope_type,
            scopes.scope_key,
            scopes.scope_name,
            scopes.connection_id,
            scopes.survey,
            scopes.metric,
            scopes.submitted_date,
            responses.score,
            responses.scale_min,
            responses.scale_max,
            responses.nps_group,
            responses.is_top_two_box
        from scopes
        inner join responses on scopes.response_key = responses.response_key
    ),
    -- A survey's invitations count for every scope that all of its responses share.
    survey_sizes as (
        select connection_id, survey, metric, count(*) as responses, min(submitted_date) as first_date
        from scoped
        where scope_type = 'survey'
        group by connection_id, survey, metric
    ),
    whole_scopes as (
        select
            scoped.scope_type,
            scoped.scope_key,
            scoped.scope_name,
            scoped.connection_id,
            scoped.survey,
            scoped.metric,
            any_value(survey_sizes.first_date) as first_date
        from scoped
        inner join
            survey_sizes
            on scoped.connection_id = survey_sizes.connection_id
            and scoped.survey = survey_sizes.survey
            and scoped.metric = survey_sizes.metric
        group by all
        having count(*) = any_value(survey_sizes.responses)
    ),
    invited as (
        select
            whole_scopes.scope_type,
            whole_scopes.scope_key,
            whole_scopes.scope_name,
            whole_scopes.connection_id,
            whole_scopes.survey,
            whole_scopes.metric,
            coalesce(invitations.survey_date, whole_scopes.first_date) as submitted_date,
            sum(invitations.invited) as invited
        from invitations
        inner join
            whole_scopes
            on invitations.connection_id = whole_scopes.connection_id
            and invitations.survey = whole_scopes.survey
            and invitations.metric = whole_scopes.metric
        group by all
    ),

    -- The most specific row of the seed holds for a survey in a scope; of several surveys the strictest one.
    thresholds as (
        select
            kinds.scope_type,
            kinds.scope_key,
            kinds.connection_id,
            kinds.survey,
            kinds.metric,
            coalesce(survey_settings.min_responses, settings.min_responses) as min_responses
        from (select distinct scope_type, scope_key, scope_name, connection_id, survey, metric from scoped) as kinds
        cross join settings
        left join
            survey_settings
            on (survey_settings.survey is null or survey_settings.survey = kinds.survey)
            and (survey_settings.scope_type is null or survey_settings.scope_type = kinds.scope_type)
            and (survey_settings.scope_name is null or survey_settings.scope_name = kinds.scope_name)
        qualify
            row_number() over (
                partition by kinds.scope_type, kinds.scope_key, kinds.connection_id, kinds.survey, kinds.metric
                order by
                    survey_settings.survey is not null desc,
                    survey_settings.scope_name is not null desc,
                    survey_settings.scope_type is not null desc,
                    survey_settings.min_responses desc
            )
            = 1
    ),
    {% for name, rows in [("dated", "scoped"), ("invited_dated", "invited")] -%}
        {{ name }} as (
            {% for period_type in period_types() -%}
                select
                    *,
                    '{{ period_type }}' as period_type,
                    {{ period_start(period_type, "submitted_date") }} as period_start
                from {{ rows }}
                {% if not loop.last %}
                    union all
                {% endif %}
            {% endfor %}
        ),
    {% endfor %}
    response_sums as (
        select
            dated.scope_type,
            dated.scope_key,
            dated.metric,
            dated.period_type,
            dated.period_start,
            min(dated.scope_name) as scope_name,
            case when count(distinct dated.connection_id) = 1 then min(dated.connection_id) end as connection_id,
            count(*) as responses,
            count(dated.nps_group) as nps_responses,
            count(*) filter (where dated.nps_group = 'promoter') as promoters,
            count(*) filter (where dated.nps_group = 'passive') as passives,
            count(*) filter (where dated.nps_group = 'detractor') as detractors,
            count(*) filter (where dated.is_top_two_box) as top_two_boxes,
            -- Scores of different scales have no mean.
            case
                when min(dated.scale_min) = max(dated.scale_min) and min(dated.scale_max) = max(dated.scale_max)
                then {{ exact_mean("dated.score", "dated.score is not null") }}
            end as score_mean,
            max(thresholds.min_responses) as min_responses
        from dated
        inner join
            thresholds
            on dated.scope_type = thresholds.scope_type
            and dated.scope_key = thresholds.scope_key
            and dated.connection_id = thresholds.connection_id
            and dated.survey = thresholds.survey
            and dated.metric = thresholds.metric
        group by all
    ),
    invitation_sums as (
        select
            scope_type,
            scope_key,
            metric,
            period_type,
            period_start,
            min(scope_name) as scope_name,
            case when count(distinct connection_id) = 1 then min(connection_id) end as connection_id,
            sum(invited) as invited
        from invited_dated
        group by all
    ),
    -- Responses to the surveys whose invitations are known.
    invited_responses as (
        select
            dated.scope_type,
            dated.scope_key,
            dated.metric,
            dated.period_type,
            dated.period_start,
            count(*) as responses
        from dated
        where
            exists (
                select 1
                from invited
                where
                    invited.scope_type = dated.scope_type
                    and invited.scope_key = dated.scope_key
                    and invited.connection_id = dated.connection_id
                    and invited.survey = dated.survey
                    and invited.metric = dated.metric
            )
        group by all
    ),
    merged as (
        select
            scope_type,
            scope_key,
            metric,
            period_type,
            period_start,
            coalesce(response_sums.scope_name, invitation_sums.scope_name) as scope_name,
            coalesce(response_sums.connection_id, invitation_sums.connection_id) as connection_id,
            coalesce(response_sums.responses, 0) as responses,
            response_sums.* exclude (
                scope_type, scope_key, metric, period_type, period_start, scope_name, connection_id, responses
            ),
            invitation_sums.invited,
            coalesce(invited_responses.responses, 0) as invited_responses,
            coalesce(response_sums.responses < response_sums.min_responses, true) as is_suppressed
        from response_sums
        full join invitation_sums using (scope_type, scope_key, metric, period_type, period_start)
        left join invited_responses using (scope_type, scope_key, metric, period_type, period_start)
    ),
    -- Below the threshold no figure is shown that could tell who answered what.
    shown as (
        select
            *,
            not is_suppressed and metric = 'nps' and nps_responses > 0 as has_nps,
            not is_suppressed and metric = 'csat' as has_csat
        from merged
    ),
    shares as (
        select
            *,
            case when has_nps then promoters / nps_responses end as promoter_ratio,
            case when has_nps then detractors / nps_responses end as detractor_ratio
        from shown
    )

select
    scope_type,
    scope_key,
    scope_name,
    connection_id,
    metric,
    period_type,
    cast(period_start as date) as period_start_date,
    responses,
    case when has_nps then nps_responses end as nps_responses,
    case when has_nps then promoters end as promoters,
    case when has_nps then passives end as passives,
    case when has_nps then detractors end as detractors,
    case when has_nps then 100.0 * (promoters - detractors) / nps_responses end as nps,
    -- Normal approximation: 1.96 standard errors of the mean of +1, 0 and -1.
    100
    * 1.96
    * sqrt(
        (promoter_ratio + detractor_ratio - power(promoter_ratio - detractor_ratio, 2)) / nps_responses
    ) as nps_margin,
    case when has_csat then top_two_boxes end as top_two_boxes,
    case when has_csat then top_two_boxes / responses end as csat_ratio,
    case when has_csat then score_mean end as csat_mean,
    case when not is_suppressed and metric = 'ces' then score_mean end as ces_mean,
    cast(invited as bigint) as invited,
    case when invited > 0 then invited_responses / invited end as response_ratio,
    is_suppressed
from shares
