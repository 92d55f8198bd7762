"""The sandbox's Azure DevOps behaves as the real one does where extractors get it wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.model import Item, Tool
from sandbox.organisation import Organisation
from sandbox.render.azure_words import guid, iteration_of
from sandbox.servers import azure_wit
from tests.sandbox.serving import Sandbox, Site

FEED = "/_apis/wit/reporting/workitemrevisions"


def feed(site: Site, **params: Any) -> list[dict[str, Any]]:
    """All revisions, batch by batch."""
    revisions: list[dict[str, Any]] = []
    while True:
        batch = site.json(FEED, **{"$maxPageSize": 300, **params})
        revisions += batch["values"]
        if batch["isLastBatch"]:
            return revisions
        params["continuationToken"] = batch["continuationToken"]


def items_of(sandbox: Sandbox) -> dict[int, Item]:
    with Organisation(sandbox.home) as organised:
        return {item.item_id: item for item in organised.items(Tool.AZURE_DEVOPS)}


def test_the_feed_has_every_revision_once_in_order(sandbox: Sandbox) -> None:
    revisions = feed(sandbox.azure, includeDeleted="true")
    found = [(revision["id"], revision["rev"]) for revision in revisions]
    assert len(found) == len(set(found))
    expected = {
        number: len(item.history) + 1 + (item.deleted_at is not None)
        for number, item in items_of(sandbox).items()
        if not item.is_destroyed
    }
    assert {number: sum(one == number for one, _ in found) for number in expected} == expected
    dates = [revision["fields"]["System.ChangedDate"] for revision in revisions]
    assert dates == sorted(dates)


def test_revisions_follow_the_organisation(sandbox: Sandbox) -> None:
    with Organisation(sandbox.home) as organised:
        site = organised.site(Tool.AZURE_DEVOPS)
    states = {str(status.status_id): status.name for status in site.statuses}
    scrum = {str(project.project_id) for project in site.projects if project.process == "scrum"}
    assert scrum
    by_item: dict[int, dict[int, dict[str, Any]]] = {}
    for revision in feed(sandbox.azure):
        by_item.setdefault(revision["id"], {})[revision["rev"]] = revision["fields"]
    for number, item in items_of(sandbox).items():
        if item.deleted_at:
            assert number not in by_item
            continue
        state = dict(item.initial)
        for rev, change_set in enumerate([None, *item.history], start=1):
            if change_set:
                state.update({change.attribute: change.new for change in change_set.changes})
            fields = by_item[number][rev]
            assert fields["System.State"] == states[state["status"] or ""]
            estimate = "Effort" if state["project"] in scrum else "StoryPoints"
            assert fields.get(f"Microsoft.VSTS.Scheduling.{estimate}") == (
                float(state["points"]) if state["points"] else None
            )
            assert fields["System.IsDeleted"] is (state["deleted"] == "yes")
            assert fields["System.CommentCount"] == int(state["comments"] or 0)
            sprint = state["sprint"]
            assert (fields["System.IterationId"] >= 5_000_000) is (sprint is not None)
            if sprint:
                assert fields["System.IterationId"] == iteration_of(int(sprint))


def test_fields_and_people_are_sent_as_asked(sandbox: Sandbox) -> None:
    plain = sandbox.azure.json(FEED, fields="System.Id,System.ChangedBy", **{"$maxPageSize": 1})["values"][0]["fields"]
    assert plain.keys() == {"System.Id", "System.ChangedBy"}
    assert plain["System.ChangedBy"].endswith("@example.com>")
    asked = {"fields": ["System.ChangedBy"], "includeIdentityRef": True}
    person = sandbox.azure.post(FEED, asked, **{"$maxPageSize": 1})["values"][0]["fields"]["System.ChangedBy"]
    assert person["uniqueName"] in plain["System.ChangedBy"]


def test_tokens_go_on_after_the_last_batch(sandbox: Sandbox) -> None:
    batch = sandbox.azure.json(FEED)
    while not batch["isLastBatch"]:
        batch = sandbox.azure.json(FEED, continuationToken=batch["continuationToken"])
    again = sandbox.azure.json(FEED, continuationToken=batch["continuationToken"])
    assert (again["values"], again["isLastBatch"]) == ([], True)
    assert again["continuationToken"] == batch["continuationToken"]
    assert sandbox.azure.call("GET", FEED, params={"continuationToken": "nonsense!"}).status_code == 400


def test_deleted_items_lie_in_the_recycle_bin(sandbox: Sandbox) -> None:
    deleted = {n for n, item in items_of(sandbox).items() if item.deleted_at and not item.is_destroyed}
    found = {entry["id"] for entry in sandbox.azure.json("/_apis/wit/recyclebin")["value"]}
    assert found == deleted
    for number in deleted:
        assert sandbox.azure.call("GET", f"/_apis/wit/workitems/{number}").status_code == 404
        entry = sandbox.azure.json("/_apis/wit/recyclebin", ids=str(number))["value"][0]
        assert entry["deletedDate"].endswith("Z")


def test_iterations_of_a_team_lie_in_the_projects_tree(sandbox: Sandbox) -> None:
    with Organisation(sandbox.home) as organised:
        site = organised.site(Tool.AZURE_DEVOPS)
    sprint = site.sprints[0]
    team = next(team for team in site.teams if team.team_id == sprint.team_id)
    project, name = guid("project", team.project_id), guid("team", team.team_id)
    iterations = sandbox.azure.json(f"/{project}/{name}/_apis/work/teamsettings/iterations")["value"]
    first = next(one for one in iterations if one["id"] == guid("iteration", iteration_of(sprint.sprint_id)))
    assert first["attributes"]["startDate"] == f"{sprint.planned_start_at:%Y-%m-%d}T00:00:00Z"
    tree = sandbox.azure.json(f"/{project}/_apis/wit/classificationnodes/iterations", **{"$depth": 5})
    leaves = {leaf["identifier"]: leaf for folder in tree["children"] for leaf in folder["children"]}
    below = first["path"].split("\\", 1)[1]
    assert leaves[first["id"]]["path"] == f"\\{first['path'].split(chr(92))[0]}\\Iteration\\{below}"


def wiql(site: Site, where: str, **params: Any) -> list[int]:
    found = site.post("/_apis/wit/wiql", {"query": f"SELECT [System.Id] FROM WorkItems WHERE {where}"}, **params)
    return [item["id"] for item in found["workItems"]]


def test_wiql_reads_conditions(sandbox: Sandbox) -> None:
    azure, live = sandbox.azure, {n: i for n, i in items_of(sandbox).items() if i.deleted_at is None}
    assert wiql(azure, "[System.Id] > 0") == sorted(live)
    assert wiql(azure, "[System.Id] >= 10 AND NOT [System.Id] > 20") == [n for n in sorted(live) if 10 <= n <= 20]
    bugs = wiql(azure, "[System.WorkItemType] IN ('Bug', 'It''s none')")
    assert bugs == [n for n, item in sorted(live.items()) if item.current["type"] == "Bug"]
    day = sorted(item.updated_at for item in live.values())[len(live) // 2].date()
    since = [n for n, item in sorted(live.items()) if item.updated_at.date() >= day]
    assert wiql(azure, f"[System.ChangedDate] >= '{day}'") == since
    timed = azure.call(
        "POST",
        "/_apis/wit/wiql",
        json={"query": f"SELECT [System.Id] FROM WorkItems WHERE [System.ChangedDate] >= '{day}T10:00:00Z'"},
    )
    assert timed.status_code == 400
    assert wiql(azure, f"[System.ChangedDate] >= '{day}T00:00:00Z'", timePrecision="true") == since


@pytest.mark.parametrize("query", ["", "SELECT [System.Id]", "SELECT [System.Id] FROM WorkItems WHERE [No.Field] = 1"])
def test_bad_wiql_is_refused(sandbox: Sandbox, query: str) -> None:
    answer = sandbox.azure.call("POST", "/_apis/wit/wiql", json={"query": query})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("TF51")


def test_limits_have_the_vendors_numbers(sandbox: Sandbox) -> None:
    answer = sandbox.azure.call("POST", "/_apis/wit/workitemsbatch", json={"ids": list(range(201))})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("VS403474")
    assert azure_wit.QUERY_LIMIT == 20_000


def test_an_expired_token_gets_the_sign_in_page(sandbox: Sandbox) -> None:
    site = sandbox.azure
    site.session.auth = ("", "wrong")
    answer = site.call("GET", "/_apis/projects")
    assert (answer.status_code, answer.headers["content-type"]) == (203, "text/html; charset=utf-8")


def test_the_azure_devops_package_works_with_it(sandbox: Sandbox, tmp_path: Path) -> None:
    """In a process of its own: the package reads its cache folder while it is imported."""
    program = f"""
from azure.devops.connection import Connection
from msrest.authentication import BasicAuthentication
clients = Connection(base_url={sandbox.azure.url!r}, creds=BasicAuthentication("", "token")).clients
project = clients.get_core_client().get_projects()[0]
team = clients.get_core_client().get_teams(project.id)[0]
print(project.name, team.name, len(clients.get_work_item_tracking_client().get_work_item_types(project.id)))
"""
    environment = {**os.environ, "AZURE_DEVOPS_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "5"


def test_projects_by_state_and_page(sandbox: Sandbox) -> None:
    everything = sandbox.azure.json("/_apis/projects", stateFilter="all")["value"]
    assert sandbox.azure.json("/_apis/projects")["value"] == everything
    assert sandbox.azure.json("/_apis/projects", stateFilter="deleted")["value"] == []
    answer = sandbox.azure.call("GET", "/_apis/projects", params={"$top": 1})
    assert len(answer.json()["value"]) == 1
    token = answer.headers["x-ms-continuationtoken"]
    rest = sandbox.azure.json("/_apis/projects", continuationToken=token)["value"]
    assert [*answer.json()["value"], *rest] == everything


def test_a_query_for_links_finds_the_parents_of_live_items(sandbox: Sandbox) -> None:
    everything = items_of(sandbox).items()
    items = {number: item for number, item in everything if item.deleted_at is None and not item.is_gone}
    expected = {
        (int(parent), number)
        for number, item in items.items()
        if (parent := item.current["parent"]) and int(parent) in items
    }
    assert expected
    query = (
        "SELECT [System.Id] FROM WorkItemLinks "
        "WHERE ([System.Links.LinkType] = 'System.LinkTypes.Hierarchy-{0}') MODE (MustContain)"
    )
    for way in ("Forward", "Reverse"):
        answer = sandbox.azure.post("/_apis/wit/wiql", {"query": query.format(way)})
        links = [one for one in answer["workItemRelations"] if one["source"]]
        pairs = [(one["source"]["id"], one["target"]["id"])[:: 1 if way == "Forward" else -1] for one in links]
        assert len(pairs) == len(set(pairs))
        assert set(pairs) == expected
    parent = min(expected)[0]
    narrow = query.format("Forward").replace("WHERE", f"WHERE ([Source].[System.Id] = {parent}) AND")
    answer = sandbox.azure.post("/_apis/wit/wiql", {"query": narrow})
    assert {one["source"]["id"] for one in answer["workItemRelations"] if one["source"]} == {parent}


def test_a_service_principal_signs_in_with_its_secret(sandbox: Sandbox) -> None:
    origin = "/".join(sandbox.azure.url.split("/")[:3])
    form = {"grant_type": "client_credentials", "client_id": "x", "client_secret": "right", "scope": "y"}
    answer = requests.post(f"{origin}/tenant/oauth2/v2.0/token", data=form, timeout=30).json()
    bearer = {"Authorization": f"{answer['token_type']} {answer['access_token']}"}
    assert requests.get(f"{sandbox.azure.url}/_apis/projects", headers=bearer, timeout=30).status_code == 200
    refused = requests.post(f"{origin}/tenant/oauth2/v2.0/token", data=form | {"client_secret": "wrong"}, timeout=30)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
