"""Rows of the user's seeds that name nothing that was read are told by line; all others are not."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from orchestration.pipeline.seed_matches import KNOWN, SHOWN, rows_without_effect

WAREHOUSE = """
create schema core; create schema staging; create schema marts;
create table core.dim_connection as select 'jira' as connection_id;
create table core.dim_project as select 'SHOP' as project, 'Web shop' as name;
create table core.dim_work_item as select 'SHOP-1' as item_ref;
create table core.fct_state_interval as select 'Story' as item_type, '3' as status_id, 'In Review' as status;
create table core.fct_survey_response as select 'Pulse' as survey;
create table marts.kpi_scorecard as select 'Falcon' as scope_name union all select null;
create table staging.stg_jira__boards as select '7' as board_id;
create table staging.stg_jira__statuses as select '9' as status_id, 'Blocked' as name;
create table staging.stg_jira__issue_types as select 'Initiative' as name;
create table staging.stg_azure_devops__states as select 'Test Case' as item_type, 'Design' as state;
create table staging.stg_surveys__invitations as select 'Kick-off' as survey;
"""


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as session:
        session.execute(WAREHOUSE)
    return tmp_path / "warehouse.duckdb"


def told(folder: Path, warehouse: Path, **seeds: str) -> list[str]:
    files = {}
    for name, text in seeds.items():
        files[name] = folder / f"{name}.csv"
        files[name].write_text(text, "utf-8")
    return rows_without_effect(files, warehouse)


def test_rows_that_name_what_there_is_are_silent(tmp_path: Path, warehouse: Path):
    seeds = {
        "stage_mapping": "connection_id,project,item_type,status_id,status,stage\njira,SHOP,story,3,in review,todo\n",
        "team_mapping": "connection_id,project,board_id,team\njira,Web shop,7,A\n,,7,B\n",
        "portfolio_mapping": "connection_id,project,epic_ref,portfolio\njira,SHOP,SHOP-1,P\n",
        "kpi_targets": "kpi_id,scope_type,scope_name,target\nvelocity,team,Falcon,20\nvelocity,,,10\n",
        "survey_settings": "survey,min_responses\nPulse,3\n",
    }
    assert told(tmp_path, warehouse, **seeds) == []


def test_what_no_item_has_been_in_yet_is_known_from_the_tools_lists(tmp_path: Path, warehouse: Path):
    statuses = ",,9,,waiting\n,,,blocked,waiting\n,,Design,,todo\n,,,Design,todo\n"
    types = ",initiative,,,todo\n,test case,,,todo\n"
    seeds = {
        "stage_mapping": f"project,item_type,status_id,status,stage\n{statuses}{types}",
        "survey_settings": "survey,min_responses\nKick-off,3\n",
    }
    assert told(tmp_path, warehouse, **seeds) == []


ROWS = {
    "stage_mapping": {"status": "In Review", "stage": "todo"},
    "not_delivered_resolutions": {"resolution": "Obsolete"},
    "item_type_mapping": {"item_type": "Story", "type_group": "story"},
    "team_mapping": {"project": "SHOP", "team": "A"},
    "portfolio_mapping": {"portfolio": "P"},
    "kpi_targets": {"kpi_id": "velocity", "target": "20"},
    "survey_settings": {"min_responses": "3"},
}


@pytest.mark.parametrize(("name", "column"), KNOWN)
def test_a_row_that_names_nothing_is_told_by_line(tmp_path: Path, warehouse: Path, name: str, column: str):
    row = {**ROWS[name], column: "nothing of the kind"}
    (text,) = told(tmp_path, warehouse, **{name: f"{','.join(row)}\n{','.join(row.values())}\n"})
    said = "no answer or invitation that was read is of" if column == "survey" else "nothing that was read is called"
    assert text.startswith(f"{name}.csv, line 2: column `{column}`: {said} 'nothing of the kind', so the row has no")


def test_the_nearest_name_is_offered(tmp_path: Path, warehouse: Path):
    (text,) = told(tmp_path, warehouse, kpi_targets="kpi_id,scope_name,target\nvelocity,Flacon,20\n")
    assert text.endswith('so the row has no effect. Did you mean "Falcon"?')


def test_many_rows_are_counted(tmp_path: Path, warehouse: Path):
    rows = "".join(f"Survey {number},3\n" for number in range(20))
    found = told(tmp_path, warehouse, survey_settings=f"survey,min_responses\n{rows}")
    assert len(found) == SHOWN + 1
    assert found[-1] == f"{20 - SHOWN} more rows of seeds name nothing that was read."
