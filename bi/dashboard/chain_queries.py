"""The dashboard's queries behind its evidence: what happened to the items, the answers, and their raw records.

Like `queries.py`, whose temporary tables they use. A step is a stay of an item in a status, or what the item did to a
sprint that is shown; its raw record is named by number, and the files that records were landed in by number again. The
page holds all steps of as many items as fit into `steps`, those with the newest evidence first, and the newest
`answers` per KPI. Raw records are not published: the view `raw_record` is read where the warehouse is attached.
"""

from __future__ import annotations

from bi.dashboard.queries import Query, _query

WAREHOUSE = "warehouse"  # the name under which the warehouse is attached

CHAIN_PREPARE: dict[str, Query] = {
    "item_steps": _query(
        """
        select item_key, entered_at as happened_at, null::varchar as sprint_key, status as what, stage,
            hours as amount, connection_id, raw_record_key, sequence
        from fct_state_interval where item_key in (select item_key from shown_items)
        union all
        select item_key, event_at, sprint_key, event_type, null,
            if(event_type = 'completed', completed_delta_points, delta_points), connection_id, raw_record_key,
            event_number
        from fct_sprint_event
        where
            item_key in (select item_key from shown_items) and policy_id = getvariable('policy')
            and sprint_key in (select sprint_key from shown_sprints) and event_type <> 'closed'
        """,
        "fct_state_interval",
        "fct_sprint_event",
        "dim_work_item",
        empty="""
        select ''::varchar as item_key, null::timestamp as happened_at, ''::varchar as sprint_key, ''::varchar as what,
            ''::varchar as stage, 0.0 as amount, ''::varchar as connection_id, ''::varchar as raw_record_key,
            0 as sequence
        limit 0
        """,
    ),
    "traced_items": _query(
        """
        with newest as (
            select item_key, max(event_date) as event_date
            from (
                select item_key, event_date from shown_evidence
                union all select item_key, now_at::date from wip_items, last_day
            )
            group by item_key
        ),
        counted as (select item_key, count(*) as steps from item_steps group by item_key)
        select item_key
        from counted left join newest using (item_key)
        qualify
            sum(steps) over (order by event_date desc nulls last, item_key rows unbounded preceding)
            <= getvariable('steps')
        """
    ),
    "all_answers": _query(
        """
        select evidence.kpi_id, evidence.event_date, evidence.role, evidence.contribution, response.*
        from kpi_evidence as evidence join fct_survey_response as response using (response_key)
        where policy_id = getvariable('policy') and event_date >= (select first_date from first_month)
        """,
        "kpi_evidence",
        "fct_survey_response",
        empty="select ''::varchar as kpi_id, ''::varchar as response_key limit 0",
    ),
    "shown_answers": _query(
        """
        select answer.*, project.portfolio_key, connection_id || ':' || scope_type || ':' || scope_name as about_key
        from all_answers as answer
        left join dim_project as project using (project_key, connection_id)
        qualify
            row_number() over (partition by kpi_id order by submitted_at desc, response_key) <= getvariable('answers')
        """,
        "kpi_evidence",
        "fct_survey_response",
        "dim_project",
        empty="select ''::varchar as kpi_id, ''::varchar as connection_id, ''::varchar as raw_record_key limit 0",
    ),
    "wanted_records": _query(
        """
        select distinct connection_id, raw_record_key, split_part(raw_record_key, '|', 1) as stream,
            substr(raw_record_key, strpos(raw_record_key, '|') + 1) as record_id
        from (
            select connection_id, raw_record_key from item_steps semi join traced_items using (item_key)
            union all select connection_id, raw_record_key from shown_answers
        )
        where raw_record_key is not null
        """
    ),
    "shown_records": _query(
        f"""
        select
            (row_number() over (order by connection_id, stream, record_id) - 1)::integer as record_no,
            (dense_rank() over (order by stream, landed_file, run_id, extracted_at) - 1)::integer as landing_no, *
        from (
            from {WAREHOUSE}.core.raw_record
            semi join wanted_records using (connection_id, stream, record_id)
            where not is_deleted
            qualify
                row_number() over (partition by connection_id, stream, record_id order by extracted_at desc) = 1
        )
        """,  # noqa: S608 - a name of this file
        "raw_record",
        empty="""
        select 0 as record_no, 0 as landing_no, ''::varchar as connection_id, ''::varchar as raw_record_key limit 0
        """,
    ),
}

CHAIN_QUERIES: dict[str, Query] = {
    "steps": _query(
        """
        select item_no as item, happened_at as at, sprint_no as sprint, what, step.stage, amount, record_no as record
        from item_steps as step
        semi join traced_items using (item_key)
        join shown_items using (item_key)
        left join shown_sprints as sprint on sprint.sprint_key = step.sprint_key
        left join shown_records as record
            on record.connection_id = step.connection_id and record.raw_record_key = step.raw_record_key
        order by item_no, happened_at, step.sprint_key nulls first, sequence
        """,
        "dim_work_item",
        "fct_sprint_event",
    ),
    "answers": _query(
        """
        select kpi_id as kpi, event_date as day, submitted_at as at, role, contribution, survey, team_key as team,
            project_key as project, portfolio_key as portfolio, about_key as about, record_no as record
        from shown_answers as answer
        left join shown_records as record
            on record.connection_id = answer.connection_id and record.raw_record_key = answer.raw_record_key
        order by kpi_id, submitted_at desc, record_no
        """,
        "kpi_evidence",
        "fct_survey_response",
        "dim_project",
    ),
    "records": _query(
        "select record_id as id, landing_no as landing, payload_hash as hash from shown_records order by record_no",
        "raw_record",
    ),
    # Files are told below PMO_HOME: where that lies on this machine is nobody's business.
    "landings": _query(
        """
        select any_value(stream) as stream, any_value(run_id) as run, any_value(extracted_at) as at,
            'raw/' || any_value(stream) || '/' || parse_filename(any_value(landed_file)) as file
        from shown_records group by landing_no order by landing_no
        """,
        "raw_record",
    ),
    "portfolios": _query(
        "select portfolio_key as key, parent_portfolio_key as parent from dim_portfolio order by portfolio_key",
        "dim_portfolio",
    ),
}
