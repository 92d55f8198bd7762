"""What the sandbox's Jira Cloud answers conforms to Atlassian's descriptions (platform v3, agile 1.0)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.specification import JIRA_AGILE, JIRA_PLATFORM, specification
from tests.sandbox.serving import Sandbox

GETS = (
    "/rest/api/3/serverInfo", "/rest/api/3/myself", "/rest/api/3/field", "/rest/api/3/status",
    "/rest/api/3/statuses/search", "/rest/api/3/issuetype", "/rest/api/3/resolution", "/rest/api/3/priority",
    "/rest/api/3/project/search", "/rest/api/3/project/{project}", "/rest/api/3/project/{project}/versions",
    "/rest/api/3/project/{project}/version", "/rest/api/3/project/{project}/statuses", "/rest/api/3/users/search",
    "/rest/api/3/filter/{filter}", "/rest/api/3/issue/{issue}", "/rest/api/3/issue/{issue}/changelog",
    "/rest/api/3/issue/{issue}/worklog", "/rest/api/3/worklog/updated",
)  # fmt: skip
AGILE_GETS = (
    "/rest/agile/1.0/board", "/rest/agile/1.0/board/{board}", "/rest/agile/1.0/board/{board}/configuration",
    "/rest/agile/1.0/board/{board}/issue",
)  # fmt: skip


@pytest.fixture(scope="module")
def names(sandbox: Sandbox) -> dict[str, str]:
    """One of each thing that addresses name; the issue is the one with the longest history."""
    cloud = sandbox.cloud
    board = cloud.json("/rest/agile/1.0/board", type="scrum")["values"][0]
    configuration = cloud.json(f"/rest/agile/1.0/board/{board['id']}/configuration")
    found = cloud.json("/rest/api/3/search/jql", jql=f"filter = {configuration['filter']['id']}", maxResults=5000)
    numbers = [issue["id"] for issue in found["issues"]]
    logs = cloud.post("/rest/api/3/changelog/bulkfetch", {"issueIdsOrKeys": numbers, "maxResults": 10_000})
    longest = max(logs["issueChangeLogs"], key=lambda log: len(log["changeHistories"]))
    return {
        "board": str(board["id"]), "project": board["location"]["projectKey"], "issue": longest["issueId"],
        "filter": configuration["filter"]["id"],
    }  # fmt: skip


@pytest.mark.parametrize("template", GETS)
def test_platform_answers_conform(sandbox: Sandbox, names: dict[str, str], template: str) -> None:
    path = template.format(**names)
    assert specification(JIRA_PLATFORM).answer_faults("GET", path, sandbox.cloud.json(path)) == []


@pytest.mark.parametrize("template", AGILE_GETS)
def test_agile_answers_conform(sandbox: Sandbox, names: dict[str, str], template: str) -> None:
    path = template.format(**names)
    assert specification(JIRA_AGILE).answer_faults("GET", path, sandbox.cloud.json(path)) == []


@pytest.mark.parametrize("fields", [None, ["id"], ["*all"], ["summary", "status"]])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_search_answers_conform(sandbox: Sandbox, names: dict[str, str], method: str, fields: list[str] | None) -> None:
    path = "/rest/api/3/search/jql"
    asked: dict[str, Any] = {"jql": f"project = {names['project']} ORDER BY id", "maxResults": 20}
    if fields:
        asked["fields"] = fields
    answer = sandbox.cloud.post(path, asked) if method == "POST" else sandbox.cloud.json(path, **asked)
    assert len(answer["issues"]) == 20
    assert answer["nextPageToken"]
    assert specification(JIRA_PLATFORM).answer_faults(method, path, answer) == []


def test_count_and_bulk_answers_conform(sandbox: Sandbox, names: dict[str, str]) -> None:
    spec, cloud = specification(JIRA_PLATFORM), sandbox.cloud
    path = "/rest/api/3/search/approximate-count"
    assert spec.answer_faults("POST", path, cloud.post(path, {"jql": f"project = {names['project']}"})) == []
    path = "/rest/api/3/issue/bulkfetch"
    asked = {"issueIdsOrKeys": [names["issue"]], "fields": ["*all"], "expand": ["changelog"]}
    assert spec.answer_faults("POST", path, cloud.post(path, asked)) == []


def test_bulk_changelog_conforms_but_for_its_dates(sandbox: Sandbox, names: dict[str, str]) -> None:
    """`created` is a number, as in the example that Atlassian gives; its own schema says text."""
    path = "/rest/api/3/changelog/bulkfetch"
    answer = sandbox.cloud.post(path, {"issueIdsOrKeys": [names["issue"]]})
    histories = answer["issueChangeLogs"][0]["changeHistories"]
    assert all(isinstance(history["created"], int) for history in histories)
    for history in histories:
        history["created"] = str(history["created"])
    assert specification(JIRA_PLATFORM).answer_faults("POST", path, answer) == []


def test_sprints_hold_what_the_description_lists(sandbox: Sandbox, names: dict[str, str]) -> None:
    """The description gives no schema for sprints in answers; it lists their properties where one is changed."""
    operation = specification(JIRA_AGILE).operation("POST", "/rest/agile/1.0/sprint/1")
    assert operation is not None
    known = operation["requestBody"]["content"]["application/json"]["schema"]["properties"]
    sprints = sandbox.cloud.json(f"/rest/agile/1.0/board/{names['board']}/sprint")["values"]
    assert sprints
    assert {name for sprint in sprints for name in sprint} <= set(known)


def test_the_validator_sees_what_is_wrong(sandbox: Sandbox) -> None:
    """Guards the other tests: a description that forbids nothing would let them all pass."""
    answer = sandbox.cloud.json("/rest/api/3/project/search")
    answer["values"][0]["id"] = 5
    answer["values"][0]["made_up"] = True
    assert len(specification(JIRA_PLATFORM).answer_faults("GET", "/rest/api/3/project/search", answer)) >= 1
