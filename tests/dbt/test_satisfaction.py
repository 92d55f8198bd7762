"""Customer satisfaction: counts and figures by hand, blanks, scales, scopes, small groups, real answers."""

from __future__ import annotations

import csv
from math import sqrt
from typing import Any

import duckdb
import pytest

from tests.dbt.stories import Row, records
from tests.dbt.warehouse import PROJECT, Warehouse

NPS_FILE = PROJECT.parents[1] / "shared" / "data" / "nps" / "carpentries_longterm_2020-01.csv"


def answers(survey: str, metric: str, scores: list[float | None], **values: Any) -> list[Row]:
    scale = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7)}[metric]
    return [
        {
            "record_id": f"{survey}:{number}:{metric}",
            "survey": survey,
            "response_id": str(number),
            "question": metric,
            "metric": metric,
            "score": score,
            "scale_min": scale[0],
            "scale_max": scale[1],
            "submitted_at": "2024-02-10 23:30",
            **values,
        }
        for number, score in enumerate(scores)
    ]


def attempts() -> list[Row]:
    """Ann tries three times within a week and once more a month later; an edit of hers came twice; Bob once."""
    days = {"1": 1, "2": 3, "3": 8, "4": 31, "5": 3, "6": 4}
    scores = {"1": 0, "2": 3, "3": 9, "4": 6, "5": 10, "6": 10}
    rows = answers("weekly", "nps", [0] * 6)
    for row in rows:
        number = str(int(row["response_id"]) + 1)
        row.update(
            record_id=f"weekly:{number}", response_id=number, score=scores[number], repeat_days=7,
            submitted_at=f"2024-03-{days[number]:02} 09:00", updated_at=f"2024-03-{days[number]:02} 09:00",
            respondent_key={"5": "bob", "6": None}.get(number, "ann"),
        )  # fmt: skip
    first = {**rows[4], "score": 1, "updated_at": "2024-03-09 09:00", "extracted_at": "2024-03-10 09:00"}
    return [first, *rows]  # Bob's answer was taken back to an earlier one: what was landed last holds


def requests() -> list[Row]:
    """Requests of a service desk: five rated in February, one in March, one not rated, one deleted."""
    rated = [
        (5, "02-10"),
        (4, "02-11"),
        (3, "02-12"),
        (5, "02-13"),
        (1, "02-14"),
        (5, "03-02"),
        (None, None),
        (5, None),
    ]
    return [
        {
            "issue_id": str(number), "issue_key": f"DESK-{number}", "project_id": "2", "project_key": "DESK",
            "issue_type_id": "1", "issue_type": "Request", "is_subtask": False, "status_id": "3", "status": "Done",
            "status_category": "done", "created_at": "2024-02-01", "updated_at": "2024-02-20",
            "resolved_at": f"2024-{day}" if day else "2024-02-19", "satisfaction": score, "is_deleted": number == 8,
        }
        for number, (score, day) in enumerate(rated, 1)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    told = Warehouse(
        tmp_path_factory.mktemp("satisfaction"),
        seeds={"survey_settings": "survey,scope_type,scope_name,min_responses\nsmall,,,2\npulse,team,Quiet,20\n"},
    )
    told.jira("jira", boards=[{"board_id": "1", "name": "Rockets", "board_type": "scrum", "project_id": "1"}],
              projects=[{"project_id": "1", "project_key": "ROC", "name": "Rocket project"}])  # fmt: skip
    told.jira("desk", issues=requests(),
              projects=[{"project_id": "2", "project_key": "DESK", "name": "Help"}])  # fmt: skip
    team = {"scope_type": "team", "scope_name": "rockets "}
    pulse = answers("pulse", "nps", [10, 9, 9, 8, 7, 6, 0, None], **team)
    quiet = answers("pulse", "nps", [10] * 10, scope_type="team", scope_name="Quiet")
    for row in quiet:
        row["record_id"] += ":quiet"
    satisfied = answers("product", "csat", [5, 4, 4, 3, 1], scope_type="product", scope_name="Kiosk")
    effort = answers("effort", "ces", [7, 5, 6, 6, 7], scope_type="project", scope_name="ROC")
    odd = answers("odd", "nps", [5, 4, 5, 3, 5, 11], scale_min=1, scale_max=5)
    told.surveys(responses=attempts())
    told.surveys(responses=[*pulse, *quiet, *satisfied, *effort, *odd, *answers("small", "nps", [10, 0])])
    if NPS_FILE.exists():
        told.surveys(responses=answers("long-term", "nps", real_scores(), submitted_at="2020-01-31 12:00"))
    told.surveys(invitations=[{"survey": "product", "metric": "csat", "invited": 20, "record_id": "product:csat"}])
    return told.build(select="+kpi_satisfaction")


def figures(
    warehouse: duckdb.DuckDBPyConnection, metric: str, scope_type: str, scope_name: str, month: str = "2024-02-01"
) -> Row:
    sql = (
        "select * from marts.kpi_satisfaction where metric = ? and scope_type = ? and scope_name = ? "
        "and period_type = 'month' and period_start_date = ?"
    )
    (row,) = records(warehouse, sql, metric, scope_type, scope_name, month)
    return row


def test_nps_by_hand(warehouse: duckdb.DuckDBPyConnection) -> None:
    row = figures(warehouse, "nps", "team", "rockets ")
    assert (row["responses"], row["promoters"], row["passives"], row["detractors"]) == (7, 3, 2, 2)
    assert row["nps"] == pytest.approx(100 / 7)
    variance = 5 / 7 - (1 / 7) ** 2
    assert row["nps_margin"] == pytest.approx(196 * sqrt(variance / 7))
    assert row["csat_ratio"] is None


def test_a_team_is_found_by_its_name(warehouse: duckdb.DuckDBPyConnection) -> None:
    assert figures(warehouse, "nps", "team", "rockets ")["scope_key"] == "jira:board:1"
    assert figures(warehouse, "nps", "team", "Quiet")["scope_key"] == "surveys:team:Quiet"


def test_ratings_of_service_requests_count_for_their_project(warehouse: duckdb.DuckDBPyConnection) -> None:
    row = figures(warehouse, "csat", "project", "DESK")
    assert (row["responses"], row["scope_key"]) == (5, "desk:2")
    assert (row["csat_ratio"], row["csat_mean"]) == (pytest.approx(3 / 5), pytest.approx(18 / 5))
    (fact,) = records(
        warehouse, "select * from core.fct_survey_response where connection_id = 'desk' and response_id = '6'"
    )
    assert (fact["raw_record_key"], fact["survey"], str(fact["submitted_date"])) == (
        "jira/issues|6", "Jira Service Management", "2024-03-02",
    )  # fmt: skip


def test_few_responses_show_no_figures(warehouse: duckdb.DuckDBPyConnection) -> None:
    row = figures(warehouse, "nps", "team", "Quiet")
    assert (row["responses"], row["is_suppressed"], row["nps"], row["promoters"]) == (10, True, None, None)
    assert figures(warehouse, "nps", "survey", "small")["nps"] == 0


def test_csat_top_two_boxes_and_invitations(warehouse: duckdb.DuckDBPyConnection) -> None:
    row = figures(warehouse, "csat", "product", "Kiosk")
    assert (row["csat_ratio"], row["csat_mean"], row["nps"]) == (pytest.approx(3 / 5), pytest.approx(17 / 5), None)
    assert (row["invited"], row["response_ratio"]) == (20, pytest.approx(5 / 20))


def test_ces_mean_of_a_project(warehouse: duckdb.DuckDBPyConnection) -> None:
    row = figures(warehouse, "ces", "project", "ROC")
    assert (row["scope_key"], row["ces_mean"]) == ("jira:1", pytest.approx(31 / 5))


def test_nps_only_on_scales_from_0_to_10(warehouse: duckdb.DuckDBPyConnection) -> None:
    row = figures(warehouse, "nps", "survey", "odd")
    assert (row["responses"], row["nps"]) == (5, None)


def test_blank_scores_are_no_responses_and_off_scale_ones_count_nowhere(warehouse: duckdb.DuckDBPyConnection) -> None:
    facts = records(
        warehouse,
        "select is_on_scale, count(*) as n from core.fct_survey_response where survey <> 'long-term' "
        "group by 1 order by 1",
    )
    assert facts == [{"is_on_scale": False, "n": 1}, {"is_on_scale": True, "n": 7 + 10 + 5 + 5 + 5 + 2 + 4 + 6}]


def test_of_repeated_answers_the_last_of_a_series_counts(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Ann: 0 and 3 are followed within seven days, 9 and 6 are not. By hand: 9, 6, 10, 10."""
    facts = records(
        warehouse, "select response_id, score from core.fct_survey_response where survey = 'weekly' order by 1"
    )
    assert [(row["response_id"], row["score"]) for row in facts] == [("3", 9), ("4", 6), ("5", 10), ("6", 10)]
    assert figures(warehouse, "nps", "survey", "weekly", month="2024-03-01")["responses"] == 4


@pytest.mark.skipif(not NPS_FILE.exists(), reason="the real survey answers are not here")
def test_real_answers(warehouse: duckdb.DuckDBPyConnection) -> None:
    assert real_scores().count(None) == 42
    row = figures(warehouse, "nps", "survey", "long-term", month="2020-01-01")
    assert (row["responses"], row["nps"]) == (134, pytest.approx(62.687, abs=0.0005))


def real_scores() -> list[float | None]:
    with NPS_FILE.open(encoding="utf-8-sig") as file:
        scores = [row["recommendation_score"] for row in csv.DictReader(file)]
    return [None if score in ("", "NA") else float(score) for score in scores]
