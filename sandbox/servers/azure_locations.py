"""Where resources are, as the azure-devops package asks it with OPTIONS /_apis. Ids are the vendor's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_TEAM = "{project}/{team}/_apis/{area}"
_ANY = "{project}/_apis/{area}"
_LOCATIONS = (
    ("e81700f7-3be2-46de-8624-2eb35882fcaa", "Location", "ResourceAreas", "_apis/{resource}/{areaId}", 1),
    ("00d9565f-ed9c-4a06-9a50-00e7896ccab4", "Location", "ConnectionData", "_apis/{resource}", 1),
    ("603fe2ac-9723-48b9-88ad-09305aa6c6e1", "core", "projects", "_apis/{resource}/{*projectId}", 4),
    ("d30a3dd1-f8ba-442a-b86a-bd0c0c383e59", "core", "teams", "_apis/projects/{projectId}/{resource}/{*teamId}", 3),
    ("7a4d9ee9-3433-4347-b47a-7a80f1cf307e", "core", "allTeams", "_apis/teams", 3),
    ("c3c1012b-bea7-49d7-b45e-1664e566f84c", "work", "teamsettings", f"{_TEAM}/teamsettings", 1),
    ("c9175577-28a1-4b06-9197-8636af9f64ad", "work", "iterations", f"{_TEAM}/teamsettings/iterations/{{id}}", 1),
    ("07ced576-58ed-49e6-9c1e-5cb53ab8bf2a", "work", "teamfieldvalues", f"{_TEAM}/teamsettings/teamfieldvalues", 1),
    (
        "74412d15-8c1a-4352-a48d-ef1ed5587d57", "work", "capacities",
        f"{_TEAM}/teamsettings/iterations/{{iterationId}}/capacities/{{teamMemberId}}", 3,
    ),
    (
        "2d4faa2e-9150-4cbf-a47a-932b1b4a0773", "work", "teamdaysoff",
        f"{_TEAM}/teamsettings/iterations/{{iterationId}}/teamdaysoff", 1,
    ),
    ("23ad19fc-3b8e-4877-8462-b3f92bc06b40", "work", "boards", f"{_TEAM}/boards/{{id}}", 1),
    ("c555d7ff-84e1-47df-9923-a3fe0cd8751b", "work", "columns", f"{_TEAM}/boards/{{board}}/columns", 1),
    (
        "5a172953-1b41-49d3-840a-33f79c3ce89f", "wit", "classificationNodes",
        f"{_ANY}/classificationnodes/{{structureGroup}}/{{*path}}", 2,
    ),
    ("a70579d1-f53a-48ee-a5be-7be8659023b9", "wit", "classificationNodes", f"{_ANY}/classificationnodes", 2),
    ("7c8d7a76-4a09-43e8-b5df-bd792f4ac6aa", "wit", "workItemTypes", f"{_ANY}/workitemtypes/{{type}}", 2),
    ("7c9d7a76-4a09-43e8-b5df-bd792f4ac6aa", "wit", "states", f"{_ANY}/workitemtypes/{{type}}/states", 1),
    ("b51fd764-e5c2-4b9b-aaf7-3395cf4bdd94", "wit", "fields", f"{_ANY}/fields/{{fieldNameOrRefName}}", 3),
    ("f828fe59-dd87-495d-a17c-7a8d6211ca6c", "wit", "workItemRevisions", f"{_ANY}/reporting/workitemrevisions", 2),
    ("b5b5b6d0-0308-40a1-b3f4-b9bb3c66878f", "wit", "workItemLinks", f"{_ANY}/reporting/workitemlinks", 3),
    ("1a9c53f7-f243-4447-b110-35ef023636e4", "wit", "wiql", "{project}/{team}/_apis/{area}/wiql", 2),
    ("908509b6-4248-4475-a1cd-829139ba419f", "wit", "workItemsBatch", f"{_ANY}/workitemsbatch", 1),
    ("72c7ddf8-2cdc-4f60-90cd-ab71c14a399b", "wit", "workItems", f"{_ANY}/workitems/{{id}}", 3),
    ("6570bf97-d02c-4a91-8d93-3abe9895b1a9", "wit", "updates", f"{_ANY}/workitems/{{id}}/updates/{{updateNumber}}", 3),
    (
        "a00c85a5-80fa-4565-99c3-bcd2181434bb", "wit", "revisions",
        f"{_ANY}/workitems/{{id}}/revisions/{{revisionNumber}}", 3,
    ),
    ("b70d8d39-926c-465e-b927-b1bf0e5ca0e0", "wit", "recyclebin", f"{_ANY}/recyclebin/{{id}}", 2),
)  # fmt: skip


def locations() -> Iterator[dict[str, Any]]:
    for number, area, resource, template, version in _LOCATIONS:
        yield {
            "id": number, "area": area, "resourceName": resource, "routeTemplate": template,
            "resourceVersion": version, "minVersion": "1.0", "maxVersion": "7.1", "releasedVersion": "7.1",
        }  # fmt: skip
