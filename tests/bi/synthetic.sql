-- From the dice (in_items, in_teams, in_answers) to tables with the columns of the KPI contract.
create schema core; create schema marts; create schema intermediate;
create macro now_at() as timestamp '2026-03-20 06:00:00';

create table core.dim_connection as
select *, if(is_stale, 'The file has no column Score.', null) as held_reason from (values
    ('ado', 'azure_devops', 'Azure DevOps', 'https://dev.azure.com/acme', now_at(), false, now_at(), 200, 1.0),
    ('jira', 'jira', 'Acme Jira', 'https://acme.atlassian.net', now_at(), false, now_at(), 400, 0.997),
    ('pulse', 'survey_file', 'Pulse survey', null, timestamp '2026-03-11 04:00:00', true, timestamp '2026-03-11 04:00:00', 900, 1.0)
) t(connection_id, kind, name, url, watermark_at, is_stale, last_good_at, item_count, coverage_ratio);
create table core.dim_portfolio as
select 'p' || i as portfolio_key, ['Payments', 'Platform'][i + 1] as name, null::varchar as parent_portfolio_key, 'portfolio' as level from range(2) t(i);
create table core.dim_project as
select connection_id || ':' || project as project_key, connection_id, project::varchar as project_id, 'PR' || project as project,
       'Project ' || project as name, 'p' || any_value(portfolio) as portfolio_key from in_teams group by all;
create table core.dim_team as
select team_key, connection_id, name, null::varchar as board_id, kind, 'UTC' as time_zone, 'default' as calendar_id from in_teams;
create table core.dim_date as
select d::date as date_day, date_trunc('month', d)::date as month_start_date from range(date '2025-01-01', date '2026-04-01', interval 1 day) t(d);

create table core.dim_work_item as
select t.connection_id || ':' || i.number as item_key, t.connection_id, if(t.connection_id = 'jira', 'jira', 'azure_devops') as tool,
    i.number::varchar as item_id, if(t.connection_id = 'jira', 'PR' || t.project || '-' || i.number, i.number::varchar) as item_ref,
    i.title, i.item_type, lower(i.item_type) as type_group, t.connection_id || ':' || t.project as project_key, t.team_key,
    null::varchar as parent_item_key, 'p' || t.portfolio as portfolio_key, null::varchar as epic_portfolio_key,
    case when done_at is not null then 'Done' when is_blocked and started_at is not null then 'Waiting for review' when started_at is not null then 'In Progress' else 'To Do' end as status,
    case when done_at is not null then 'done' when is_blocked and started_at is not null then 'waiting' when started_at is not null then 'in_progress' else 'todo' end as stage,
    i.points, i.created_at, coalesce(i.done_at, i.started_at, i.created_at) as updated_at, false as is_deleted, false as is_subtask, is_blocked as is_flagged,
    i.labels, 'https://acme.example/browse/' || i.number as source_url, i.number
from in_items i join in_teams t on t.team_key = (if(i.team < 4, 'jira:board:', 'ado:team:') || i.team);
create table core.bridge_item_team as
select item_key, team_key, created_at as valid_from, null::timestamp as valid_to from core.dim_work_item;
create table core.fct_item_flow as
select w.item_key, 'default' as policy_id, w.connection_id, w.project_key, w.team_key, w.portfolio_key, i.created_at, i.started_at, i.done_at, null::timestamp as cancelled_at,
    date_diff('second', i.created_at, i.done_at) / 3600.0 as lead_time_hours, date_diff('second', i.started_at, i.done_at) / 3600.0 as cycle_time_hours,
    lead_time_hours / 24 as lead_time_days, cycle_time_hours / 24 as cycle_time_days, cycle_time_hours * 0.6 as active_hours, cycle_time_hours * 0.4 as waiting_hours,
    if(w.is_flagged, 12.0, 0.0) as blocked_hours, active_hours / (active_hours + waiting_hours) as flow_efficiency_ratio,
    if(i.done_at is null and i.started_at is not null, date_diff('second', i.started_at, now_at()) / 3600.0, null) as age_hours,
    i.reopen_count, 0 as backward_move_count, i.started_at is null as has_skipped_start, true as is_in_flow
from core.dim_work_item w join in_items i on i.number = w.number;
create table core.fct_state_interval as
select item_key, connection_id, row_number() over stays::integer as sequence, stage as status_id, stage as status, stage, team_key, project_key, entered_at,
    lead(entered_at) over stays as left_at, date_diff('second', entered_at, coalesce(lead(entered_at) over stays, now_at())) / 3600.0 as hours,
    left_at is null as is_current, 'jira/issue_changes|' || item_key || ':' || row_number() over stays as raw_record_key
from (select item_key, connection_id, team_key, project_key, 'todo' as stage, created_at as entered_at from core.fct_item_flow
      union all select item_key, connection_id, team_key, project_key, 'in_progress', started_at from core.fct_item_flow where started_at is not null
      union all select item_key, connection_id, team_key, project_key, 'done', done_at from core.fct_item_flow where done_at is not null)
window stays as (partition by item_key order by entered_at);
alter table core.dim_work_item drop column number;

create temp table scopes as
select 'all' as scope_type, 'all' as scope_key, 'All' as scope_name, item_key from core.dim_work_item
union all select 'team', team_key, t.name, item_key from core.dim_work_item join core.dim_team t using (team_key)
union all select 'project', project_key, p.name, item_key from core.dim_work_item join core.dim_project p using (project_key)
union all select 'portfolio', portfolio_key, p.name, item_key from core.dim_work_item join core.dim_portfolio p using (portfolio_key)
union all select 'item_type', item_type, item_type, item_key from core.dim_work_item;
create temp table periods as
select 'month' as period_type, d::date as period_start_date, (d + interval 1 month)::date as until_date from range(timestamp '2025-01-01', now_at(), interval 1 month) t(d)
union all select 'quarter', d::date, (d + interval 3 month)::date from range(timestamp '2025-01-01', now_at(), interval 3 month) t(d)
union all select 'week', d::date, (d + interval 7 day)::date from range(timestamp '2025-01-06', now_at(), interval 7 day) t(d)
union all select 'day', d::date, (d + interval 1 day)::date from range(timestamp '2025-01-06', now_at(), interval 1 day) t(d);

create table marts.kpi_flow as
select scope_type, scope_key, any_value(scope_name) as scope_name, period_type, period_start_date, 'default' as policy_id,
    count(*) filter (created_at >= period_start_date and created_at < until_date) as arrived_items,
    count(*) filter (started_at >= period_start_date and started_at < until_date) as started_items,
    count(*) filter (done_at >= period_start_date and done_at < until_date) as delivered_items,
    sum(points) filter (done_at >= period_start_date and done_at < until_date) as delivered_points,
    0::bigint as cancelled_items,
    quantile_cont(lead_time_hours, 0.85) filter (done_at >= period_start_date and done_at < until_date) as lead_time_p85_hours,
    quantile_cont(cycle_time_hours, 0.5) filter (done_at >= period_start_date and done_at < until_date) as cycle_time_p50_hours,
    quantile_cont(cycle_time_hours, 0.7) filter (done_at >= period_start_date and done_at < until_date) as cycle_time_p70_hours,
    quantile_cont(cycle_time_hours, 0.85) filter (done_at >= period_start_date and done_at < until_date) as cycle_time_p85_hours,
    quantile_cont(cycle_time_hours, 0.95) filter (done_at >= period_start_date and done_at < until_date) as cycle_time_p95_hours,
    count(*) filter (started_at < until_date and (done_at is null or done_at >= until_date)) as wip_items,
    quantile_cont(date_diff('second', started_at, least(until_date, now_at())) / 3600.0, 0.85) filter (started_at < until_date and (done_at is null or done_at >= until_date)) as wip_age_p85_hours,
    count(*) filter (reopen_count > 0 and done_at >= period_start_date and done_at < until_date) as reopened_items,
    count(*) filter (type_group = 'bug' and done_at >= period_start_date and done_at < until_date) / nullif(delivered_items, 0) as defect_ratio,
    0.6::double as flow_efficiency_ratio
from scopes join core.fct_item_flow f using (item_key) join (select item_key, points, type_group from core.dim_work_item) using (item_key) cross join periods
group by scope_type, scope_key, period_type, period_start_date, until_date;
create table marts.kpi_cfd as
select scope_type, scope_key, any_value(scope_name) as scope_name, period_start_date as day_date, stage, 'default' as policy_id,
    count(*) filter (entered_at < until_date and (left_at is null or left_at >= until_date)) as items,
    count(*) filter (entered_at >= day_date and entered_at < until_date) as entered, count(*) filter (left_at >= day_date and left_at < until_date) as "left"
from scopes join core.fct_state_interval using (item_key) cross join (select * from periods where period_type = 'day' and period_start_date > date '2025-09-01')
group by scope_type, scope_key, period_start_date, until_date, stage;
create table marts.kpi_wip as
select f.item_key, 'default' as policy_id, f.connection_id, w.team_key, w.project_key, w.portfolio_key, f.age_hours,
    percent_rank() over (order by age_hours) as age_percentile_ratio, w.stage, w.status, f.age_hours / 48 as unchanged_days, w.is_flagged as is_blocked, true as is_in_flow
from core.fct_item_flow f join core.dim_work_item w using (item_key) where f.started_at is not null and f.done_at is null;

create table core.dim_sprint as
select t.team_key || ':' || i as sprint_key, i::varchar as sprint_id, t.connection_id, t.team_key, null::varchar as board_id, t.name || ' Sprint ' || i as name, 'Goal' as goal,
    started_at, started_at as planned_start_at, started_at + interval 14 day as planned_end_at, if(planned_end_at < now_at(), planned_end_at, null) as closed_at,
    case when started_at > now_at() then 'future' when planned_end_at < now_at() then 'closed' else 'active' end as state, closed_at is not null as is_closed
from in_teams t, (select i, timestamp '2025-07-01 09:00:00' + interval 14 day * i as started_at from range(19) t(i)) where t.kind = 'scrum';
create table core.fct_sprint_item as
select s.sprint_key, f.item_key, 'default' as policy_id, true as is_in_scope, f.created_at < s.started_at as is_committed, null::timestamp as added_at, null::timestamp as removed_at,
    w.points as points_at_start, w.points as points_at_close, f.done_at as completed_at,
    if(f.done_at between s.started_at and coalesce(s.closed_at, now_at()), 'completed', 'not_completed') as outcome
from core.dim_sprint s join core.dim_work_item w using (team_key) join core.fct_item_flow f using (item_key)
where s.state <> 'future' and f.started_at < coalesce(s.closed_at, now_at()) and (f.done_at is null or f.done_at > s.started_at);
create table core.fct_sprint_event as
select sprint_key, item_key, policy_id, s.connection_id, 1::bigint as event_number, s.started_at as event_at, 'start' as event_type, points_at_start as delta_points,
    0.0::double as completed_delta_points, 'jira/issue_changes|' || item_key || ':1' as raw_record_key
from core.fct_sprint_item join core.dim_sprint s using (sprint_key);
create table marts.kpi_velocity as
select *, completed_points * 0.8 / nullif(committed_points, 0) as say_do_ratio, completed_items * 0.8 / nullif(committed_items, 0) as say_do_items_ratio,
    added_points / nullif(committed_points, 0) as scope_change_ratio, added_items / nullif(committed_items, 0) as scope_change_items_ratio,
    avg(completed_points) over latest as velocity_mean_points, stddev_samp(completed_points) over latest as velocity_stddev_points,
    completed_points / nullif(avg(completed_points) over (partition by team_key order by sprint_key rows between 3 preceding and 1 preceding), 0) as predictability_ratio
from (
    select s.sprint_key, 'default' as policy_id, s.connection_id, s.team_key, s.is_closed as is_final, count(*) filter (is_committed) as committed_items, sum(points_at_start) filter (is_committed) as committed_points,
        count(*) filter (not is_committed) as added_items, coalesce(sum(points_at_start) filter (not is_committed), 0) as added_points, 0::bigint as removed_items, 0.0::double as removed_points, 0::bigint as cancelled_items, 0.0::double as cancelled_points,
        count(*) filter (outcome = 'completed') as completed_items, coalesce(sum(points_at_close) filter (outcome = 'completed'), 0) as completed_points,
        count(*) filter (outcome <> 'completed') as not_completed_items, sum(points_at_close) filter (outcome <> 'completed') as not_completed_points, 0::bigint as completed_elsewhere_items, 0.0::double as estimate_change_points
    from core.dim_sprint s join core.fct_sprint_item using (sprint_key) group by all)
window latest as (partition by team_key order by sprint_key rows between 2 preceding and current row);
create table marts.kpi_burndown as
select sprint_key, day_date, 'default' as policy_id, count(*) filter (completed_at is null or completed_at::date > day_date) as remaining_items,
    coalesce(sum(points_at_start) filter (completed_at is null or completed_at::date > day_date), 0) as remaining_points, null::double as remaining_hours,
    count(*) as scope_items, sum(points_at_start) as scope_points, count(*) filter (completed_at::date <= day_date) as completed_items,
    coalesce(sum(points_at_start) filter (completed_at::date <= day_date), 0) as completed_points, 0::bigint as added_items, 0.0::double as added_points, 0::bigint as removed_items, 0.0::double as removed_points,
    sum(points_at_start) * greatest(0, 1 - date_diff('day', any_value(started_at)::date, day_date) / 14) as ideal_points
from (select s.*, unnest(generate_series(started_at::date, least(coalesce(closed_at, now_at()), planned_end_at)::date, interval 1 day))::date as day_date from core.dim_sprint s where state <> 'future')
join core.fct_sprint_item using (sprint_key) group by sprint_key, day_date;

create table core.fct_survey_response as
select response_key, 'pulse' as connection_id, 'Customer pulse' as survey, metric, score, 'surveys/responses|' || response_key as raw_record_key, null::varchar as team_key, null::varchar as project_key, if(metric = 'nps', 0, 1)::double as scale_min, if(metric = 'nps', 10, 5)::double as scale_max,
    submitted_at, 'portfolio' as scope_type, 'p' || portfolio as scope_key, 'P' || portfolio as scope_name, md5(response_key) as respondent_key, false as has_comment from in_answers;
create table marts.kpi_satisfaction as
select metric, s.scope_type, s.scope_key, s.scope_name, period_type, period_start_date, count(*) as responses,
    count(*) filter (metric = 'nps' and score >= 9) as promoters, count(*) filter (metric = 'nps' and score between 7 and 8) as passives, count(*) filter (metric = 'nps' and score <= 6) as detractors,
    if(metric = 'nps', 100.0 * (promoters - detractors) / responses, null) as nps,
    if(metric = 'nps', 196.0 * sqrt((promoters + detractors) / responses - ((promoters - detractors) / responses) ** 2) / sqrt(responses), null) as nps_margin,
    if(metric = 'csat', count(*) filter (score >= 4) / responses, null) as csat_ratio, if(metric = 'csat', avg(score), null) as csat_mean, null::double as ces_mean,
    null::bigint as invited, null::double as response_ratio, responses < 5 as is_suppressed
from core.fct_survey_response r join periods on submitted_at >= period_start_date and submitted_at < until_date and period_type in ('month', 'quarter')
cross join lateral (select 'all' as scope_type, 'all' as scope_key, 'All' as scope_name union all select 'survey', 'pulse:' || r.survey, r.survey union all select 'portfolio', r.scope_key, (select name from core.dim_portfolio where portfolio_key = r.scope_key)) s
group by metric, s.scope_type, s.scope_key, s.scope_name, period_type, period_start_date;

create table marts.dim_kpi as
select kpi_id, name, definition as description, formula, unit, direction, 'pmo' as owner, 1 as definition_version from (values
    ('cycle_time_p50', 'Cycle time, median', 'Half of the delivered items took this long or less from start to done.', 'percentile 50 of done_at - started_at', 'hours', 'down'),
    ('cycle_time_p85', 'Cycle time, 85th percentile', '85 of 100 delivered items took this long or less from start to done.', 'percentile 85 of done_at - started_at', 'hours', 'down'),
    ('lead_time_p85', 'Lead time, 85th percentile', '85 of 100 delivered items took this long or less from creation to done.', 'percentile 85 of done_at - created_at', 'hours', 'down'),
    ('throughput', 'Throughput', 'Items delivered in the period.', 'count of items by done_at', 'items', 'up'),
    ('wip', 'Work in progress', 'Items in progress or waiting at the end of the period.', 'count', 'items', 'down'),
    ('wip_age_p85', 'Age of work in progress', '85 of 100 items in progress are this old or younger.', 'percentile 85 of age', 'hours', 'down'),
    ('flow_efficiency', 'Flow efficiency', 'Share of the time in which items were worked on.', 'active / (active + waiting)', 'ratio', 'up'),
    ('defect_ratio', 'Defect ratio', 'Share of bugs among delivered items.', 'delivered bugs / delivered', 'ratio', 'down'),
    ('reopen_ratio', 'Reopen ratio', 'Re-opened items per delivered item.', 'reopened / delivered', 'ratio', 'down'),
    ('velocity', 'Velocity', 'Mean points completed over the latest closed sprints.', 'mean of completed points', 'points', 'up'),
    ('say_do', 'Say-do ratio', 'Share of the committed points that was completed.', 'completed and committed / committed', 'ratio', 'up'),
    ('scope_change', 'Scope change', 'Points added and removed per point committed.', '(added + removed) / committed', 'ratio', 'down'),
    ('nps', 'Net promoter score', 'Promoters minus detractors, per hundred answers.', '100 x (promoters - detractors) / responses', 'points of -100 to 100', 'up'),
    ('csat', 'Customer satisfaction', 'Share of answers in the top two boxes.', 'top two boxes / responses', 'ratio', 'up'),
    ('data_trust', 'Data trust', 'Share of items whose history is complete.', 'complete / all', 'ratio', 'up')
) t(kpi_id, name, definition, formula, unit, direction);
create temp table score_values as
select scope_type, scope_key, scope_name, period_type, period_start_date, null::varchar as sprint_key, unnest([
    {kpi_id: 'cycle_time_p50', v: cycle_time_p50_hours, n: null::double, d: null::double, s: delivered_items}, {kpi_id: 'cycle_time_p85', v: cycle_time_p85_hours, n: null, d: null, s: delivered_items},
    {kpi_id: 'lead_time_p85', v: lead_time_p85_hours, n: null, d: null, s: delivered_items}, {kpi_id: 'throughput', v: delivered_items, n: null, d: null, s: delivered_items},
    {kpi_id: 'wip', v: wip_items, n: null, d: null, s: wip_items}, {kpi_id: 'wip_age_p85', v: wip_age_p85_hours, n: null, d: null, s: wip_items},
    {kpi_id: 'flow_efficiency', v: if(delivered_items > 0, 0.6, null), n: 0.6 * delivered_items, d: delivered_items, s: delivered_items},
    {kpi_id: 'defect_ratio', v: defect_ratio, n: defect_ratio * delivered_items, d: delivered_items, s: delivered_items},
    {kpi_id: 'reopen_ratio', v: reopened_items / nullif(delivered_items, 0), n: reopened_items, d: delivered_items, s: delivered_items},
    {kpi_id: 'data_trust', v: 0.98, n: 0.98 * delivered_items, d: delivered_items, s: delivered_items}], recursive := true)
from marts.kpi_flow where period_type in ('month', 'quarter')
union all by name
select scope_type, scope_key, scope_name, period_type, period_start_date, metric as kpi_id, if(metric = 'nps', nps, csat_ratio) as v, promoters - detractors as n, responses as d, responses as s from marts.kpi_satisfaction where scope_type <> 'survey'
union all by name
select 'team' as scope_type, team_key as scope_key, t.name as scope_name, 'sprint' as period_type, s.started_at::date as period_start_date, sprint_key, unnest([
    {kpi_id: 'velocity', v: velocity_mean_points, n: null::double, d: null::double, s: completed_items}, {kpi_id: 'say_do', v: say_do_ratio, n: say_do_ratio * committed_points, d: committed_points, s: committed_items},
    {kpi_id: 'scope_change', v: scope_change_ratio, n: added_points, d: committed_points, s: committed_items}], recursive := true)
from marts.kpi_velocity join core.dim_sprint s using (sprint_key, team_key) join core.dim_team t using (team_key) where is_final;
create table marts.kpi_scorecard as
select kpi_id, scope_type, scope_key, scope_name, period_type, period_start_date, sprint_key, 'default' as policy_id, 1 as definition_version, v as value, unit, n as numerator, d as denominator, s as sample_items,
    lag(v) over (partition by kpi_id, scope_type, scope_key, period_type order by period_start_date, sprint_key) as previous_value,
    case kpi_id when 'cycle_time_p85' then 240.0 when 'say_do' then 0.8 when 'nps' then 30 when 'defect_ratio' then 0.2 when 'throughput' then 20 end as target_value,
    case when target_value is null or v is null then 'no_target' when (direction = 'up') = (v >= target_value) then 'on_target' when abs(v - target_value) < 0.15 * target_value then 'at_risk' else 'off_target' end as status,
    if(kpi_id in ('nps', 'csat'), null, 0.98) as trust_ratio, if(kpi_id in ('nps', 'csat'), timestamp '2026-03-11 04:00:00', now_at()) as data_as_of_at, 'run-0001' as run_id
from score_values join marts.dim_kpi using (kpi_id) where scope_type <> 'item_type';
create table marts.kpi_evidence as
select kpi_id, 'default' as policy_id, done_at::date as event_date, done_at as event_at, 3::bigint as event_sequence, null::varchar as sprint_key, item_key, null::varchar as response_key,
    if(kpi_id in ('defect_ratio', 'reopen_ratio', 'flow_efficiency'), 'denominator', 'sample') as role, case kpi_id when 'lead_time_p85' then lead_time_hours when 'throughput' then 1 when 'defect_ratio' then 1 when 'reopen_ratio' then 1 else cycle_time_hours end as contribution
from core.fct_item_flow, (values ('cycle_time_p50'), ('cycle_time_p85'), ('lead_time_p85'), ('throughput'), ('defect_ratio'), ('reopen_ratio'), ('flow_efficiency')) k(kpi_id) where done_at is not null
union all select 'nps', 'default', submitted_at::date, submitted_at, null, null, null, response_key, 'sample', score from core.fct_survey_response where metric = 'nps'
union all select k, 'default', completed_at::date, completed_at, null, sprint_key, item_key, null, outcome, points_at_close from core.fct_sprint_item, (values ('velocity'), ('say_do'), ('scope_change')) v(k) where outcome = 'completed';
create table core.fct_item_trust as
select item_key, number_of % 50 <> 0 as is_complete, if(number_of % 50 = 0, 'the last status change does not end at the current status', null) as reasons from (select item_key, row_number() over (order by item_key) as number_of from core.dim_work_item);

create table core.dim_hygiene_rule as
select * from (values
    ('no_estimate', 'No estimate', 'medium', 'item', 'It counts 0 points.', 'Estimate it.', 2),
    ('two_open_sprints', 'In two open sprints', 'high', 'item', 'It counts twice.', 'Leave it in one.', 1)
) as t(rule_id, name, severity, subject_type, description, remedy, position);
create table core.fct_hygiene_finding as
select 'no_estimate|' || item_key as finding_key, 'no_estimate' as rule_id, 'medium' as severity, 'item' as subject_type, connection_id, item_key, null::varchar as sprint_key, item_ref as subject,
    title, 'In progress without an estimate.' as finding, md5(item_key) as person_key, team_key, project_key, source_url, created_at as since_at, now_at() as as_of_at
from core.dim_work_item where points is null;
create table core.fct_coverage as
select 'jira' as connection_id, 'jira/issues' as stream, project_key as project, 10::bigint as expected, 9::bigint as got, 1::bigint as missing, 0::bigint as deleted, 0::bigint as skipped, '<b>gone</b>' as reason,
    0.9::double as coverage_ratio, now_at() as read_at, now_at() as last_good_at from (select distinct project_key from core.dim_work_item);
create table marts.kpi_parity as
select s.sprint_key, 'default' as policy_id, 'completed_items' as measure, s.connection_id, s.team_key, s.name as sprint_name, s.closed_at, v.completed_items::double as our_value, v.completed_items::double + 1 as tool_value,
    'sprint report' as tool_source, -1.0::double as difference, 0.0::double as unexplained_difference, 1::bigint as differing_items, 'not_delivered (1)' as reasons, false as is_equal
from core.dim_sprint s join marts.kpi_velocity v using (sprint_key) where s.is_closed;
create table marts.kpi_parity_item as
select p.sprint_key, p.policy_id, p.measure, i.item_key, p.connection_id, p.team_key, i.item_ref, i.title, i.source_url, 'cancelled' as our_outcome, 'completed' as tool_outcome, 0.0::double as our_value, 1.0::double as tool_value,
    'not_delivered' as reason_id, 'It was closed as "Won''t Do".' as reason
from marts.kpi_parity p join (select team_key, min(item_key) as item_key from core.dim_work_item group by all) f using (team_key) join core.dim_work_item i using (item_key);
create table marts.kpi_restatement as
select md5(kpi_id || scope_key || period_start_date) as restatement_key, kpi_id || scope_key || period_start_date as figure_key, kpi_id, scope_type, scope_key, scope_name, null::varchar as connection_id, period_type, period_start_date, sprint_key, policy_id,
    value + 2 as first_value, now_at() - interval 40 day as first_published_at, value + 1 as old_value, now_at() - interval 20 day as old_published_at, value as new_value, -1.0::double as change_value, now_at() as restated_at, 'run' as run_id,
    'records' as cause, '1 item left. It has 2 new records.' as cause_text, 1::bigint as cause_items, true as is_latest
from marts.kpi_scorecard where kpi_id = 'throughput' and period_type = 'quarter' and period_start_date = date '2025-10-01' and value is not null;
create table marts.kpi_restatement_item as
select r.restatement_key, r.figure_key, r.run_id, i.item_key, null::varchar as response_key, i.connection_id, i.item_ref, i.title, i.source_url, 'left' as change, '2026-03-01 In Progress' as changes, 1.0::double as old_contribution, null::double as new_contribution,
    1::bigint as cause_items, 2::bigint as record_count, ['jira/issues|1'] as raw_record_keys, ['b'] as batch_ids, ['r'] as extraction_run_ids, false as is_deleted
from marts.kpi_restatement r, (select * from core.dim_work_item order by item_key limit 1) i;

create table core.raw_record as
select raw_record_key, connection_id, split_part(raw_record_key, '|', 1) as stream, split_part(raw_record_key, '|', 2) as record_id, 'run-0001' as run_id, 'batch' as batch_id,
    '/a/raw/home/raw/' || split_part(raw_record_key, '|', 1) || '/part-1.parquet' as landed_file, md5(raw_record_key) as payload_hash, false as is_deleted, now_at() as extracted_at
from (select connection_id, raw_record_key from core.fct_state_interval union select connection_id, raw_record_key from core.fct_survey_response);
insert into core.raw_record select raw_record_key, connection_id, stream, record_id, 'run-0000', 'earlier', landed_file, 'superseded', false, extracted_at - interval 1 day from core.raw_record;
