"""The sandbox's Jira Cloud and Data Center behave as the real ones do where extractors get it wrong."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from jira import JIRA

from sandbox.model import Item, Tool
from sandbox.organisation import Organisation
from tests.sandbox.serving import PRESENT, Sandbox, Site

SEARCH = "/rest/api/3/search/jql"
SPRINT_FIELD = "customfield_10020"


def all_ids(site: Site, jql: str, size: int = 5000) -> list[str]:
    """Ids of a search, page by page."""
    numbers: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = site.post(SEARCH, {"jql": jql, "maxResults": size, **token})
        numbers += [issue["id"] for issue in page["issues"]]
        if page["isLast"]:
            assert "nextPageToken" not in page
            return numbers
        token = {"nextPageToken": page["nextPageToken"]}


def living(sandbox: Sandbox, tool: Tool) -> dict[int, Item]:
    with Organisation(sandbox.home) as organised:
        return {item.item_id: item for item in organised.items(tool) if item.is_live}


@pytest.mark.parametrize("order", ["ORDER BY id", "ORDER BY id DESC", "ORDER BY updated DESC, key", ""])
def test_token_paging_gives_every_issue_once(sandbox: Sandbox, order: str) -> None:
    numbers = all_ids(sandbox.cloud, f"project is not EMPTY {order}", size=17)
    assert len(numbers) == len(set(numbers))
    assert set(map(int, numbers)) == living(sandbox, Tool.JIRA_CLOUD).keys()


def test_pages_with_fields_are_at_most_100(sandbox: Sandbox) -> None:
    asked: dict[str, Any] = {"jql": "project is not EMPTY", "maxResults": 5000}
    assert len(sandbox.cloud.post(SEARCH, asked)["issues"]) > 100
    assert len(sandbox.cloud.post(SEARCH, asked | {"fields": ["summary"]})["issues"]) == 100
    assert len(sandbox.cloud.post(SEARCH, {"jql": "project is not EMPTY"})["issues"]) == 50
    assert sandbox.cloud.post(SEARCH, asked)["issues"][0].keys() == {"id"}


def test_a_token_belongs_to_its_query(sandbox: Sandbox) -> None:
    token = sandbox.cloud.post(SEARCH, {"jql": "project is not EMPTY", "maxResults": 1})["nextPageToken"]
    other = sandbox.cloud.call("POST", SEARCH, json={"jql": "labels is EMPTY", "nextPageToken": token})
    assert other.status_code == 400


@pytest.mark.parametrize(
    ("jql", "message"),
    [
        ("", "Unbounded JQL queries are not allowed here."),
        ("ORDER BY id", "Unbounded JQL queries are not allowed here."),
        ("project = NOPE", "The value 'NOPE' does not exist for the field 'project'."),
        ("colour = red", "Field 'colour' does not exist or you do not have permission to view it."),
        ("project = IN", "'IN' is a reserved JQL word"),
        ('project = "A" OR', "reached the end of the query"),
        ("updated >= yesterday", "Date value 'yesterday' for field 'updated' is invalid."),
        ("project is not EMPTY ORDER BY a,b,c,d,e,f,g,h", "JQL can be ordered by at most 7 fields."),
    ],
)
def test_bad_jql_is_answered_in_the_words_of_jira(sandbox: Sandbox, jql: str, message: str) -> None:
    answer = sandbox.cloud.call("POST", SEARCH, json={"jql": jql})
    assert answer.status_code == 400
    assert message in answer.json()["errorMessages"][0]


def test_jql_dates_are_read_in_the_accounts_time_zone(sandbox: Sandbox) -> None:
    zone = ZoneInfo(sandbox.cloud.json("/rest/api/3/myself")["timeZone"])
    assert zone.key == "America/New_York"
    items = living(sandbox, Tool.JIRA_CLOUD)
    pivot = sorted(item.updated_at for item in items.values())[len(items) // 2].replace(second=0, microsecond=0)
    expected = {number for number, item in items.items() if item.updated_at >= pivot}
    local = pivot.astimezone(zone).strftime("%Y-%m-%d %H:%M")
    assert set(map(int, all_ids(sandbox.cloud, f'updated >= "{local}"'))) == expected
    epoch = int(pivot.timestamp() * 1000)
    assert set(map(int, all_ids(sandbox.cloud, f"updated >= {epoch}"))) == expected
    wrong = pivot.strftime("%Y-%m-%d %H:%M")  # UTC text: four or five hours too late
    assert set(map(int, all_ids(sandbox.cloud, f'updated >= "{wrong}"'))) < expected


def test_bulk_changelog_may_end_in_the_middle_of_an_issue(sandbox: Sandbox) -> None:
    numbers = all_ids(sandbox.cloud, "project is not EMPTY ORDER BY id")
    path, asked = "/rest/api/3/changelog/bulkfetch", {"issueIdsOrKeys": numbers}
    whole = sandbox.cloud.post(path, asked | {"maxResults": 10_000})["issueChangeLogs"]
    expected = {log["issueId"]: [history["id"] for history in log["changeHistories"]] for log in whole}
    found: dict[str, list[str]] = {}
    token: dict[str, str] = {}
    was_split = False
    while True:
        page = sandbox.cloud.post(path, asked | {"maxResults": 97} | token)
        for log in page["issueChangeLogs"]:
            was_split |= log["issueId"] in found
            found.setdefault(log["issueId"], []).extend(history["id"] for history in log["changeHistories"])
        if "nextPageToken" not in page:
            break
        token = {"nextPageToken": page["nextPageToken"]}
    assert was_split
    assert {number: sorted(ids) for number, ids in found.items()} == {
        number: sorted(ids) for number, ids in expected.items()
    }


def test_embedded_histories_are_cut_and_the_endpoint_has_them_all(sandbox: Sandbox) -> None:
    numbers = all_ids(sandbox.cloud, "project is not EMPTY")
    issues = []
    for start in range(0, len(numbers), 100):
        asked = {"issueIdsOrKeys": numbers[start : start + 100], "fields": ["status"], "expand": ["changelog"]}
        issues += sandbox.cloud.post("/rest/api/3/issue/bulkfetch", asked)["issues"]
    longest = max(issues, key=lambda issue: issue["changelog"]["total"])
    embedded, total = longest["changelog"]["histories"], longest["changelog"]["total"]
    assert len(embedded) == min(total, 40)
    assert int(embedded[0]["id"]) > int(embedded[-1]["id"])  # newest first
    page = sandbox.cloud.json(f"/rest/api/3/issue/{longest['key']}/changelog", startAt=0)
    assert page["total"] == total
    assert [history["id"] for history in page["values"]][-1] == embedded[0]["id"]  # oldest first


def test_history_and_issue_say_the_same_as_the_organisation(sandbox: Sandbox) -> None:
    """Status, sprint and estimate today are where the replayed history ends."""
    items = living(sandbox, Tool.JIRA_CLOUD)
    with Organisation(sandbox.home) as organised:
        names = {str(status.status_id): status.name for status in organised.site(Tool.JIRA_CLOUD).statuses}
    numbers = sorted(items)[:100]
    asked: dict[str, Any] = {"issueIdsOrKeys": [str(number) for number in numbers], "fields": ["*all"]}
    issues = {int(i["id"]): i for i in sandbox.cloud.post("/rest/api/3/issue/bulkfetch", asked)["issues"]}
    asked = {"issueIdsOrKeys": asked["issueIdsOrKeys"], "maxResults": 10_000}
    logs = sandbox.cloud.post("/rest/api/3/changelog/bulkfetch", asked)
    histories = {int(log["issueId"]): log["changeHistories"] for log in logs["issueChangeLogs"]}
    for number in numbers:
        item, fields = items[number], issues[number]["fields"]
        assert fields["status"]["id"] == item.current["status"]
        assert fields["status"]["name"] == names[item.current["status"] or ""]
        sprints = ",".join(str(sprint["id"]) for sprint in fields[SPRINT_FIELD] or [])
        assert sprints == (item.current["sprint"] or "")
        status = item.initial["status"]
        for history in histories.get(number, []):
            for change in history["items"]:
                if change["field"] == "status":
                    assert change["from"] == status
                    status = change["to"]
        assert status == item.current["status"]


def test_moved_issues_are_found_by_their_former_key(sandbox: Sandbox) -> None:
    moved = [item for item in living(sandbox, Tool.JIRA_CLOUD).values() if item.former_keys]
    assert moved, "the organisation moves items between projects"
    item = moved[0]
    issue = sandbox.cloud.json(f"/rest/api/3/issue/{item.former_keys[0]}", expand="changelog")
    assert (issue["id"], issue["key"]) == (str(item.item_id), item.key)
    keys = [
        (change["fromString"], change["toString"])
        for history in issue["changelog"]["histories"]
        for change in history["items"]
        if change["field"] == "Key"
    ]
    assert (item.former_keys[-1], item.key) in keys


def test_links_show_at_both_living_ends(sandbox: Sandbox) -> None:
    items = living(sandbox, Tool.JIRA_CLOUD)
    expected = {
        (link.link_id, number, link.target_item_id)
        for number, item in items.items()
        for link in item.links
        if link.target_item_id in items
    }
    found: dict[str, set[tuple[int, int, int]]] = {"outwardIssue": set(), "inwardIssue": set()}
    for number in {end for link in expected for end in link[1:]}:
        for link in sandbox.cloud.json(f"/rest/api/3/issue/{number}", fields="issuelinks")["fields"]["issuelinks"]:
            side = "outwardIssue" if "outwardIssue" in link else "inwardIssue"
            ends = (number, int(link[side]["id"]))
            found[side].add((int(link["id"]), *(ends if side == "outwardIssue" else ends[::-1])))
    assert expected
    assert found == {"outwardIssue": expected, "inwardIssue": expected}


def test_removed_search_and_missing_endpoints(sandbox: Sandbox) -> None:
    gone = sandbox.cloud.call("GET", "/rest/api/3/search", params={"jql": "project = X"})
    assert gone.status_code == 410
    assert "migrate to the /rest/api/3/search/jql API" in gone.json()["errorMessages"][0]
    assert sandbox.data_center.call("GET", "/rest/api/2/search/jql").status_code == 404
    assert (
        sandbox.cloud.call("POST", "/rest/api/3/issue/bulkfetch", json={"issueIdsOrKeys": ["1"] * 101}).status_code
        == 400
    )


def test_data_center_pages_by_offset_and_gives_whole_histories(sandbox: Sandbox) -> None:
    items = living(sandbox, Tool.JIRA_DC)
    found: dict[int, Any] = {}
    while True:
        asked = {
            "jql": "project is not EMPTY ORDER BY id",
            "startAt": len(found),
            "maxResults": 70,
            "fields": ["*all"],
            "expand": ["changelog"],
        }
        page = sandbox.data_center.post("/rest/api/2/search", asked)
        found |= {int(issue["id"]): issue for issue in page["issues"]}
        assert page["total"] == len(items)
        if len(found) >= page["total"]:
            break
    assert found.keys() == items.keys()
    longest = max(found.values(), key=lambda issue: len(issue["changelog"]["histories"]))
    assert longest["changelog"]["total"] == len(longest["changelog"]["histories"])
    assert all("fieldId" not in change for history in longest["changelog"]["histories"] for change in history["items"])
    texts = [text for issue in found.values() for text in issue["fields"]["customfield_10104"] or []]
    assert texts
    assert all(text.startswith("com.atlassian.greenhopper.service.sprint.Sprint@") for text in texts)
    far = sandbox.data_center.call("GET", "/rest/api/2/search", params={"startAt": 10_000, "jql": "", "maxResults": 1})
    assert far.status_code == 400
    assert "Search limit exceeded" in far.text


def test_sprints_of_both_kinds(sandbox: Sandbox) -> None:
    for site, has_activated in ((sandbox.cloud, False), (sandbox.data_center, True)):
        boards = site.json("/rest/agile/1.0/board")["values"]
        kanban = [board for board in boards if board["type"] == "kanban"]
        scrum = [board for board in boards if board["type"] == "scrum"]
        sprints = site.json(f"/rest/agile/1.0/board/{scrum[0]['id']}/sprint", state="closed")["values"]
        assert sprints
        assert all(("activatedDate" in sprint) is has_activated for sprint in sprints)
        for board in kanban:
            assert site.call("GET", f"/rest/agile/1.0/board/{board['id']}/sprint").status_code == 400


@pytest.mark.parametrize(
    ("name", "auth", "status", "content"),
    [
        ("jira_cloud", ("me@example.com", "wrong"), 401, "text/html"),
        ("jira_cloud", "Bearer wrong", 401, "application/json"),
        ("jira_dc", "Bearer wrong", 401, "application/json"),
        ("jira_dc", ("me", "wrong"), 401, "text/html"),
        ("jira_dc", "Bearer good", 200, "application/json"),
    ],
)
def test_wrong_tokens_get_what_the_vendor_answers(
    sandbox: Sandbox, name: str, auth: Any, status: int, content: str
) -> None:
    site = sandbox.site(name)
    site.session.auth = auth if isinstance(auth, tuple) else None
    headers = {} if isinstance(auth, tuple) else {"Authorization": auth}
    version = "3" if name == "jira_cloud" else "2"
    answer = site.call("GET", f"/rest/api/{version}/myself", headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith(content)


def test_scoped_addresses_serve_the_same_site(sandbox: Sandbox) -> None:
    cloud_id = sandbox.cloud.json("/_edge/tenant_info")["cloudId"]
    scoped = Site(f"{sandbox.cloud.url}/ex/jira/{cloud_id}")
    issue = scoped.json("/rest/api/3/project/search")["values"][0]
    assert issue["self"].startswith(scoped.url)


@pytest.mark.parametrize("name", ["jira_cloud", "jira_dc"])
def test_the_jira_package_works_with_it(sandbox: Sandbox, name: str) -> None:
    options = {"rest_api_version": "3" if name == "jira_cloud" else "2"}
    client = JIRA(sandbox.site(name).url, options, basic_auth=("me@example.com", "token"), timeout=30)
    assert client._is_cloud is (name == "jira_cloud")
    assert len(client.search_issues("project is not EMPTY", maxResults=5)) == 5
    assert client.boards()
    assert {field["name"] for field in client.fields()} >= {"Sprint", "Story Points", "Flagged"}


def test_the_clock_is_sent(sandbox: Sandbox) -> None:
    info = sandbox.cloud.json("/rest/api/3/serverInfo")
    served = datetime.strptime(info["serverTime"], "%Y-%m-%dT%H:%M:%S.%f%z")
    assert served == PRESENT
