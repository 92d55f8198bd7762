"""The stand-ins of the survey tools: the organisation's answers by the vendors' rules."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from sandbox.model import Answer
from sandbox.organisation import Organisation
from sandbox.servers.survey_desk import EDITED_AFTER, EDITED_EVERY, WITHDRAWN_AFTER, WITHDRAWN_EVERY, reply_of
from sandbox.servers.surveymonkey_app import Quota
from sandbox.servers.typeform_app import LAG
from tests.sandbox.serving import Sandbox, Site

QUALTRICS = "/API/v3/surveys/SV_nps00000000001"


@pytest.fixture(scope="module")
def answers(sandbox: Sandbox) -> dict[int, Answer]:
    """NPS answers that no administrator has deleted, by id."""
    with Organisation(sandbox.home) as organised:
        return {
            one.answer_id: one for one in organised.answers() if one.metric == "nps" and reply_of(one, organised.now)
        }


@pytest.fixture
def tools(sandbox: Sandbox) -> Iterator[Site]:
    site = sandbox.site("surveys")
    site.session.auth = None
    site.session.headers.update({"Authorization": "Bearer token", "X-API-TOKEN": "token"})
    yield site
    site.call("DELETE", "/_sandbox/faults")


def export(site: Site, **asked: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    begun = site.post(f"{QUALTRICS}/export-responses", {"format": "json"} | asked)["result"]
    looks = [site.json(f"{QUALTRICS}/export-responses/{begun['progressId']}")["result"] for _ in range(2)]
    assert [look["status"] for look in looks] == ["inProgress", "complete"]
    content = site.call("GET", f"{QUALTRICS}/export-responses/{looks[1]['fileId']}/file").content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return json.loads(archive.read(archive.namelist()[0]))["responses"], looks[1]


def test_qualtrics_exports_all_answers_and_goes_on_by_token(tools: Site, answers: dict[int, Answer]) -> None:
    responses, _ = export(tools)
    assert {int(one["responseId"][2:]): one["values"].get("QID1") for one in responses} == {
        number: answer.score for number, answer in answers.items()
    }
    assert tools.json(QUALTRICS)["result"]["responseCounts"]["auditable"] == len(answers)
    half = len(answers) // 2 + 1
    first, told = export(tools, limit=half, allowContinuation=True)
    rest, _ = export(tools, limit=half, allowContinuation=True, continuationToken=told["continuationToken"])
    assert [one["responseId"] for one in first + rest] == [one["responseId"] for one in responses]


def test_qualtrics_start_date_means_the_last_change_when_sorted_by_it(tools: Site, answers: dict[int, Answer]) -> None:
    edited = next(one for one in answers.values() if one.answer_id % EDITED_EVERY == 0 and one.score is not None)
    start = (edited.submitted_at + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    name = f"R_{edited.answer_id:015d}"
    changed, _ = export(tools, startDate=start, sortByLastModifiedDate=True)
    recorded, _ = export(tools, startDate=start)
    assert name in {one["responseId"] for one in changed}
    assert name not in {one["responseId"] for one in recorded}


def test_surveymonkey_pages_and_names_choices_by_id(tools: Site, answers: dict[int, Answer]) -> None:
    details = tools.json("/v3/surveys/400000001/details")
    (question, _) = details["pages"][0]["questions"]
    choices = {choice["id"]: choice for choice in question["answers"]["choices"]}
    assert sorted(choice["weight"] for choice in choices.values()) == [-100] * 7 + [0] * 2 + [100] * 2
    found: dict[int, int | None] = {}
    page: int | None = 1
    while page:
        asked = {"page": page, "per_page": 100, "sort_by": "date_modified", "sort_order": "ASC"}
        body = tools.json("/v3/surveys/400000001/responses/bulk", **asked)
        for one in body["data"]:
            given = [each for each in one["pages"][0]["questions"] if each["id"] == question["id"]]
            score = choices[given[0]["answers"][0]["choice_id"]]["position"] - 1 if given else None
            found[int(one["id"]) - 10**10] = score
        page = page + 1 if "next" in body["links"] else None
    assert body["total"] == len(answers)
    assert found == {number: answer.score for number, answer in answers.items()}


def test_surveymonkeys_quotas_are_told_and_kept() -> None:
    quota = Quota(minute=2, day=3, minute_seconds=0.05)
    taken = [quota.take() for _ in range(3)]
    assert [is_left for is_left, _ in taken] == [True, True, False]
    assert taken[1][1]["X-Ratelimit-App-Global-Minute-Remaining"] == "0"
    assert taken[2][1]["X-Ratelimit-App-Global-Day-Remaining"] == "1"


def test_typeform_goes_on_before_a_token(tools: Site, sandbox: Sandbox, answers: dict[int, Answer]) -> None:
    found: list[dict[str, Any]] = []
    before: dict[str, str] = {}
    while True:
        body = tools.json("/forms/npsForm1/responses", page_size=40, response_type="completed", **before)
        if not body["items"]:
            break
        found += body["items"]
        before = {"before": body["items"][-1]["token"]}
    with Organisation(sandbox.home) as organised:
        replies = [reply_of(one, organised.now) for one in answers.values()]
        shown = [one for one in replies if one and one.modified_at <= organised.now - LAG]
    assert shown
    assert body["total_items"] == len(found) == len(shown)
    assert [one["submitted_at"] for one in found] == sorted((one["submitted_at"] for one in found), reverse=True)
    assert tools.call("GET", "/forms/npsForm1/responses", params={"sort": "x,asc", "after": "y"}).status_code == 400


@pytest.mark.parametrize("path", [QUALTRICS, "/v3/surveys/400000001/details", "/forms/npsForm1"])
def test_wrong_tokens_and_unknown_surveys_are_refused_in_the_vendors_words(tools: Site, path: str) -> None:
    tools.session.headers.update({"Authorization": "Bearer wrong", "X-API-TOKEN": "wrong"})
    refused = tools.call("GET", path)
    assert refused.status_code == 401
    assert {"meta", "error", "code"} & set(refused.json())
    tools.session.headers.update({"Authorization": "Bearer token", "X-API-TOKEN": "token"})
    missing = path.replace("SV_nps00000000001", "SV_x").replace("400000001", "4").replace("npsForm1", "nowhere")
    assert tools.call("GET", missing).status_code == 404


def test_a_reply_changes_and_vanishes_by_the_rules(answers: dict[int, Answer]) -> None:
    answer = next(one for one in answers.values() if one.score == 7)
    answer.answer_id = EDITED_EVERY

    def seen(after: timedelta) -> tuple[int | None, datetime] | None:
        reply = reply_of(answer, answer.submitted_at + after)
        return None if reply is None else (reply.score, reply.modified_at)

    assert seen(timedelta(0)) == (6, answer.submitted_at)
    assert seen(EDITED_AFTER) == (7, answer.submitted_at + EDITED_AFTER)
    answer.answer_id = WITHDRAWN_EVERY
    assert seen(EDITED_AFTER) == (7, answer.submitted_at)
    assert seen(WITHDRAWN_AFTER) is None


def test_headers_and_documents_of_faults_reach_the_answers(tools: Site) -> None:
    spent = {"X-Ratelimit-App-Global-Day-Remaining": "0", "X-Ratelimit-App-Global-Day-Reset": "3600"}
    tools.fault("bulk", "429-none", headers=spent)
    tools.fault("bulk", "merge", document={"links": {"next": "more"}}, headers={"X-Own": "1"})
    refused, bent = (
        tools.call("GET", "/v3/surveys/400000001/responses/bulk", params={"per_page": 1}) for _ in range(2)
    )
    assert (refused.status_code, refused.headers["X-Ratelimit-App-Global-Day-Reset"]) == (429, "3600")
    assert (bent.json()["links"]["next"], bent.headers["X-Own"]) == ("more", "1")
    assert "self" in bent.json()["links"]
