"""Survey tools that refuse, limit, cut, shift, lie or are not there: nothing lost, nothing doubled, a clear error."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from extractors.access import RetryPolicy
from extractors.connection import Secret
from extractors.errors import AuthError, RateLimited, Unreachable
from sandbox.servers.survey_desk import ListDesk, Reply
from sandbox.servers.surveymonkey_app import Quota
from tests.extractors.survey_tools import (
    IDS,
    MANY,
    TOOLS,
    counts,
    reply,
    served,
    serving,
)


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
            self.all[10].modified_at = self.now.replace(microsecond=0)
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


def test_no_server_is_told_in_one_paragraph(tmp_path: Path) -> None:
    with served(tmp_path) as tools:
        pass
    with pytest.raises(Unreachable, match=r"'typeform'.*could not be reached.*Check `url`"):
        tools.run("typeform")
