"""Qualtrics, SurveyMonkey and Typeform: every response once, edits and deletions included, whatever goes wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extractors.connection import ApiQuestion
from extractors.erasing import Person, erase
from extractors.errors import ConfigError
from tests.extractors.survey_tools import (
    CSAT_OF_QUALTRICS,
    IDS,
    MANY,
    NPS_OF_QUALTRICS,
    TOKEN,
    TOOLS,
    counts,
    edit,
    reply,
    served,
)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_first_load_lands_every_response_once_and_a_second_one_nothing(tmp_path: Path, tool: str) -> None:
    with served(tmp_path, [*MANY, reply(300, None), reply(301, 4, form="csat")]) as tools:
        first = tools.run(tool)
        assert tools.scores(tool) == {one.id: one.score for one in MANY} | {300: None}
        assert counts(first) == [(IDS[tool][0], 261, 261, 0, 0)]
        assert {(row["metric"], row["scale_min"], row["scale_max"]) for row in tools.rows(tool)} == {("nps", 0, 10)}
        second = tools.run(tool)
        assert second.count("surveys/responses").landed == 0
        assert tools.versions(tool) == 261
        assert counts(second) == counts(first)
        (described,) = tools.rows(tool, "pmo/connections")
        assert (described["kind"], described["tool"]) == (tool, "surveys")


@pytest.mark.parametrize("tool", TOOLS)
def test_persons_are_keyed_hashes_and_comments_stay_away_unless_asked_for(tmp_path: Path, tool: str) -> None:
    people = [reply(1, 9, email="Ann@example.org"), reply(2, 8, email="ann@example.org"), reply(3, 7, email="")]
    question = {"qualtrics": "QID2", "surveymonkey": "500000002", "typeform": "why"}[tool]
    with served(tmp_path, people) as tools:
        tools.run(tool, comment_question=question)
        rows = {row["score"]: row for row in tools.rows(tool)}
        assert rows[9]["respondent_key"] == rows[8]["respondent_key"] is not None
        assert rows[7]["respondent_key"] is None
        assert {row["has_comment"] for row in rows.values()} == {True}
        assert {row["scope_name"] for row in rows.values()} == {"Rhine"}
        stored = b"".join(file.read_bytes() for file in (tmp_path / "raw").rglob("*") if file.is_file())
        assert "example.org" not in str(tools.rows(tool))
        assert "words" not in str(tools.rows(tool))
        assert TOKEN.encode() not in stored
        tools.run(tool, comment_question=question, include_comments=True)
        assert {row["comment"] for row in tools.rows(tool)} == {"words 1", "words 2", "words 3"}


@pytest.mark.parametrize("tool", TOOLS)
def test_ratings_count_as_csat_on_their_own_scale(tmp_path: Path, tool: str) -> None:
    replies = [reply(1, 5, form="csat"), reply(2, 1, form="csat"), reply(3, 9)]
    questions = (CSAT_OF_QUALTRICS, NPS_OF_QUALTRICS) if tool == "qualtrics" else ()
    with served(tmp_path, replies) as tools:
        report = tools.run(tool, survey_ids=IDS[tool], questions=questions)
        found = {(row["metric"], row["score"], row["scale_min"], row["scale_max"]) for row in tools.rows(tool)}
        assert found == {("csat", 5, 1, 5), ("csat", 1, 1, 5), ("nps", 9, 0, 10)}
        assert counts(report) == [(IDS[tool][0], 1, 1, 0, 0), (IDS[tool][1], 2, 2, 0, 0)]


@pytest.mark.parametrize("tool", TOOLS)
def test_an_erased_response_stays_when_all_is_read_again(tmp_path: Path, tool: str) -> None:
    """Also one whose very id was erased."""
    replies = [reply(number, 3) for number in range(1, 8)] + [reply(8, 11)]
    with served(tmp_path, replies) as tools:
        first = tools.run(tool)
        for row in (*tools.rows(tool)[:1], *tools.rows(tool, "surveys/rejects")):
            word = row["record_id"].split(":")[1]
            erase(tools.landing, Person(frozenset({word}), frozenset()), "tester")
            assert word not in str(tools.rows(tool))
        again = tools.run(tool, is_full=True)
        assert again.count("surveys/responses").deleted == 0
        assert again.count("surveys/rejects").deleted == 0
        assert counts(again) == counts(first)


@pytest.mark.parametrize("tool", ["qualtrics", "surveymonkey"])
def test_an_edited_response_replaces_what_was_landed(tmp_path: Path, tool: str) -> None:
    replies = [reply(number, 3) for number in range(1, 30)]
    with served(tmp_path, replies) as tools:
        tools.run(tool)
        edit(replies[6], 10)
        report = tools.run(tool)
        assert tools.scores(tool) == {one.id: one.score for one in replies}
        assert tools.versions(tool) == 30
        assert counts(report) == [(IDS[tool][0], 29, 29, 0, 0)]


@pytest.mark.parametrize("tool", TOOLS)
def test_a_response_that_the_tool_shows_late_is_found_by_the_overlap(tmp_path: Path, tool: str) -> None:
    """Submitted hours before the last run, in the tool's lists only after it."""
    with served(tmp_path, [reply(1, 3)]) as tools:
        tools.run(tool)
        tools.desk.all.append(reply(2, 9, days_ago=0.2))
        tools.asked()
        tools.run(tool)
        assert tools.scores(tool) == {1: 3, 2: 9}


def test_answers_that_typeforms_index_lacks_for_minutes_come_with_the_next_run(tmp_path: Path) -> None:
    with served(tmp_path, [reply(1, 3), reply(2, 9, days_ago=5 / 1440)]) as tools:
        assert counts(tools.run("typeform")) == [("npsForm1", 1, 1, 0, 0)]
        tools.desk.all[1].submitted_at = tools.desk.all[1].modified_at = reply(2, 9, days_ago=15 / 1440).submitted_at
        assert counts(tools.run("typeform")) == [("npsForm1", 2, 2, 0, 0)]
        assert tools.scores("typeform") == {1: 3, 2: 9}


@pytest.mark.parametrize("tool", TOOLS)
def test_deleted_responses_are_deleted_and_restored_ones_come_back(tmp_path: Path, tool: str) -> None:
    with served(tmp_path, MANY) as tools:
        tools.run(tool)
        gone = [tools.desk.all.pop(100), tools.desk.all.pop(40)]
        report = tools.run(tool)  # the tool's own count tells that something went
        assert tools.scores(tool) == {one.id: one.score for one in tools.desk.all}
        assert counts(report) == [(IDS[tool][0], 258, 258, 2, 0)]
        tools.desk.all.extend(gone)
        tools.run(tool)
        assert len(tools.scores(tool)) == 260


@pytest.mark.parametrize("tool", TOOLS)
def test_one_deleted_and_one_new_do_not_hide_each_other_from_the_daily_census(tmp_path: Path, tool: str) -> None:
    with served(tmp_path, [reply(1, 3), reply(2, 4)]) as tools:
        tools.run(tool)
        tools.desk.all[0] = reply(3, 9, days_ago=0.1)
        tools.run(tool, is_census=True)
        assert tools.scores(tool) == {2: 4, 3: 9}


@pytest.mark.parametrize("tool", TOOLS)
def test_repeats_edits_and_attempts_give_the_hand_result(tmp_path: Path, tool: str) -> None:
    """Case 38: the same response twice in a list is one; three attempts are three responses with one person's key.

    By hand: scores 10, 9, 9, 0, 6 and a blank one: 3 promoters, 2 detractors of 5: NPS 20.
    """
    attempts = [reply(number, score, email="ann@example.org") for number, score in ((1, 9), (2, 10), (3, 0))]
    others = [reply(4, 9), reply(5, 6), reply(6, None)]
    with served(tmp_path, [*others, attempts[2], *attempts[:2], attempts[2]]) as tools:
        report = tools.run(tool)
        given = [score for score in tools.scores(tool).values() if score is not None]
        promoters, detractors = sum(score >= 9 for score in given), sum(score <= 6 for score in given)
        assert (len(given), 100 * (promoters - detractors) / len(given)) == (5, 20)
        assert len(tools.rows(tool)) == 6
        keys = [row["respondent_key"] for row in tools.rows(tool)]
        assert max(keys.count(key) for key in keys) == 3
        assert not report.failures
        (row,) = report.coverage
        assert row.got == 6
        assert row.expected == 7
        assert "twice" in str(row.reason)
        assert tools.run(tool).count("surveys/responses").landed == 0


@pytest.mark.parametrize("tool", ["qualtrics", "surveymonkey"])
def test_previews_and_unfinished_responses_are_landed_without_scores(tmp_path: Path, tool: str) -> None:
    replies = [reply(1, 9), reply(2, 8, is_preview=True), reply(3, 7, is_finished=False)]
    with served(tmp_path, replies) as tools:
        tools.run(tool)
        assert tools.scores(tool) == {1: 9, 2: None, 3: None}
        replies[2].is_finished = True
        edit(replies[2], 7)
        tools.run(tool)
        assert tools.scores(tool) == {1: 9, 2: None, 3: 7}


@pytest.mark.parametrize("tool", TOOLS)
def test_an_answer_off_the_scale_is_a_reject_until_it_is_put_right(tmp_path: Path, tool: str) -> None:
    replies = [reply(1, 9), reply(2, 12)]
    with served(tmp_path, replies) as tools:
        report = tools.run(tool)
        assert tools.scores(tool) == {1: 9}
        (reject,) = tools.rows(tool, "surveys/rejects")
        assert "12" in reject["reason"] or "choice" in reject["reason"]
        assert counts(report) == [(IDS[tool][0], 2, 2, 0, 1)]
        edit(replies[1], 7)
        tools.run(tool, is_full=True)
        assert tools.scores(tool) == {1: 9, 2: 7}
        assert tools.rows(tool, "surveys/rejects") == []


def test_what_cannot_be_recognised_has_to_be_declared_and_the_error_says_what_there_is(tmp_path: Path) -> None:
    csat = IDS["qualtrics"][1]
    with served(tmp_path, [reply(1, 4, form="csat")]) as tools:
        with pytest.raises(ConfigError, match=r"survey SV_csat.*QID1 \(How satisfied.*connections.questions"):
            tools.run("qualtrics", survey_ids=(csat,))
        with pytest.raises(ConfigError, match=r"question 'QID9'.*no such question; it has QID1"):
            tools.run("qualtrics", survey_ids=(csat,), questions=(ApiQuestion(metric="csat", question="QID9"),))
        words = ApiQuestion(metric="csat", question="QID2")
        with pytest.raises(ConfigError, match=r"question 'QID2'.*scale_min"):
            tools.run("qualtrics", survey_ids=(csat,), questions=(words,))


@pytest.mark.parametrize("tool", TOOLS)
def test_another_declaration_reads_everything_again(tmp_path: Path, tool: str) -> None:
    question = {"qualtrics": "QID1", "surveymonkey": "500000001", "typeform": "score"}[tool]
    with served(tmp_path, [reply(1, 9), reply(2, 4)]) as tools:
        tools.run(tool)
        declared = ApiQuestion(metric="csat", question=question, scale_min=0, scale_max=10)
        tools.run(tool, questions=(declared,))
        assert [(row["metric"], row["score"]) for row in tools.rows(tool)] in (
            [("csat", 9), ("csat", 4)],
            [("csat", 4), ("csat", 9)],
        )


@pytest.mark.parametrize("tool", TOOLS)
def test_a_quiet_run_asks_for_little(tmp_path: Path, tool: str) -> None:
    with served(tmp_path, MANY) as tools:
        tools.run(tool)
        tools.asked()
        report = tools.run(tool)
        assert len(tools.asked()) == report.requests <= 6


@pytest.mark.parametrize("tool", TOOLS)
def test_doctor_says_what_counts_as_what_and_what_it_costs(tmp_path: Path, tool: str) -> None:
    with served(tmp_path, MANY) as tools:
        lines = tools.source(tool, survey_ids=("nowhere", IDS[tool][0])).check()
        assert [(line.level, line.subject) for line in lines] == [
            ("fail", "survey nowhere"),
            ("ok", f"survey {IDS[tool][0]}"),
            ("ok", "first load"),
        ]
        assert "260 responses" in lines[1].text
        assert "as nps (0 to 10)" in lines[1].text
        assert "requests" in lines[2].text


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 10), st.floats(0.02, 0.4)),
        st.tuples(st.just("edit"), st.integers(0, 10), st.integers(0, 30)),
        st.tuples(st.just("delete"), st.just(0), st.integers(0, 30)),
        st.tuples(st.just("run"), st.just(0), st.just(0)),
    ),
    min_size=4,
    max_size=14,
)


@pytest.mark.slow
@pytest.mark.parametrize("tool", TOOLS)
@settings(
    max_examples=12,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(operations=OPERATIONS)
def test_whatever_happens_between_runs_nothing_is_lost_or_doubled(
    tmp_path_factory: pytest.TempPathFactory, tool: str, operations: list[tuple[str, int, float]]
) -> None:
    """After every run each response is there once with its score of now; after a census nothing else is."""
    with served(tmp_path_factory.mktemp(tool), [reply(number, number) for number in range(1, 9)]) as tools:
        desk = tools.desk.all
        tools.run(tool)
        for name, score, where in [*operations, ("run", 0, 0)]:
            if name == "add":  # hours ago, though the tool shows it only now
                desk.append(reply(max((one.id for one in desk), default=0) + 1, score, days_ago=where))
            elif name == "run":
                tools.run(tool, max_deleted_ratio=1)
                landed = tools.scores(tool)
                assert len(tools.rows(tool)) == len(landed)
                assert {one.id: one.score for one in desk}.items() <= landed.items()
            elif len(desk) > 1 and name == "delete":
                desk.pop(int(where) % len(desk))
            elif name == "edit" and tool != "typeform":  # Typeform's responses do not change
                edit(desk[int(where) % len(desk)], score)
        tools.run(tool, is_census=True, max_deleted_ratio=1)
        assert tools.scores(tool) == {one.id: one.score for one in desk}
