"""Seeds: the user's files replace the shipped ones; a bad line is named by file, line, column, what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.config.seed_rules import SEEDS
from orchestration.errors import InvalidFile, PmoError
from orchestration.paths import SHIPPED_SEEDS
from orchestration.seeds import merge_seeds


def merged(tmp_path: Path, name: str, text: str) -> Path:
    own = tmp_path / "own"
    own.mkdir(exist_ok=True)
    (own / f"{name}.csv").write_text(text, "utf-8")
    assert merge_seeds(own, tmp_path / "seeds") == [name]
    return tmp_path / "seeds" / f"{name}.csv"


def refusal(tmp_path: Path, name: str, text: str) -> str:
    with pytest.raises(InvalidFile) as caught:
        merged(tmp_path, name, text)
    return str(caught.value)


def test_the_shipped_seeds_are_valid_and_complete(tmp_path: Path):
    assert merge_seeds(None, tmp_path) == []
    assert {path.stem for path in tmp_path.glob("*.csv")} == set(SEEDS) == {p.stem for p in SHIPPED_SEEDS.glob("*.csv")}
    for path in SHIPPED_SEEDS.glob("*.csv"):
        assert (tmp_path / path.name).read_text("utf-8") == path.read_text("utf-8")


def test_columns_left_out_are_empty_and_a_byte_order_mark_is_taken(tmp_path: Path):
    file = merged(tmp_path, "stage_mapping", "\ufeffstatus,stage\nReview,waiting\n")
    assert file.read_text("utf-8") == "connection_id,project,item_type,status_id,status,stage\n,,,,Review,waiting\n"


def test_an_empty_seed_is_allowed(tmp_path: Path):
    file = merged(tmp_path, "not_delivered_resolutions", "connection_id,resolution_id,resolution\n")
    assert file.read_text("utf-8").count("\n") == 1


def test_what_has_not_changed_is_not_written_again(tmp_path: Path):
    file = merged(tmp_path, "holidays", "calendar_id,date,name\ndefault,2024-12-25,Christmas\n")
    before = file.stat().st_mtime_ns
    merge_seeds(tmp_path / "own", tmp_path / "seeds")
    assert file.stat().st_mtime_ns == before


def test_going_back_to_the_shipped_seed(tmp_path: Path):
    file = merged(tmp_path, "holidays", "calendar_id,date,name\ndefault,2024-12-25,Christmas\n")
    merge_seeds(None, tmp_path / "seeds")
    assert "Christmas" not in file.read_text("utf-8")


REFUSED = [
    ("stage_mapping", "status,stage\nOpen,todo\nReview,revew\n", "stage_mapping.csv, line 3: column `stage`: 'revew'"),
    ("stage_mapping", "status,stage\n,todo\n", "line 2: one of the columns status_id, status must be filled"),
    ("stage_mapping", "status,stage\nA,todo\nA,done\n", "line 3: says the same as line 2"),
    ("stage_mapping", "status,stag\nA,todo\n", "line 1: the column `stag` is not known. Did you mean `stage`?"),
    ("stage_mapping", "status;stage\nA;todo\n", "line 1: the columns are separated by `;`"),
    ("stage_mapping", "status,stage\nA,todo,x\n", "line 2: 3 cells, but the header has 2 columns"),
    ("stage_mapping", 'status,stage\n"A,todo\n', "this is not valid CSV"),
    ("stage_mapping", "status,status,stage\nA,A,todo\n", "the column `status` stands there twice"),
    ("holidays", "calendar_id,date\ndefault,25.12.2024\n", "line 2: column `date`: '25.12.2024' is not allowed"),
    ("holidays", "calendar_id\ndefault\n", "line 1: the column `date` is missing"),
    ("calendars", "calendar_id,weekday,from,to\nx,Monday,17:00,09:00\n", "column `to`: '09:00' is not after `from`"),
    ("calendars", "calendar_id,weekday,from,to\nx,Montag,09:00,17:00\n", "column `weekday`: 'Montag'"),
    ("calendars", "calendar_id,weekday,from,to,time_zone\nx,Monday,9,17:00,Mars\n", "column `from`: '9'"),
    ("kpi_targets", "kpi_id,target\nvelocty,1\n", "column `kpi_id`: 'velocty' is not allowed. Allowed: cycle_time_p50"),
    ("kpi_targets", "kpi_id,target\nvelocity,inf\n", "column `target`: 'inf'"),
    ("survey_settings", "min_responses\n0\n", "column `min_responses`: '0'"),
    ("team_mapping", "team,project,time_zone\nA,P,Berlin\n", "column `time_zone`: 'Berlin'"),
    ("item_type_mapping", "item_type,type_group\nBug,\n", "column `type_group` is empty"),
]  # fmt: skip


HOURS = "calendar_id,weekday,from,to\ndefault,Monday,09:00,12:00\n"
CONTRADICTIONS = [
    ("calendars", f"{HOURS}default,1,11:00,17:00\n", "line 3: the hours of default on Monday overlap those of line 2."),
    ("calendars", "calendar_id,weekday,from,to\n", "calendars.csv: no row has the calendar_id `default`"),
    (
        "holidays",
        "calendar_id,date\ndefualt,2024-12-25\n",
        "line 2: column `calendar_id`: calendars.csv has no 'defualt'.",
    ),
    ("team_mapping", "team,project,calendar_id\nA,P,night\n", "has no 'night'. It has: default."),
    (
        "team_mapping",
        "team,project,time_zone\nA,P,UTC\nA,Q,Europe/Berlin\n",
        "line 3: column `time_zone`: A has 'UTC' in line 2. Allowed: one for a team.",
    ),
]


@pytest.mark.parametrize(("name", "text", "said"), CONTRADICTIONS)
def test_rows_that_contradict_each_other_are_named(tmp_path: Path, name: str, text: str, said: str):
    assert said in refusal(tmp_path, name, text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("calendars", f"{HOURS}default,Monday,12:00,17:00\ndefault,Tuesday,11:00,17:00\nnight,Monday,10:00,11:00\n"),
        ("holidays", "calendar_id,date\ndefault,2024-12-25\n"),
        ("team_mapping", "team,project,time_zone\nA,P,UTC\nA,Q,UTC\nA,R,\nB,S,Europe/Berlin\n"),
    ],
)
def test_rows_that_do_not_contradict_each_other_are_taken(tmp_path: Path, name: str, text: str):
    assert merged(tmp_path, name, text)


def test_no_active_policy_is_told(tmp_path: Path):
    text = (SHIPPED_SEEDS / "metric_policies.csv").read_text("utf-8").replace(",true,", ",false,")
    assert "metric_policies.csv: no policy is active." in refusal(tmp_path, "metric_policies", text)


def test_missing_columns_are_one_sentence(tmp_path: Path):
    said = refusal(tmp_path, "holidays", "name\nChristmas\n")
    assert "the columns `calendar_id`, `date` are missing." in said
    assert said.count("\n") == 0


@pytest.mark.parametrize(("name", "text", "said"), REFUSED)
def test_a_bad_line_is_named(tmp_path: Path, name: str, text: str, said: str):
    assert said in refusal(tmp_path, name, text)


def test_a_bad_policy_is_named(tmp_path: Path):
    header, row = (SHIPPED_SEEDS / "metric_policies.csv").read_text("utf-8").splitlines()[:2]
    assert "column `start_rule`: 'frist'" in refusal(
        tmp_path, "metric_policies", f"{header}\n{row.replace('first', 'frist', 1)}\n"
    )


def test_a_file_of_an_unknown_name_is_refused(tmp_path: Path):
    assert 'Did you mean "holidays"?' in refusal(tmp_path, "holiday", "a\n")


def test_nothing_is_written_when_anything_is_wrong(tmp_path: Path):
    refusal(tmp_path, "holidays", "calendar_id,date\ndefault,never\n")
    assert not (tmp_path / "seeds").exists()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(PmoError, match="which `seeds` in pmo"):
        merge_seeds(tmp_path / "nowhere", tmp_path / "seeds")
