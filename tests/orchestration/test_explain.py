"""`pmo explain` answers for the scope and sprint that was meant, and shows what the data says as words alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from orchestration.commands.explain import explain_value
from orchestration.errors import PmoError
from orchestration.explained_value import Question
from orchestration.explanation import Explanation
from orchestration.paths import Home

HOSTILE = "Pay\x1b[2J\x1b]0;owned\x07 the card\nRestated\u202e\x9b31m"
SHOWN = "Pay [2J ]0;owned  the card Restated  31m"
MARTS = """
create schema marts; set schema = 'marts';
create table dim_kpi as select kpi_id, 'Velocity' as name, 'Points.' as description, 'sum' as formula
    from (values ('velocity'), ('throughput')) t(kpi_id);
create table dim_project as select 'jira:1' as project_key, 'PAY' as project, null::varchar as portfolio_key;
create table dim_team as select 'jira:board:1' as team_key, 'UTC' as time_zone;
create table dim_connection as select 'jira' as connection_id, 'UTC' as time_zone;
create table dim_sprint as from (values ('a1', 'S'), ('b1', 'S'), ('c1', 'S'), ('c2', 's'), ('c3',
    'T')) t(sprint_key, name);
create table kpi_scorecard as
select 'velocity' as kpi_id, 'default' as policy_id, 1 as policy_version, 'team' as scope_type, scope_key, scope_name,
    'sprint' as period_type, date '2024-01-08' as period_start_date, sprint_key, value, 'points' as unit,
    'no_target' as status, 1.0 as numerator, null::double as denominator, 1 as sample_items,
    null::double as previous_value, null::double as target_value, 1.0 as trust_ratio,
    timestamp '2024-02-01' as data_as_of_at, 1 as definition_version, 'run' as run_id, 'figure' as figure_key
from (values ('a', 'Falcon', 'a1', 1.0), ('b', 'falcon', 'b1', 2.0), ('c', 'Kestrel', 'c1', 3.0),
    ('c', 'Kestrel', 'c2', 4.0), ('c', 'Kestrel', 'c3', 5.0)) t(scope_key, scope_name, sprint_key, value)
union all
select 'throughput', 'default', 1, 'team', scope_key, 'Osprey', 'month', date '2024-01-01', null, 1, 'items',
    'no_target', null, null, 1, null, null, 1, timestamp '2024-02-01', 1, 'run', 'figure'
from (values ('o1'), ('o2')) t(scope_key);
create table dim_work_item as
select 'jira:1' as item_key, 'PAY-1' as item_ref, getvariable('hostile') as title,
    'https://jira.example/\r1' as source_url;
create table fct_state_interval as
select 'jira:1' as item_key, 'jira' as connection_id, timestamp '2024-01-02' as entered_at,
    getvariable('hostile') as status,
    'done' as stage, 1.0 as hours, 'jira/issues|1' as raw_record_key, 1 as sequence;
create table fct_sprint_event as
select 'jira:1' as item_key, 'c3' as sprint_key, 'default' as policy_id, 'jira' as connection_id,
    timestamp '2024-01-03' as event_at,
    'added' as event_type, 1.0 as delta_points, 0.0 as completed_delta_points,
    'jira/issues|1' as raw_record_key, 1 as event_number;
create table fct_survey_response as select '' as response_key, timestamp '2024-01-01' as submitted_at, '' as survey,
    '' as connection_id, '' as raw_record_key limit 0;
create table kpi_evidence as
select 'velocity' as kpi_id, 'default' as policy_id, 1 as policy_version, 'completed' as role, 5.0 as contribution,
    date '2024-01-09' as event_date, 'jira:1' as item_key, null::varchar as response_key,
    1 as event_sequence, 'c3' as sprint_key;
create table kpi_restatement as
select 'r' as restatement_key, 'figure' as figure_key, 3.0 as old_value, 5.0 as new_value,
    timestamp '2024-01-20' as old_published_at,
    timestamp '2024-02-01' as restated_at, 'run' as run_id, '1 item left.' as cause_text;
create table kpi_restatement_item as
select 'r' as restatement_key, 'PAY-1' as item_ref, null::varchar as response_key, getvariable('hostile') as title,
    'left' as change, 1.0 as old_contribution, null::double as new_contribution, getvariable('hostile') as changes,
    null::varchar as source_url, ['jira/issues|1'] as raw_record_keys, ['b'] as batch_ids;
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explained")
    (folder / "published").mkdir()
    with duckdb.connect(str(folder / "published" / "marts.duckdb")) as marts:
        marts.execute("set variable hostile = ?", [HOSTILE])
        marts.execute(MARTS)
    return folder


@pytest.fixture
def explanation(home: Path) -> Iterator[Explanation]:
    with Explanation(Home(home, home)) as opened:
        yield opened


def refused(explanation: Explanation, question: Question) -> str:
    with pytest.raises(PmoError) as error:
        explanation.value(question)
    return str(error.value)


def test_a_name_of_several_teams_is_refused_with_their_keys(explanation: Explanation) -> None:
    text = refused(explanation, Question("throughput", ("team", "Osprey"), period="2024-01"))
    assert text == "2 teams are called 'Osprey': o1, o2. Give one of these keys instead of the name: --team 'o1'."
    assert explanation.value(Question("throughput", ("team", "o2")))["scope_key"] == "o2"


def test_each_of_several_teams_of_a_name_answers_by_its_key(explanation: Explanation) -> None:
    assert "2 teams are called 'Falcon': a, b." in refused(explanation, Question("velocity", ("team", "Falcon"), "S"))
    for key, sprint, value in [("a", "a1", 1), ("b", "b1", 2)]:
        found = explanation.value(Question("velocity", ("team", key), sprint="S"))
        assert (found["sprint_key"], found["value"]) == (sprint, value)


def test_a_name_of_several_sprints_is_refused_with_their_keys_and_teams(explanation: Explanation) -> None:
    text = refused(explanation, Question("velocity", sprint="S"))
    assert text.startswith("4 sprints are called 'S': a1 (Falcon), b1 (falcon), c1 (Kestrel), c2 (Kestrel). ")
    assert "2 sprints are called 'S': c1 (Kestrel), c2" in refused(
        explanation, Question("velocity", ("team", "Kestrel"), "S")
    )
    assert explanation.value(Question("velocity", ("team", "Kestrel"), "c2"))["value"] == 4
    assert explanation.value(Question("velocity", sprint="b1"))["value"] == 2


def test_a_name_that_only_one_has_needs_no_key(explanation: Explanation) -> None:
    assert explanation.value(Question("velocity", sprint="t"))["sprint_key"] == "c3"
    assert explanation.value(Question("velocity", ("team", "kestrel"), "T"))["sprint_key"] == "c3"


def test_what_the_data_says_cannot_steer_the_terminal(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PMO_HOME", str(home))
    assert explain_value(Question("velocity", sprint="T")) == 0
    said = capsys.readouterr().out
    assert said.count(SHOWN) == 4  # restated item, what it did, evidence, status
    assert not {character for character in said if not character.isprintable()} - {"\n"}
    assert [line for line in said.splitlines() if line.startswith("Restated")] == ["Restated"]
