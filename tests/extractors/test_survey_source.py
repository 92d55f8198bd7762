"""Survey files land once, edits and vanished lines included; the published NPS of a real survey comes out."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from extractors.connection import ExtractReport, Secret, SurveyFileConnection, SurveyQuestion
from extractors.erasing import erase, find_person
from extractors.errors import ConfigError, NotFound
from extractors.landing import Landing, Run
from extractors.surveys.source import SurveyFileSource
from extractors.surveys.values import pseudonym
from extractors.writing import Writer

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "nps"
START = datetime(2026, 4, 1, tzinfo=UTC)
HEADER = "id,when,score,team\n"


class Inbox:
    """A drop folder with a landing beside it, and the runs between."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.folder = folder / "inbox"
        self.folder.mkdir(parents=True)
        self.landing = Landing(folder / "home")
        self.settings: dict[str, Any] = {
            "id": "nps",
            "path": str(self.folder / "*.csv"),
            "survey": "customer",
            "questions": (SurveyQuestion(metric="nps", score_column="score"),),
            "submitted_at_column": "when",
            "response_id_column": "id",
            "scope_type": "team",
            "scope_column": "team",
            "null_values": ("", "NA"),
            **changes,
        }
        self.runs = 0

    def put(self, name: str, *lines: str) -> None:
        (self.folder / name).write_text(HEADER + "".join(f"{line}\n" for line in lines))

    def run(self, **changes: Any) -> ExtractReport:
        self.runs += 1
        self.settings.update(changes)
        run = Run(f"run-{self.runs}", START + timedelta(hours=self.runs))
        report = SurveyFileSource(SurveyFileConnection(**self.settings)).extract(self.landing, run)
        self.landing.judge("nps", "accepted")
        return report

    def scores(self) -> dict[str, float | None]:
        """Response id -> score of the answers that hold."""
        return {row["response_id"]: row["score"] for row in self.rows()}

    def rows(self, stream: str = "surveys/responses") -> list[dict[str, Any]]:
        table = self.landing.latest(stream, "nps", self.landing.table(stream).schema.names)
        return [row for row in table.to_pylist() if not row["is_deleted"]]

    def versions(self) -> int:
        """Rows ever written to surveys/responses."""
        table = self.landing.table("surveys/responses")
        return sum(file.rows for file in table.files("nps"))


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path)


def coverage(report: ExtractReport) -> dict[str, tuple[int | None, int | None, int]]:
    return {row.project: (row.expected, row.got, row.skipped) for row in report.coverage}


def test_a_second_run_lands_nothing_and_an_edit_lands_itself(inbox: Inbox) -> None:
    inbox.put("a.csv", "1,2026-03-01,9,Rhine", "2,2026-03-02,,Rhine", "3,2026-03-03,eleven,Rhine")
    first = inbox.run()
    assert inbox.scores() == {"1": 9, "2": None}
    assert coverage(first) == {"a.csv": (3, 2, 1)}
    assert [row["source_line"] for row in inbox.rows("surveys/rejects")] == [4]

    second = inbox.run()
    assert second.count("surveys/responses").landed == 0
    assert coverage(second) == coverage(first)
    assert inbox.versions() == 2

    inbox.put("a.csv", "1,2026-03-01,8,Rhine", "3,2026-03-03,10,Rhine")
    third = inbox.run()
    assert inbox.scores() == {"1": 8, "3": 10}
    assert inbox.rows("surveys/rejects") == []
    assert (third.count("surveys/responses").landed, third.count("surveys/responses").deleted) == (3, 1)
    assert inbox.versions() == 5  # two, the edited one, the cured one, the deletion


def test_a_touched_file_is_not_read_again(inbox: Inbox) -> None:
    inbox.put("a.csv", "1,2026-03-01,9,Rhine")
    inbox.run()
    inbox.put("a.csv", "1,2026-03-01,9,Rhine")
    assert inbox.run().count("surveys/responses").seen == 0


def test_a_gone_file_keeps_its_answers_and_coverage_says_so(inbox: Inbox) -> None:
    inbox.put("a.csv", "1,2026-03-01,9,Rhine")
    inbox.put("b.csv", "2,2026-03-01,7,Rhine")
    inbox.run()
    (inbox.folder / "a.csv").unlink()
    for _ in range(2):
        report = inbox.run()
        assert inbox.scores() == {"1": 9, "2": 7}
        (row,) = [row for row in report.coverage if row.project == "a.csv"]
        assert "gone" in str(row.reason)
    inbox.put("b.csv", "1,2026-02-01,2,Rhine")  # older than what the gone file said
    inbox.run()
    assert inbox.scores() == {"1": 9}
    (inbox.folder / "b.csv").unlink()
    with pytest.raises(NotFound, match="inbox"):
        inbox.run()
    assert inbox.scores() == {"1": 9}


def test_of_repeated_answers_the_newest_holds_whatever_the_order_of_the_files(inbox: Inbox) -> None:
    inbox.put("2026-01.csv", "1,2026-01-05,3,Rhine", "2,2026-01-06,5,Rhine", "2,2026-01-06,6,Rhine")
    inbox.put("2026-02.csv", "1,2026-02-05,9,Rhine", "2,2026-01-06,7,Rhine", "3,2026-02-01,10,Rhine")
    report = inbox.run()
    assert inbox.scores() == {"1": 9, "2": 7, "3": 10}
    assert coverage(report) == {"2026-01.csv": (3, 0, 3), "2026-02.csv": (3, 3, 0)}
    inbox.put("2026-02.csv", "3,2026-02-01,10,Rhine")  # then the older file's answers hold again
    report = inbox.run()
    assert inbox.scores() == {"1": 3, "2": 6, "3": 10}
    assert coverage(report) == {"2026-01.csv": (3, 2, 1), "2026-02.csv": (1, 1, 0)}
    assert report.count("surveys/responses").deleted == 0


@pytest.mark.parametrize("words", [["user3@example.com"], ["user3@example.com", "a.csv"]])
def test_an_erased_answer_stays_when_its_file_changes(inbox: Inbox, words: list[str]) -> None:
    """The id is the person's address; or even the file's name is a person's."""
    key = "a key of sixteen"
    inbox.settings["pseudonym_key"] = Secret(key)
    lines = [f"user{n}@example.com,2026-03-{n + 1:02d},{n},Rhine" for n in range(10)]
    inbox.put("a.csv", *lines, "x,2026-03-01,eleven,Rhine")
    inbox.run()
    for word in words:
        erase(inbox.landing, find_person(inbox.landing, word, [pseudonym(word, key.encode())]), "tester")
    assert any(row["record_id"].startswith("customer:erased-") for row in inbox.rows()), "an id was erased"
    inbox.put("a.csv", *lines, "user99@example.com,2026-03-20,5,Rhine")
    report = inbox.run()
    assert Counter(inbox.scores().values()) == Counter([*range(10), 5])
    assert coverage(report) == {"a.csv": (11, 11, 0)}
    assert report.count("surveys/responses").deleted == 0
    assert inbox.rows("surveys/rejects") == []
    inbox.put("a.csv", *lines[:3], *lines[4:])  # the erased answer leaves the file, too
    report = inbox.run()
    assert set(inbox.scores().values()) == {*range(10)} - {3}
    assert coverage(report) == {"a.csv": (9, 9, 0)}


def test_coverage_counts_what_is_landed(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that is lost on the way to the table makes the two numbers differ."""
    append = Writer.append

    def loses(self: Writer, stream: str, rows: Any) -> int:
        return append(self, stream, rows[1:] if stream == "surveys/responses" else rows)

    monkeypatch.setattr(Writer, "append", loses)
    inbox.put("a.csv", "1,2026-03-01,9,Rhine", "2,2026-03-02,8,Rhine")
    assert coverage(inbox.run()) == {"a.csv": (2, 1, 0)}


def test_without_ids_the_file_and_line_are_the_id(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path, response_id_column=None)
    inbox.put("a.csv", "x,2026-01-05,3,Rhine", "x,2026-01-05,3,Rhine")
    inbox.put("b.csv", "x,2026-01-05,3,Rhine")
    inbox.run()
    assert sorted(inbox.scores()) == ["a.csv:2", "a.csv:3", "b.csv:2"]
    inbox.put("a.csv", "x,2026-01-05,3,Rhine")
    inbox.run()
    assert sorted(inbox.scores()) == ["a.csv:2", "b.csv:2"]


def test_another_declaration_reads_all_files_again(inbox: Inbox) -> None:
    inbox.put("a.csv", "1,2026-03-01,9,Rhine", "2,2026-03-01,4,Rhine")
    inbox.run()
    questions = (SurveyQuestion(metric="csat", score_column="score", scale_min=1, scale_max=5),)
    inbox.run(questions=questions)
    assert [(row["metric"], row["score"]) for row in inbox.rows()] == [("csat", 4)]
    assert len(inbox.rows("surveys/rejects")) == 1


def test_a_bad_file_is_quarantined_by_name_and_the_others_land(inbox: Inbox) -> None:
    inbox.put("a.csv", "1,2026-03-01,9,Rhine")
    inbox.put("d.csv", "4,2026-03-01,4,Rhine")
    inbox.run()
    inbox.put("a.csv", "1,2026-03-01,2,Rhine")
    (inbox.folder / "b.csv").write_text("id,when,Score,team\n2,2026-03-01,9,Rhine\n")
    (inbox.folder / "c.csv").write_bytes(b"id,when,score,team\n3,2026-03-01,9,Rh\xf6n\n")
    (inbox.folder / "d.csv").write_text('id,when,score,team\n4,2026-03-01,5,"Rhine\n')
    (inbox.folder / "e.csv").symlink_to(inbox.folder / "a.csv")
    report = inbox.run()
    assert inbox.scores() == {"1": 2, "4": 4}  # what d.csv gave before it was spoilt stays
    named = {name: str(error) for name, error in zip("bcde", report.failures, strict=False)}
    assert sorted(failure.subject.split(",")[0] for failure in report.failures) == [
        "file b.csv", "file c.csv", "file d.csv", "file e.csv",
    ]  # fmt: skip
    assert any("Did you mean 'Score'" in text for text in named.values())
    rejects = {row["source_file"]: row for row in inbox.rows("surveys/rejects")}
    assert {name: row["source_line"] for name, row in rejects.items()} == dict.fromkeys(
        ["b.csv", "c.csv", "d.csv", "e.csv"], 0
    )
    covered = {row.project: (row.expected, row.got, str(row.reason)[:11]) for row in report.coverage}
    assert covered == {
        "a.csv": (1, 1, "None"),
        "b.csv": (None, 0, "quarantined"),
        "c.csv": (None, 0, "quarantined"),
        "d.csv": (None, 1, "quarantined"),
        "e.csv": (None, 0, "quarantined"),
    }
    assert len(inbox.run().failures) == 4  # tried again, and named again

    inbox.put("b.csv", "2,2026-03-01,9,Rhine")
    inbox.put("c.csv", "3,2026-03-01,9,Rhön")
    inbox.put("d.csv", "4,2026-03-01,5,Rhine")
    (inbox.folder / "e.csv").unlink()
    report = inbox.run()
    assert inbox.scores() == {"1": 2, "2": 9, "3": 9, "4": 5}
    assert (report.failures, inbox.rows("surveys/rejects")) == ([], [])


def test_if_no_file_can_be_used_nothing_is_landed_and_all_are_named(inbox: Inbox) -> None:
    (inbox.folder / "b.csv").write_text("id,when,Score,team\n2,2026-03-01,9,Rhine\n")
    (inbox.folder / "c.csv").write_text("id;when;score;team\n3;2026-03-01;9;Rhine\n")
    with pytest.raises(ConfigError, match=r"b\.csv.*Also:.*c\.csv"):
        inbox.run()
    assert inbox.landing.batches("nps") == []


BIG = """
import re, sys
from datetime import UTC, datetime
from pathlib import Path
from extractors.connection import SurveyFileConnection, SurveyQuestion
from extractors.landing import Landing, Run
from extractors.surveys.source import SurveyFileSource

folder, count, is_full = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "full"
lines = (f"{number:09},2026-03-01,{number % 11},Team {number % 40}\\n" for number in range(count))
with (folder / "a.csv").open("w") as file:
    file.write("id,when,score,team\\n")
    file.writelines(lines)
source = SurveyFileSource(SurveyFileConnection(
    id="nps", path=str(folder / "*.csv"), survey="x", submitted_at_column="when", response_id_column="id",
    questions=(SurveyQuestion(metric="nps", score_column="score"),),
))
landing = Landing(folder / "home")
report = source.extract(landing, Run(sys.argv[3], datetime.now(UTC), is_full=is_full))
landing.judge("nps", "accepted")
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())  # this program's own, not its parent's
print(report.count("surveys/responses").landed, int(peak[1]) // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is told by Linux only")
def test_two_hundred_thousand_answers_stay_in_bounded_memory(tmp_path: Path) -> None:
    """The whole process, libraries included, peaks below 350 MB: for a first load and for reading all again."""
    found = []
    for kind in ("first", "full"):
        command = [sys.executable, "-c", BIG, str(tmp_path), "200000", kind]
        output = subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
        ).stdout
        landed, peak = map(int, output.split())
        found.append(landed)
        assert peak < 350, f"{kind}: {peak} MB"
    assert found == [200_000, 0]


def test_a_run_that_is_held_is_as_if_it_had_never_been(inbox: Inbox) -> None:
    inbox.put("a.csv", "1,2026-03-01,9,Rhine")
    source = SurveyFileSource(SurveyFileConnection(**inbox.settings))
    source.extract(inbox.landing, Run("bad", START))
    inbox.landing.judge("nps", "held", "for the test")
    assert inbox.scores() == {}
    inbox.run()
    assert inbox.scores() == {"1": 9}


def test_invitations_and_the_connection_are_described(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path, invited=250, survey_date="2026-03-31", time_zone="Europe/Berlin")
    inbox.put("a.csv", "1,NA,9,Rhine")
    inbox.run()
    (invitation,) = inbox.rows("surveys/invitations")
    assert (invitation["invited"], invitation["metric"], str(invitation["survey_date"])) == (250, "nps", "2026-03-31")
    (description,) = inbox.rows("pmo/connections")
    assert (description["tool"], description["time_zone"]) == ("surveys", "Europe/Berlin")
    assert inbox.rows()[0]["submitted_at"] == datetime(2026, 3, 30, 22, tzinfo=UTC)


def test_doctor_names_files_and_missing_columns(inbox: Inbox) -> None:
    inbox.put("a.csv", "1,2026-03-01,9,Rhine")
    (inbox.folder / "b.csv").write_text("id,when,score\n")
    lines = SurveyFileSource(SurveyFileConnection(**inbox.settings)).check()
    assert [(line.level, line.subject) for line in lines] == [
        ("ok", "a.csv"),
        ("fail", "b.csv"),
        ("ok", "first load"),
    ]
    (inbox.folder / "a.csv").unlink()
    (inbox.folder / "b.csv").unlink()
    assert SurveyFileSource(SurveyFileConnection(**inbox.settings)).check()[0].level == "fail"


def test_respondents_keep_their_pseudonym_across_surveys(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path, respondent_column="team", scope_column=None, pseudonym_key=Secret("key"))
    inbox.put("a.csv", "1,2026-03-01,9,ann@example.org", "2,2026-03-02,8,Ann@Example.org")
    inbox.run()
    assert len({row["respondent_key"] for row in inbox.rows()}) == 1
    inbox.run(survey="another")
    assert len({row["respondent_key"] for row in inbox.rows()}) == 1
    assert "example" not in str(inbox.rows())


@pytest.mark.skipif(not REAL.is_dir(), reason="the real survey files are not here")
def test_the_published_nps_of_the_carpentries_survey(tmp_path: Path) -> None:
    """134 answers; the 42 people who left the question blank (`NA`) are not responses. Published: 63."""
    landing = Landing(tmp_path)
    source = SurveyFileSource(
        SurveyFileConnection(
            id="carpentries",
            path=str(REAL / "carpentries_longterm_2020-01.csv"),
            survey="longterm_2020-01",
            questions=(SurveyQuestion(metric="nps", score_column="recommendation_score"),),
            survey_date="2020-01-31",
            null_values=("", "NA"),
        )
    )
    report = source.extract(landing, Run("run", START))
    scores = landing.latest("surveys/responses", "carpentries", ["score"]).column("score").to_pylist()
    given = [score for score in scores if score is not None]
    groups = Counter("promoter" if score >= 9 else "detractor" if score <= 6 else "passive" for score in given)
    assert (len(scores), len(given)) == (176, 134)
    assert round(100 * (groups["promoter"] - groups["detractor"]) / len(given), 3) == 62.687
    assert [(row.expected, row.got, row.skipped) for row in report.coverage] == [(176, 176, 0)]


@pytest.mark.skipif(not REAL.is_dir(), reason="the real survey files are not here")
def test_a_real_conference_survey_with_several_questions(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    source = SurveyFileSource(
        SurveyFileConnection(
            id="con",
            path=str(REAL / "carpentrycon_2020.csv"),
            survey="carpentrycon",
            questions=(
                SurveyQuestion(metric="nps", score_column="nps"),
                SurveyQuestion(metric="csat", score_column="presenters_clear", scale_min=1, scale_max=6),
            ),
            survey_date="2020-07-31",
            scope_type="product",
            scope_column="session",
        )
    )
    report = source.extract(landing, Run("run", START))
    (row,) = report.coverage
    assert (row.expected, row.skipped) == (2 * 124, 1)  # one person gave 0 on a scale from 1 to 6
    assert row.got == len(landing.latest("surveys/responses", "con", ["record_id"]))
