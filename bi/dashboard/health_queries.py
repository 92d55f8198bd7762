"""The dashboard's queries on the data themselves: coverage, hygiene, parity with the tool, restatements.

Like `queries.py`, whose temporary tables they use.
"""

from __future__ import annotations

from bi.dashboard.queries import Query, _query

HEALTH_PREPARE: dict[str, Query] = {
    "all_findings": _query(
        """
        select finding.*, rule.position
        from fct_hygiene_finding as finding join dim_hygiene_rule as rule using (rule_id)
        """,
        "fct_hygiene_finding",
        "dim_hygiene_rule",
        empty="select ''::varchar as finding_key, 0 as position limit 0",
    ),
    "all_restatements": _query(
        """
        from kpi_restatement
        where policy_id = getvariable('policy') and scope_type in ('all', 'portfolio', 'team', 'project')
        """,
        "kpi_restatement",
        empty="select ''::varchar as restatement_key limit 0",
    ),
    # The latest first, of these the widest scopes.
    "shown_restatements": _query(
        """
        select found.*, scope.scope_no, sprint.sprint_no,
            row_number() over (order by restated_at desc, scope_no, kpi_id, found.period_start_date) as position
        from all_restatements as found
        join shown_scopes as scope
            on scope.scope_type = found.scope_type and scope.scope_key = coalesce(found.scope_key, 'all')
        left join shown_sprints as sprint on sprint.sprint_key = found.sprint_key
        where found.sprint_key is null or sprint.sprint_no is not null
        order by position limit getvariable('findings')
        """,
        "kpi_restatement",
        empty="select ''::varchar as restatement_key, 0 as position limit 0",
    ),
}

HEALTH_QUERIES: dict[str, Query] = {
    "coverage": _query(
        """
        select connection_id as connection, stream, project, expected, got, missing, deleted, skipped, reason,
            read_at as read
        from fct_coverage order by connection_id, stream, project
        """,
        "fct_coverage",
    ),
    "hygiene_rules": _query(
        """
        select rule_id as rule, name, severity, description, remedy from dim_hygiene_rule order by position
        """,
        "dim_hygiene_rule",
    ),
    "hygiene": _query(
        """
        select rule_id as rule, subject, found.title, finding, left(person_key, 6) as owner, found.team_key as team,
            found.project_key as project, item.portfolio_key as portfolio, found.source_url as url, since_at as since
        from all_findings as found left join dim_work_item as item using (item_key)
        order by position, since_at nulls last, finding_key limit getvariable('findings')
        """,
        "fct_hygiene_finding",
        "dim_hygiene_rule",
        "dim_work_item",
    ),
    "parity": _query(
        """
        select
            team_key as team, sprint_name as sprint, closed_at as closed, measure, our_value as ours,
            tool_value as theirs, differing_items as items, reasons, unexplained_difference as unexplained
        from kpi_parity
        where policy_id = getvariable('policy')
        order by closed_at desc, sprint_key, measure
        """,
        "kpi_parity",
    ),
    "parity_items": _query(
        """
        select team_key as team, sprint.name as sprint, measure, item_ref as ref, found.title, source_url as url,
            our_value as ours, tool_value as theirs, reason
        from kpi_parity_item as found join dim_sprint as sprint using (sprint_key, team_key)
        where policy_id = getvariable('policy') order by sprint.closed_at desc, sprint_key, measure, item_ref
        limit getvariable('findings')
        """,
        "kpi_parity_item",
        "dim_sprint",
    ),
    "restatements": _query(
        """
        select
            restatement_key as key, kpi_id as kpi, scope_no as scope, period_type as type, period_start_date as start,
            sprint_no as sprint, first_value as first, old_value as old, new_value as new, old_published_at as since,
            restated_at as at, cause_text as cause, cause_items as items, is_latest as latest
        from shown_restatements order by position
        """,
        "kpi_restatement",
    ),
    # Of each the three that weigh most.
    "restatement_items": _query(
        """
        select restatement_key as key, coalesce(item_ref, response_key) as ref, title, source_url as url, change,
            changes as what, old_contribution as old, new_contribution as new, record_count as records
        from kpi_restatement_item join shown_restatements using (restatement_key)
        qualify
            row_number() over (
                partition by restatement_key
                order by abs(coalesce(new_contribution, 0) - coalesce(old_contribution, 0)) desc, ref
            ) <= 3
        order by position, ref limit 2 * getvariable('findings')
        """,
        "kpi_restatement",
        "kpi_restatement_item",
    ),
}
