"""The chain behind a published value: value → evidence → items → events → raw records. Reads published/marts.duckdb.

Which rows are the evidence of a value says the model kpi_evidence: the rows of its
KPI and policy in its period (or sprint) whose item belonged to its scope at that instant. Of work in progress the
stays in a stage are the evidence themselves.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Self

import duckdb

from extractors.landing import Landing
from orchestration.errors import PmoError
from orchestration.explained_scope import (
    Row,
    answer_in_scope,
    in_scope,
    period_end_in,
    zone_in,
    zone_of_scope,
)
from orchestration.explained_value import Question, Values
from orchestration.paths import Home

OCCUPANCY = {"wip", "wip_age_p85"}
MONTHS = {"month": 1, "quarter": 3}
COUNTED = """case policy.flow_types
    when 'all' then true
    when 'no_epics_no_subtasks' then place.type_group not in ('epic', 'sub-task') and not place.is_subtask
    else list_contains(
        list_transform(regexp_split_to_array(policy.flow_types, '[,;|]'), lambda name: lower(trim(name))),
        lower(place.type_group)
    )
end"""  # as the models decide which types a policy counts
# Ages are measured from the start of work as the policy sees it.
OCCUPIED = """
    select stay.stage as role, cast(stay.entered_at as date) as event_date, stay.item_key,
        cast(null as varchar) as response_key, item.item_ref, item.title, item.source_url,
        case when ? = 'wip' then 1.0 else epoch(least(ended.end_at, connection.watermark_at) - case policy.start_rule
            when 'first' then life.first_at when 'last' then life.last_at else (
                select min(entered_at) from fct_state_interval as later
                where later.item_key = stay.item_key and later.stage = 'in_progress'
                    and later.sequence between coalesce(life.todo_sequence, 0) and stay.sequence
            ) end) / 3600 end as contribution
    from fct_state_interval as stay
    inner join dim_work_item as item on stay.item_key = item.item_key
    inner join dim_connection as connection on stay.connection_id = connection.connection_id
    inner join dim_policy as policy on policy.policy_id = ? and policy.policy_version = ?
    cross join lateral (select {end} as end_at) as ended
    inner join bridge_item_place as place
        on stay.item_key = place.item_key and place.valid_from <= connection.watermark_at
        and place.valid_from < ended.end_at and (
            place.valid_to is null or place.valid_to > connection.watermark_at or place.valid_to >= ended.end_at
        )
    cross join lateral (
        select min(entered_at) filter (where stage = 'in_progress') as first_at,
            max(entered_at) filter (where stage = 'in_progress' and is_stage_entry) as last_at,
            max(sequence) filter (where stage in ('backlog', 'todo')) as todo_sequence
        from fct_state_interval as earlier
        where earlier.item_key = stay.item_key and earlier.sequence <= stay.sequence
    ) as life
    where stay.stage in ('in_progress', 'waiting') and stay.entered_at <= connection.watermark_at
        and stay.entered_at < ended.end_at
        and (stay.left_at is null or stay.left_at > connection.watermark_at or stay.left_at >= ended.end_at)
        and {counted} and {scope}
    order by event_date, item.item_ref
"""
LANDED = """
    select record_id, run_id, filename as landed_file, payload_hash, cast(extracted_at as timestamp) as extracted_at
    from read_parquet(?, filename = true, union_by_name = true)
    where connection_id = ? and record_id in (select unnest(?)) and not is_deleted and batch_id in (select unnest(?))
    qualify row_number() over (partition by record_id order by extracted_at desc) = 1
"""


class Explanation:
    """Answers about one publication. Close it, or use it in a `with`."""

    def __init__(self, home: Home) -> None:
        file = home.published / "marts.duckdb"
        if not file.exists():
            raise PmoError(f"Nothing is published in {home.published} yet. `pmo run` does it.")
        self._landing = Landing(home.root)
        self._settings = home.dbt_inputs / "settings.parquet"
        self._session = duckdb.connect(str(file), read_only=True)
        self._session.execute("set TimeZone = 'UTC'; set search_path = 'marts'")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def rows(self, sql: str, parameters: list[Any] | None = None) -> list[Row]:
        try:
            cursor = self._session.execute(sql, parameters or [])
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise PmoError(
                "What is published was made by another version of this program, which had other tables "
                f"({str(error).splitlines()[0]}). `pmo run` publishes it anew."
            ) from error
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def kpi(self, kpi_id: str) -> Row:
        """The description of a KPI."""
        found = self.rows("select * from dim_kpi where kpi_id = ?", [kpi_id])
        if not found:
            known = [row["kpi_id"] for row in self.rows("select kpi_id from dim_kpi order by kpi_id")]
            near = difflib.get_close_matches(kpi_id, known, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise PmoError(f"There is no KPI {kpi_id}.{hint} Known: {', '.join(known)}.")
        return found[0]

    def value(self, question: Question) -> Row:
        """The scorecard's row that the question means; of several periods the latest that has a value."""
        return Values(self.rows).find(question)

    def evidence(self, value: Row) -> list[Row]:
        """Every row that the value was computed from, with its item or response."""
        if value["kpi_id"] in OCCUPANCY:
            return self._occupancy(value)
        if value.get("sprint_key") is not None:
            return self._evidence(value, "evidence.sprint_key = ?", [value["sprint_key"]])
        events, events_bound = in_scope(value, "stay")
        answers, answers_bound = answer_in_scope(value)
        day = f"cast(timezone({zone_in(value)}, timezone('UTC', evidence.event_at)) as date)"
        zone = zone_of_scope(self._session, value, self._settings)
        period = [value["period_start_date"], _period_end(value)]
        condition = f"""evidence.sprint_key is null and case when evidence.item_key is null
            then evidence.event_date >= ? and evidence.event_date < ? and {answers}
            else {day} >= ? and {day} < ? and {events} end"""
        bound = [*period, *answers_bound, zone, period[0], zone, period[1], *events_bound]
        return self._evidence(value, condition, bound)

    def _evidence(self, value: Row, condition: str, bound: list[Any]) -> list[Row]:
        return self.rows(
            f"""
            select evidence.role, evidence.contribution, evidence.event_date, evidence.item_key, evidence.response_key,
                item.item_ref, item.title, item.source_url, response.submitted_at, response.survey,
                response.connection_id, response.raw_record_key
            from kpi_evidence as evidence
            left join dim_work_item as item on evidence.item_key = item.item_key
            left join fct_state_interval as stay
                on evidence.item_key = stay.item_key and evidence.event_sequence = stay.sequence
            left join dim_connection as connection on stay.connection_id = connection.connection_id
            left join fct_survey_response as response on evidence.response_key = response.response_key
            where evidence.kpi_id = ? and evidence.policy_id = ?
                and coalesce(evidence.policy_version = ?, true) and {condition}
            order by evidence.role, evidence.event_date, item.item_ref, evidence.response_key
            """,  # noqa: S608 - texts of this program, values are bound
            [value["kpi_id"], value["policy_id"], value["policy_version"], *bound],
        )

    def _occupancy(self, value: Row) -> list[Row]:
        """The stays in a stage of work when the period ended in the scope's time zone; of the present one: now."""
        if not self.rows("select 1 from duckdb_tables() where table_name = 'bridge_item_place'"):
            raise PmoError(
                "This publication was made by an earlier version, which did not keep where items were when a period"
                " ended. `pmo run` publishes anew."
            )
        scope, bound = in_scope(value, "place")
        zone = zone_of_scope(self._session, value, self._settings)
        return self.rows(
            OCCUPIED.format(end=period_end_in(value), counted=COUNTED, scope=scope),
            [value["kpi_id"], value["policy_id"], value["policy_version"], zone, _period_end(value), *bound],
        )

    def restatements(self, value: Row) -> list[Row]:
        """What was published for this value before, the latest first, each with the items that made the difference."""
        found = self.rows(
            "select * from kpi_restatement where figure_key = ? order by restated_at desc", [value["figure_key"]]
        )
        for row in found:
            row["items"] = self.rows(
                """
                select *, coalesce(item_ref, response_key) as ref
                from kpi_restatement_item where restatement_key = ? order by ref
                """,
                [row["restatement_key"]],
            )
        return found

    def history(self, value: Row, item_key: str) -> list[Row]:
        """What happened to an item: its stays in statuses and, for a figure of a sprint, what it did to the sprint.

        By time; each with the raw record that tells it.
        """
        return self.rows(
            """
            select entered_at as happened_at, status as what, stage, hours, cast(null as double) as points,
                connection_id, raw_record_key, 1 as position, sequence
            from fct_state_interval where item_key = ?
            union all
            select event_at, event_type, null, null,
                case when event_type = 'completed' then completed_delta_points else delta_points end,
                connection_id, raw_record_key, 2, event_number
            from fct_sprint_event where item_key = ? and sprint_key = ? and policy_id = ? and event_type <> 'closed'
            order by happened_at, position, sequence
            """,
            [item_key, item_key, value.get("sprint_key"), value["policy_id"]],
        )

    def raw_records(self, told: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Row]:
        """Where records lie, by (connection, raw_record_key): run, file and hash of what was sent, as last landed."""
        wanted: dict[tuple[str, str], list[str]] = {}
        for connection_id, key in told:
            stream, _, record_id = key.partition("|")
            wanted.setdefault((connection_id, stream), []).append(record_id)
        found: dict[tuple[str, str], Row] = {}
        for (connection_id, stream), record_ids in wanted.items():
            visible = [batch.batch_id for batch in self._landing.batches(connection_id) if batch.verdict == "accepted"]
            if files := self._landing.table(stream).file_uris():
                for row in self.rows(LANDED, [files, connection_id, record_ids, visible]):
                    found[connection_id, f"{stream}|{row['record_id']}"] = row
        return found


def _period_end(value: Row) -> date:
    """The day after the period's last one."""
    start: date | datetime = value["period_start_date"]
    months = MONTHS.get(value["period_type"], 1)
    month = start.month - 1 + months
    return date(start.year + month // 12, month % 12 + 1, 1)
