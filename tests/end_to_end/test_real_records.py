"""Real records through the whole product: real Jira issues over HTTP, a real survey file, published marts.

The expected figures were computed by two programs that are not ours (`oracle/`), and the survey's
NPS from its published answers.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.workspace import SHARED, Workspace, serving
from tests.ports import free_ports

JIRA = SHARED / "data" / "jira_apache"
SURVEYS = SHARED / "data" / "nps"

pytestmark = pytest.mark.skipif(not JIRA.is_dir(), reason="the real records are not here")

CONFIGURATION = """
seeds = "seeds"

[[connections]]
id = "apache"
kind = "jira"
url = "http://127.0.0.1:{port}"
token_env = "SANDBOX_TOKEN"

[[connections]]
id = "carpentries"
kind = "survey_file"
path = "{surveys}/carpentries_longterm_2020-01.csv"
survey = "long-term 2020-01"
metric = "nps"
score_column = "recommendation_score"
survey_date = 2020-01-31
null_values = ["NA", ""]
scope_type = "all"

[[connections]]
id = "carpentrycon"
kind = "survey_file"
path = "{surveys}/carpentrycon_2020.csv"
survey = "CarpentryCon 2020"
metric = "nps"
score_column = "nps"
survey_date = 2020-08-31
null_values = ["NA", ""]
scope_type = "all"
"""


@pytest.fixture(scope="module", params=["dc", pytest.param("cloud", marks=pytest.mark.slow)])
def published(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    workspace = Workspace(tmp_path_factory.mktemp(f"real-{request.param}"), {"SANDBOX_TOKEN": "anything"})
    port = free_ports(1)
    seeds = workspace.folder / "seeds"
    seeds.mkdir()
    (seeds / "not_delivered_resolutions.csv").write_text("connection_id,resolution_id,resolution\n")
    workspace.configure(CONFIGURATION.format(port=port, surveys=SURVEYS))
    with serving(workspace, port, "--replay", str(JIRA), "--flavour", request.param, "--port", str(port)):
        workspace.run()
        yield workspace


def oracle(name: str) -> list[dict[str, str]]:
    with (JIRA / "oracle" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def seconds(hours: float | None) -> float | None:
    return None if hours is None else round(hours * 3600, 3)


def number(text: str) -> float | None:
    return round(float(text), 3) if text else None


def test_lead_time_cycle_time_and_reopenings_of_every_issue(published: Workspace):
    ours = {
        ref: (seconds(lead), seconds(cycle), reopened)
        for ref, lead, cycle, reopened in published.query(
            "select item_ref, lead_time_hours, cycle_time_hours, reopen_count "
            "from marts.fct_item_flow join marts.dim_work_item using (item_key) where policy_id = 'default'"
        )
    }
    theirs = {
        row["key"]: (number(row["lead_s"]), number(row["cycle_s"]), int(row["reopens"]))
        for row in oracle("flow_per_issue.csv")
    }
    assert len(theirs) == 128
    assert ours == theirs


def test_time_in_status_of_intervals_that_have_ended(published: Workspace):
    ours = {
        (ref, status): seconds(hours)
        for ref, status, hours in published.query(
            "select item_ref, i.status, sum(hours) from marts.fct_state_interval as i "
            "join marts.dim_work_item using (item_key) where left_at is not null group by all having sum(hours) > 0"
        )
    }
    theirs = {
        (row["key"], row["status"]): number(row["seconds"])
        for row in oracle("time_in_status.csv")
        if float(row["seconds"]) > 0
    }
    assert len(theirs) > 128
    assert ours == pytest.approx(theirs, abs=0.0015)


def test_weekly_throughput(published: Workspace):
    ours = dict(
        published.query(
            "select strftime(period_start_date, '%G-W%V'), delivered_items from marts.kpi_flow "
            "where scope_type = 'connection' and scope_key = 'apache' and period_type = 'week' and delivered_items > 0"
        )
    )
    subtasks = dict(
        published.query(
            "select strftime(date_trunc('week', done_at), '%G-W%V'), count(*) from marts.fct_item_flow "
            "join marts.dim_work_item using (item_key) "
            "where done_at is not null and not is_in_flow group by 1"
        )
    )
    weeks = set(ours) | set(subtasks)
    total = {week: ours.get(week, 0) + subtasks.get(week, 0) for week in weeks}
    # The oracle counts every type; the policy `default` leaves sub-tasks out, which are added back here.
    assert total == {row["iso_week"]: int(row["done"]) for row in oracle("throughput_week_utc.csv") if int(row["done"])}


def test_every_issue_arrived_and_every_history_is_complete(published: Workspace):
    assert published.query("select count(*), count(distinct item_id) from marts.dim_work_item") == [(128, 128)]
    assert published.query("select count(*) from marts.fct_item_trust where not is_complete") == [(0,)]


def test_nps_of_the_long_term_survey(published: Workspace):
    rows = published.query(
        "select distinct responses, promoters, passives, detractors, round(nps, 3) from marts.kpi_satisfaction "
        "where metric = 'nps' and period_type = 'month' and scope_type = 'survey' and scope_name = 'long-term 2020-01'"
    )
    assert len(rows) == 1
    responses, promoters, passives, detractors, nps = rows[0]
    assert responses == 134
    assert promoters + passives + detractors == 134
    assert nps == 62.687
    assert published.query(
        "select count(*) from marts.fct_survey_response where survey = 'long-term 2020-01' and score is null"
    ) in ([(0,)], [(42,)])


def test_links_lead_to_the_tool(published: Workspace):
    assert published.query(
        "select count(*) from marts.dim_work_item where source_url like '%/browse/' || item_ref"
    ) == [(128,)]


def test_nothing_of_the_respondents_or_people_is_published(published: Workspace):
    folder = Path(published.home / "published")
    names = published.query("select column_name from information_schema.columns where table_schema = 'marts'")
    assert not {name for (name,) in names} & {"email", "display_name", "respondent_email"}
    assert b"example.invalid" not in (folder / "marts.duckdb").read_bytes()
