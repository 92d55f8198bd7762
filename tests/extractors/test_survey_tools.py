"""Qualtrics, SurveyMonkey and Typeform: every response once, edits and deletions included, whatever goes wrong."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extractors.access import RetryPolicy
from extractors.connection import ApiQuestion, ExtractReport
from extractors.errors import AuthError, ConfigError, RateLimited, Unreachable
from sandbox.servers.survey_desk import ListDesk, Reply
from sandbox.servers.surveymonkey_app import Quota
from tests.extractors.survey_tools import (
    CSAT_OF_QUALTRICS,
    IDS,
    NPS_OF_QUALTRICS,
    TOKEN,
    TOOLS,
    edit,
    reply,
    served,
    serving,
)

MANY = [reply(number, number % 11, days_ago=1 + number % 40) for number in range(1, 261)]


def counts(report: ExtractReport) -> list[tuple[str, int | None, int | None, int, int]]:
    return [(row.project, row.expected, row.got, row.deleted, row.skipped) for row in report.coverage]


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
def test_so_many_gone_at_once_stops_for_a_person(tmp_path: Path, tool: str) -> None:
    with served(tmp_path, MANY) as tools:
        tools.run(tool)
        del tools.desk.all[:200]
        with pytest.raises(Exception, match=f"survey {IDS[tool][0]}.*200 of 260.*max_deleted_ratio"):
            tools.run(tool)
        assert len(tools.scores(tool)) == 260
        tools.run(tool, max_deleted_ratio=1)
        assert len(tools.scores(tool)) == 60


@pytest.mark.parametrize("tool", TOOLS)
def test_one_missing_survey_is_named_and_the_others_land(tmp_path: Path, tool: str) -> None:
    with served(tmp_path, [reply(1, 9)]) as tools:
        report = tools.run(tool, survey_ids=("nowhere", IDS[tool][0]))
        (failure,) = report.failures
        assert failure.status == 404
        assert "nowhere" in str(failure)
        assert tools.scores(tool) == {1: 9}
        assert [(row.project, row.got, bool(row.reason)) for row in report.coverage] == [
            ("nowhere", 0, True),
            (IDS[tool][0], 1, False),
        ]


@pytest.mark.parametrize("tool", TOOLS)
def test_a_wrong_token_is_told_at_once_and_never_shown(tmp_path: Path, tool: str) -> None:
    from extractors.connection import Secret

    with served(tmp_path, [reply(1, 9)]) as tools:
        with pytest.raises(AuthError, match=f"'{tool}'.*401.*SURVEY_TOKEN") as caught:
            tools.run(tool, token=Secret("wrong"))
        assert "X-API-TOKEN" in str(caught.value) or "credentials" in str(caught.value) or "token" in str(caught.value)
        assert len(tools.asked()) == 1
        assert tools.landing.cursor(tool) is None
        (line,) = tools.source(tool, token=Secret("wrong")).check()
        assert (line.level, line.subject) == ("fail", "sign-in")


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("kind", ["429", "429-date", "503", "cut", "500"])
def test_passing_troubles_lose_and_double_nothing(tmp_path: Path, tool: str, kind: str) -> None:
    with served(tmp_path, MANY) as tools:
        tools.fault("responses|bulk", kind, times=2, after=1, seconds=1 if kind == "429-date" else 0)
        report = tools.run(tool)
        assert tools.scores(tool) == {one.id: one.score for one in MANY}
        assert tools.versions(tool) == 260
        assert counts(report) == [(IDS[tool][0], 260, 260, 0, 0)]


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("kind", ["html200", "redirect"])
def test_a_sign_in_page_is_no_data(tmp_path: Path, tool: str, kind: str) -> None:
    with served(tmp_path, [reply(1, 9)]) as tools:
        tools.run(tool)
        tools.fault(".", kind, times=None)
        with pytest.raises(AuthError, match="sign-in page"):
            tools.run(tool)
        assert tools.scores(tool) == {1: 9}


@pytest.mark.parametrize("tool", ["surveymonkey", "typeform"])
def test_fewer_responses_than_the_tool_counts_is_red_and_deletes_nothing(tmp_path: Path, tool: str) -> None:
    with served(tmp_path, MANY) as tools:
        tools.run(tool)
        tools.fault("responses", "empty", times=None)
        with pytest.raises(Exception, match="Of 260 responses 0 came"):
            tools.run(tool, is_full=True)
        assert len(tools.scores(tool)) == 260


def test_an_export_that_fails_is_begun_again_and_given_up_after_three(tmp_path: Path) -> None:
    failed = {"result": {"status": "failed", "fileId": None}}
    with served(tmp_path, MANY) as tools:
        tools.fault("export-responses/ES_", "merge", times=2, document=failed)
        tools.run("qualtrics")
        assert len(tools.scores("qualtrics")) == 260
        tools.fault("export-responses/ES_", "merge", times=None, document=failed)
        with pytest.raises(Exception, match=r"export of survey SV_nps.*3 exports were begun.*Run again"):
            tools.run("qualtrics", is_full=True)
        assert len(tools.scores("qualtrics")) == 260


def test_an_export_that_never_gets_ready_is_given_up(tmp_path: Path) -> None:
    with served(tmp_path, MANY) as tools:
        tools.fault("export-responses/ES_", "merge", times=None, document={"result": {"status": "inProgress"}})
        with pytest.raises(Exception, match="was not ready"):
            tools.run("qualtrics")


def test_surveymonkeys_quota_of_a_minute_is_waited_for_not_run_against(tmp_path: Path) -> None:
    with served(tmp_path, MANY, quota=Quota(minute=3, minute_seconds=1)) as tools:
        tools.run("surveymonkey")
        assert len(tools.scores("surveymonkey")) == 260
        statuses = [request["status"] for request in tools.asked()]
        assert statuses.count(429) == 0
        assert len(statuses) == 5  # details, three pages, the total


def test_a_spent_day_ends_the_run_and_the_next_one_goes_on_where_it_was(tmp_path: Path) -> None:
    """6,000 responses with 56 requests a day: the first day commits 5,000 and more, the second reads the rest."""
    replies = [reply(number, number % 11, days_ago=300 - number / 25) for number in range(1, 6_001)]
    quota = Quota(minute=10_000, day=56)
    with served(tmp_path, replies, quota=quota) as tools:
        with pytest.raises(RateLimited, match="asks to wait for longer"):
            tools.run("surveymonkey", retry=RetryPolicy(total_seconds=2))
        assert 5_000 <= len(tools.scores("surveymonkey")) < 6_000
        tools.asked()
    with served(tmp_path, replies, quota=Quota(minute=10_000, day=56)) as tools:
        report = tools.run("surveymonkey")
        assert len(tools.asked()) < 20
        assert tools.scores("surveymonkey") == {one.id: one.score for one in replies}
        assert tools.versions("surveymonkey") == 6_000
        assert counts(report) == [(IDS["surveymonkey"][0], 6_000, 6_000, 0, 0)]


class MovingDesk(ListDesk):
    """After the second look a response of the first page is edited: all behind it move up by one."""

    looks = 0

    def replies(self, form: str) -> Sequence[Reply]:
        self.looks += 1
        if self.looks == 2:
            self.all[10].modified_at = datetime.now(UTC).replace(microsecond=0)
        return super().replies(form)


def test_pages_that_shift_while_they_are_read_lose_nothing(tmp_path: Path) -> None:
    """The response at the seam of two pages is skipped by paging; the tool's count gives it away."""
    replies = [reply(number, number % 11, days_ago=300 - number) for number in range(1, 251)]
    with serving(MovingDesk(datetime.now(UTC), replies), tmp_path) as tools:
        report = tools.run("surveymonkey")
        assert tools.scores("surveymonkey") == {one.id: one.score for one in replies}
        assert counts(report) == [(IDS["surveymonkey"][0], 250, 250, 0, 0)]


class BusyDesk(ListDesk):
    """Whenever somebody looks, one more response has come."""

    def replies(self, form: str) -> Sequence[Reply]:
        self.all.append(reply(len(self.all) + 1, 9, days_ago=0.02))
        return super().replies(form)


@pytest.mark.parametrize("tool", TOOLS)
def test_responses_that_come_while_others_are_read_are_no_gap(tmp_path: Path, tool: str) -> None:
    with serving(BusyDesk(datetime.now(UTC), MANY), tmp_path) as tools:
        for _ in range(3):
            report = tools.run(tool)
            (row,) = report.coverage
            assert (row.got or 0) >= (row.expected or 0) >= 260
            assert row.reason is None
        assert len(tools.asked()) <= 3 * 9


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


def test_no_server_is_told_in_one_paragraph(tmp_path: Path) -> None:
    with served(tmp_path) as tools:
        pass
    with pytest.raises(Unreachable, match=r"'typeform'.*could not be reached.*Check `url`"):
        tools.run("typeform")


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
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
