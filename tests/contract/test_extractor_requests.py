"""What the extractors send is what the vendors' descriptions allow: paths, parameters, bodies.

The sandbox writes down every request; here a whole extraction is read back. Only the requests below
have no description: the sandbox's own, and what the vendors' Python packages send by themselves.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from extractors.azure_devops.source import AzureDevOpsSource
from extractors.connection import AzureDevOpsConnection, JiraConnection, Secret
from extractors.jira.source import JiraSource
from extractors.landing import Landing, Run
from tests.contract.specification import ADO_CORE, ADO_WIT, ADO_WORK, JIRA_AGILE, JIRA_PLATFORM, specification
from tests.sandbox.serving import Sandbox, Site

UNDESCRIBED = {
    ("GET", "/rest/api/2/serverInfo"),  # the jira package asks version 2, whatever version it uses then
    ("OPTIONS", "/pmo/_apis"),  # the azure-devops package asks where resources are
    ("GET", "/pmo/_apis/ResourceAreas"),
    ("GET", "/pmo/_apis/ConnectionData"),
}


def recorded(site: Site, name: str) -> list[dict[str, Any]]:
    origin = "/".join(site.url.split("/")[:3])
    requests = site.session.get(f"{origin}/_sandbox/requests", timeout=30).json()
    return [one for one in requests if one["site"] == name and (one["method"], one["path"]) not in UNDESCRIBED]


def run(number: int) -> Run:
    return Run(f"run-{number}", datetime.now(UTC))


def test_jira_requests_are_described(sandbox: Sandbox, tmp_path: Path) -> None:
    connection = JiraConnection(
        id="cloud", url=sandbox.cloud.url, token=Secret("token"), username="me@example.com", token_env="TOKEN"
    )
    landing = Landing(tmp_path)
    for number in (1, 2):  # a first load and an incremental run
        JiraSource(connection).extract(landing, run(number))
    sent = recorded(sandbox.cloud, "jira_cloud")
    faults = []
    for one in sent:
        if "/rest/greenhopper/" in one["path"]:  # Jira's own reports; Atlassian publishes no description
            continue
        spec = specification(JIRA_AGILE if "/agile/" in one["path"] else JIRA_PLATFORM)
        query = [tuple(pair) for pair in one["query"]]
        faults += spec.request_faults(one["method"], one["path"], query, one["body"])
    assert sorted(set(faults)) == []
    assert len(sent) > 20


def test_azure_devops_requests_are_described(sandbox: Sandbox, tmp_path: Path) -> None:
    connection = AzureDevOpsConnection(id="ado", url=sandbox.azure.url, token=Secret("token"), token_env="TOKEN")
    landing = Landing(tmp_path)
    for number in (1, 2):
        AzureDevOpsSource(connection).extract(landing, run(number))
    sent = recorded(sandbox.azure, "azure_devops")
    faults = []
    for one in sent:
        path = described(one["path"])
        spec = specification(ADO_WORK if "/work/" in path else ADO_WIT if "/wit/" in path else ADO_CORE)
        query = [tuple(pair) for pair in one["query"]]
        if "api-version=" in one["accept"]:  # the azure-devops package gives the version there
            query.append(("api-version", "7.1"))
        faults += spec.request_faults(one["method"], path, query, one["body"])
    assert sorted(set(faults)) == []
    assert len(sent) > 20


def described(path: str) -> str:
    """Microsoft gives some addresses below a project or team only, and takes them below the organisation too."""
    area = path.partition("/_apis/")[2]
    if not area.startswith("wit/"):
        return path
    return f"/pmo/project/team/_apis/{area}" if area.startswith("wit/wiql") else f"/pmo/project/_apis/{area}"
