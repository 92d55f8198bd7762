"""What Jira keeps beside an issue's history: worklogs, comments, ratings, people who left, statuses that are gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sandbox.model import Tool
from sandbox.organisation import Organisation
from sandbox.organisation.workflow import STATUS_DROPPED
from sandbox.serve import advance
from tests.sandbox.serving import Sandbox, Site, serving_organisation
from tests.sandbox.test_servers_jira import living

SITES = [("jira_cloud", Tool.JIRA_CLOUD, "3"), ("jira_dc", Tool.JIRA_DC, "2")]
RATING = {Tool.JIRA_CLOUD: "customfield_10030", Tool.JIRA_DC: "customfield_10130"}


def issue(site: Site, api: str, number: int) -> dict[str, Any]:
    return dict(site.json(f"/rest/api/{api}/issue/{number}", expand="changelog"))


@pytest.mark.parametrize(("name", "tool", "api"), SITES)
def test_worklogs(sandbox: Sandbox, name: str, tool: Tool, api: str) -> None:
    site, items = sandbox.site(name), living(sandbox, tool)
    logged = {number: item for number, item in items.items() if item.worklogs}
    assert logged
    for number, item in list(logged.items())[:25]:
        fields = issue(site, api, number)["fields"]
        expected = [(str(log.worklog_id), round(3600 * log.hours)) for log in item.worklogs]
        assert [(log["id"], log["timeSpentSeconds"]) for log in fields["worklog"]["worklogs"]] == expected
        assert fields["timespent"] == sum(seconds for _, seconds in expected)
        assert site.json(f"/rest/api/{api}/issue/{number}/worklog")["worklogs"] == fields["worklog"]["worklogs"]
    found: list[int] = []
    since, is_last = 0, False
    while not is_last:
        page = site.json(f"/rest/api/{api}/worklog/updated", since=since)
        found += [value["worklogId"] for value in page["values"]]
        since, is_last = page["until"], page["lastPage"]
    assert set(found) == {log.worklog_id for item in items.values() for log in item.worklogs}


@pytest.mark.parametrize(("name", "tool", "api"), SITES)
def test_comments_and_ratings(sandbox: Sandbox, name: str, tool: Tool, api: str) -> None:
    """Neither leaves a history; both count as an update."""
    site, items = sandbox.site(name), living(sandbox, tool)
    with Organisation(sandbox.home) as organised:
        desks = {str(p.project_id) for p in organised.site(tool).projects if p.kind == "service_desk"}
    requests = [item for item in items.values() if item.current["project"] in desks]
    rated = [item for item in requests if item.satisfaction]
    assert rated
    for item in [*rated[:8], *[item for item in requests if not item.satisfaction][:3]]:
        found = issue(site, api, item.item_id)
        said = {"rating": item.satisfaction.rating} if item.satisfaction else None
        assert found["fields"][RATING[tool]] == said
        assert found["fields"]["comment"]["total"] == item.comment_count
        assert found["fields"]["project"]["projectTypeKey"] == "service_desk"
        address = f"/rest/servicedeskapi/request/{item.key}/feedback"
        if item.satisfaction:
            answer = site.json(address)
            assert (answer["type"], answer["rating"]) == ("csat", item.satisfaction.rating)
        else:
            assert site.call("GET", address).status_code == 404
    quiet = [item for item in items.values() if item.history and item.updated_at > item.history[-1].at]
    assert quiet


def test_a_status_and_accounts_go_and_histories_keep_them(tmp_path: Path) -> None:
    with serving_organisation(tmp_path, items=800, seed=7) as sandbox:
        advance(tmp_path, 60)
        with Organisation(tmp_path) as organised:
            people = {person.person_id: person for person in organised.site(Tool.JIRA_CLOUD).people}
        former = [person for person in people.values() if person.removed_at]
        assert former
        shown = {user["accountId"] for user in sandbox.cloud.json("/rest/api/3/users/search", maxResults=1000)}
        assert len(shown) == len(people) - len(former)
        statuses = {status["id"] for status in sandbox.cloud.json("/rest/api/3/status")}
        assert str(STATUS_DROPPED) not in statuses
        gone, dropped = {person.person_id for person in former}, ("status", str(STATUS_DROPPED))
        for item in living(sandbox, Tool.JIRA_CLOUD).values():
            mentions = [c for h in item.history for c in h.changes if (c.attribute, c.new) == dropped]
            if not mentions or gone.isdisjoint(h.author for h in item.history):
                continue
            found = issue(sandbox.cloud, "3", item.item_id)
            assert "Former user" in {history["author"]["displayName"] for history in found["changelog"]["histories"]}
            moves = [entry for history in found["changelog"]["histories"] for entry in history["items"]]
            assert any(move["to"] == str(STATUS_DROPPED) and move["toString"] == "Analysis" for move in moves)
            return
        raise AssertionError("no issue was in the dropped status and touched by somebody who left")
