"""`pmo doctor` for Azure DevOps names what is missing, warns of tokens that end, and estimates a first load."""

from __future__ import annotations

import pytest

from extractors.connection import CheckLine, Secret
from tests.extractors.azure_devops_server import Fault, Organisation
from tests.extractors.azure_devops_site import Site
from tests.extractors.test_azure_devops_access import PRINCIPAL

SCOPE_OF = {
    "/_apis/projects": "Project and Team (Read), vso.project",
    "workitemrevisions": "Work Items (Read), vso.work",
    "workitemlinks": "Work Items (Read), vso.work",
    "classificationnodes": "'View project-level information'",
    "recyclebin": "'View work items in this node'",
    "/wit/wiql": "Work Items (Read), vso.work",
    "/boards": "Work Items (Read), vso.work",
    "/capacities": "Work Items (Read), vso.work",
}


def level_of(lines: list[CheckLine], subject: str) -> set[str]:
    return {line.level for line in lines if line.subject == subject}


def test_all_is_well_but_tokens_end(site: Site) -> None:
    lines = site.source().check()
    assert {line.subject for line in lines if line.level != "ok"} == {"token"}
    (warning,) = [line for line in lines if line.level == "warn"]
    assert "2026-12-01" in warning.text
    assert "ADO_TOKEN" in warning.text
    assert "tenant_id" in warning.text
    assert {line.level for line in site.source(**PRINCIPAL).check()} == {"ok"}


def test_the_cost_of_a_first_load(site: Site, organisation: Organisation) -> None:
    (cost,) = [line for line in site.source().check() if line.subject == "first load"]
    assert "20 items with about 40 revisions, 3 teams" in cost.text
    asked = int(cost.text.split("about ")[2].split(" ")[0])
    organisation.requests.clear()
    site.run()
    assert asked / 2 < len(organisation.requests) < asked * 2
    assert cost.text.endswith("1 min")


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("part", SCOPE_OF)
def test_what_is_missing_is_named(site: Site, organisation: Organisation, part: str, status: int) -> None:
    def refuse(_: str, path: str) -> None:
        if part in path:
            raise Fault(status, {"message": "TF400813: not authorized"})

    organisation.faults = [refuse]
    lines = site.source().check()
    failed = [line for line in lines if line.level == "fail"]
    assert failed
    assert all(SCOPE_OF[part] in line.text for line in failed)
    assert all("TF400813" in line.text for line in failed)
    assert level_of(lines, "sign-in") == {"ok"}
    if part != "/_apis/projects":
        assert level_of(lines, "first load") == {"ok"}  # the rest was tried all the same


def test_settings_that_are_wrong(site: Site, organisation: Organisation) -> None:
    organisation.lacking_fields = {"Microsoft.VSTS.CMMI.Blocked"}
    lines = site.source(projects=("Shop", "Elsewhere")).check()
    assert level_of(lines, "project 'Elsewhere'") == {"fail"}
    assert any("The organisation has no Microsoft.VSTS.CMMI.Blocked" in line.text for line in lines)
    (line,) = site.source(token=Secret("wrong")).check()
    assert (line.level, line.subject) == ("fail", "sign-in")
    (line,) = site.source(token=Secret("")).check()
    assert (line.level, line.subject) == ("fail", "settings")
    assert site.source(fields={"points": "Custom.Nowhere"}).check()[-1].level == "fail"


def test_nothing_but_reading_is_asked(site: Site, organisation: Organisation) -> None:
    """Failure case 56: GET, OPTIONS, and the POSTs that are queries."""
    site.source().check()
    site.run(is_full=True)
    posts = {request.partition("?")[0] for request in organisation.requests if request.startswith("POST")}
    assert all(post.endswith(("/wiql", "/workitemsbatch")) for post in posts)
    assert {request.split(" ")[0] for request in organisation.requests} <= {"GET", "OPTIONS", "POST"}
