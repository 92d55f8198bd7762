"""What the sandbox's Azure DevOps answers conforms to Microsoft's descriptions, version 7.1."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.specification import ADO_CORE, ADO_WIT, ADO_WORK, Specification, specification
from tests.sandbox.serving import Sandbox

WIT_GETS = (
    "/_apis/wit/fields", "/_apis/wit/reporting/workitemrevisions", "/_apis/wit/reporting/workitemlinks",
    "/_apis/wit/workitems/{item}/updates", "/_apis/wit/workitems/{item}/revisions", "/_apis/wit/workitems/{item}",
    "/_apis/wit/workitemtypes", "/_apis/wit/workitemtypes/Bug", "/_apis/wit/workitemtypes/Bug/states",
    "/_apis/wit/classificationnodes", "/_apis/wit/classificationnodes/Iterations/{folder}", "/_apis/wit/recyclebin",
)  # fmt: skip
WORK_GETS = (
    "teamsettings", "teamsettings/teamfieldvalues", "teamsettings/iterations", "teamsettings/iterations/{iteration}",
    "teamsettings/iterations/{iteration}/capacities", "teamsettings/iterations/{iteration}/teamdaysoff", "boards",
    "boards/{board}", "boards/{board}/columns",
)  # fmt: skip
CORE_GETS = ("/_apis/projects", "/_apis/projects/{project}", "/_apis/projects/{project}/teams", "/_apis/teams")


def described(spec: Specification, method: str, path: str) -> str:
    """The path as the description has it: some addresses below the organisation it gives below a project only."""
    full = f"/pmo{path}"
    return full if spec.operation(method, full) else f"/pmo/project{path}"


@pytest.fixture(scope="module")
def names(sandbox: Sandbox) -> dict[str, str]:
    azure = sandbox.azure
    for project in azure.json("/_apis/projects")["value"]:
        for team in azure.json(f"/_apis/projects/{project['id']}/teams")["value"]:
            work = f"/{project['id']}/{team['id']}/_apis/work"
            if iterations := azure.json(f"{work}/teamsettings/iterations")["value"]:
                query = "SELECT [System.Id] FROM WorkItems WHERE [System.TeamProject] = @project"
                found = azure.post(f"/{project['id']}/_apis/wit/wiql", {"query": query})["workItems"]
                return {
                    "project": project["id"], "team": team["id"], "folder": team["name"],
                    "iteration": iterations[0]["id"],
                    "board": azure.json(f"{work}/boards")["value"][0]["id"], "item": str(found[0]["id"]),
                }  # fmt: skip
    raise AssertionError("no team has iterations")


@pytest.mark.parametrize("template", WIT_GETS)
def test_work_item_tracking_conforms(sandbox: Sandbox, names: dict[str, str], template: str) -> None:
    path, spec = template.format(**names), specification(ADO_WIT)
    answer = sandbox.azure.json(f"/{names['project']}{path}")
    assert spec.answer_faults("GET", described(spec, "GET", path), answer) == []


@pytest.mark.parametrize("template", WORK_GETS)
def test_teams_conform(sandbox: Sandbox, names: dict[str, str], template: str) -> None:
    path = f"/{names['project']}/{names['team']}/_apis/work/{template.format(**names)}"
    assert specification(ADO_WORK).answer_faults("GET", f"/pmo{path}", sandbox.azure.json(path)) == []


@pytest.mark.parametrize("template", CORE_GETS)
def test_projects_conform(sandbox: Sandbox, names: dict[str, str], template: str) -> None:
    path = template.format(**names)
    assert specification(ADO_CORE).answer_faults("GET", f"/pmo{path}", sandbox.azure.json(path)) == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/_apis/wit/wiql", {"query": "SELECT [System.Id], [System.State] FROM WorkItems WHERE [System.Id] < 50"}),
        (
            "/_apis/wit/wiql",
            {
                "query": "SELECT [System.Id] FROM WorkItemLinks WHERE ([Source].[System.Id] > 0) AND "
                "([System.Links.LinkType] = 'System.LinkTypes.Hierarchy-Forward') MODE (MustContain)"
            },
        ),
        ("/_apis/wit/workitemsbatch", {"ids": [1, 2, 999_999], "fields": ["System.Id"], "errorPolicy": "omit"}),
        ("/_apis/wit/reporting/workitemrevisions", {"fields": ["System.Id", "System.State"], "includeDeleted": True}),
    ],
)
def test_posts_conform(sandbox: Sandbox, path: str, body: dict[str, Any]) -> None:
    answer, spec = sandbox.azure.post(path, body), specification(ADO_WIT)
    if "value" in answer:
        answer = {**answer, "value": [one for one in answer["value"] if one is not None]}  # omitted items come as null
    described_path = f"/pmo/project/team{path}" if path.endswith("wiql") else f"/pmo/project{path}"
    assert spec.answer_faults("POST", described_path, answer) == []


def test_the_validator_sees_what_is_wrong(sandbox: Sandbox) -> None:
    """Guards the other tests: a description that forbids nothing would let them all pass."""
    answer = sandbox.azure.json("/_apis/projects")
    answer["value"][0]["state"] = "flourishing"
    assert specification(ADO_CORE).answer_faults("GET", "/pmo/_apis/projects", answer)
    answer["value"][0] = {"id": 1}
    assert specification(ADO_CORE).answer_faults("GET", "/pmo/_apis/projects", answer)
