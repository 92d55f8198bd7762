"""Azure DevOps over real HTTP: projects, types, teams and what belongs to them."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from extractors.azure_devops import metadata as metadata_module
from extractors.errors import AccessDenied, SchemaChanged, TooManyDeleted
from tests.extractors.azure_devops_server import Fault, Organisation
from tests.extractors.azure_devops_site import Site


def test_metadata_of_projects_and_teams(site: Site, organisation: Organisation) -> None:
    site.run()
    teams = {row["name"]: row for row in site.rows("teams").values()}
    falcon = teams["Falcon"]
    assert (falcon["project"], falcon["backlog_iteration_path"], falcon["working_days"]) == (
        "Shop", "Shop", ["monday", "tuesday"],
    )  # fmt: skip
    areas = {row["area_path"]: row for row in site.rows("team_areas").values()}
    assert areas["Shop\\Falcon"]["team_id"] == falcon["team_id"]
    sprint = site.rows("team_iterations")[f"{falcon['team_id']}:sprint-Shop-1"]
    assert (sprint["iteration_path"], sprint["start_date"], sprint["finish_date"]) == (
        "Shop\\Sprint 1", date(2026, 1, 19), date(2026, 1, 30),
    )  # fmt: skip
    assert {row["iteration_path"] for row in site.rows("iterations").values()} >= {"Shop", "Shop\\Sprint 2"}
    assert {row["area_path"] for row in site.rows("areas").values()} == {"Shop", "Shop\\Web", "Bank", "Bank\\Web"}
    state = site.rows("states")["Shop:User Story:Closed"]
    assert (state["category"], state["state_number"]) == ("Completed", 2)
    column = site.rows("boards")[f"{falcon['team_id']}:board-1:c2"]
    assert (column["item_limit"], column["is_split"], column["state_mappings"]) == (5, True, ["User Story=Active"])
    (capacity, *_) = site.rows("capacities").values()
    assert (capacity["capacity_hours_per_day"], capacity["days_off"]) == (6.5, ["2026-01-07", "2026-01-08"])
    assert len(site.rows("team_days_off")) == 3 * 2  # the sprint without dates has none
    (description,) = site.rows("pmo/connections").values()
    assert (description["deployment"], description["name"], description["time_zone"]) == ("services", "pmo", "UTC")

    shop = falcon["project_id"]
    organisation.teams[shop] = [team for team in organisation.teams[shop] if team["name"] != "Heron"]
    organisation.sprints = 2
    site.run()
    assert {row["name"] for row in site.rows("teams").values()} == {"Falcon", "Teller"}
    assert len(site.rows("team_iterations")) == 4
    assert len(site.rows("iterations")) == 6


def test_one_team_without_permission_fails_alone(site: Site, organisation: Organisation) -> None:
    site.run()
    heron = next(row["team_id"] for row in site.rows("teams").values() if row["name"] == "Heron")

    def refuse(_: str, path: str) -> None:
        if f"{heron}/_apis/work/boards" in path:
            raise Fault(403, {"message": "TF400813: not authorized"})

    organisation.faults = [refuse]
    report = site.run()
    (failure,) = report.failures
    assert isinstance(failure, AccessDenied)
    assert "team 'Heron' of project 'Shop'" in str(failure)
    assert heron in {row["team_id"] for row in site.rows("teams").values()}
    assert len(site.rows("team_iterations")) == 9
    assert len(site.rows("boards")) == 6


BY_TEAM = ("teams", "team_areas", "team_iterations", "boards", "capacities")


def test_lists_that_are_empty_at_once_keep_what_is_landed(site: Site, organisation: Organisation) -> None:
    site.run()
    before = {stream: site.rows(stream) for stream in BY_TEAM}
    shop = next(key for key, project in organisation.projects.items() if project["name"] == "Shop")
    teams, organisation.teams[shop] = organisation.teams[shop], []
    for _ in range(2):
        (failure,) = site.run().failures
        assert isinstance(failure, TooManyDeleted)
        assert "the list of teams of project 'Shop'" in str(failure)
        assert "2 of 2" in str(failure)
        assert {stream: site.rows(stream) for stream in BY_TEAM} == before
    assert site.run(max_deleted_ratio=1).is_complete
    assert {row["name"] for row in site.rows("teams").values()} == {"Teller"}
    assert {row["team_id"] for row in site.rows("boards").values()} == set(site.rows("teams"))
    organisation.teams[shop] = teams
    assert site.run().is_complete
    assert site.rows("boards").keys() == before["boards"].keys()


@pytest.mark.parametrize(
    ("method", "streams", "failures"),
    [("nodes", ("areas", "iterations"), 4), ("item_types", ("item_types", "states"), 4), ("work", ("boards",), 1)],
)
def test_any_other_list_that_is_empty_at_once_too(
    site: Site, organisation: Organisation, method: str, streams: tuple[str, ...], failures: int
) -> None:
    site.run()
    before = {stream: site.rows(stream) for stream in streams}
    whole = getattr(organisation, method)

    def emptied(*places: str, **asked: Any) -> Any:
        is_asked = method != "work" or places[-1] == "boards"
        return {"count": 0, "value": []} if is_asked else whole(*places, **asked)

    setattr(organisation, method, emptied)
    for _ in range(2):
        report = site.run()
        assert [type(failure) for failure in report.failures] == [TooManyDeleted] * failures
        assert {stream: site.rows(stream) for stream in streams} == before
    setattr(organisation, method, whole)
    assert site.run().is_complete


def test_many_teams_are_read_in_depth_once_a_day(
    site: Site, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata_module, "ALWAYS_DEEP_BELOW", 0)
    site.run()
    assert site.asked("/work/boards/") == 3
    organisation.requests.clear()
    organisation.sprints = 4
    shop = next(iter(organisation.projects))
    organisation.teams[shop].append({"id": "bbbbbbbb-9999-0000-0000-000000000000", "name": "Osprey"})
    site.run()
    assert site.asked("/work/boards/") == 1
    assert {row["name"] for row in site.rows("teams").values()} == {"Falcon", "Heron", "Teller", "Osprey"}
    assert len(site.rows("boards")) == 8
    assert len(site.rows("team_iterations")) == 16  # the new sprint of every team
    assert len(site.rows("capacities")) == 3 * 2 + 3
    organisation.requests.clear()
    site.runs += 20
    site.run()
    assert site.asked("/work/boards/") == 4
    assert len(site.rows("capacities")) == 4 * 3


def test_more_teams_than_fit_on_one_page(site: Site, organisation: Organisation) -> None:
    organisation.add_project("Large", *(f"Team {number}" for number in range(130)))
    organisation.sprints = 0
    site.run(projects=("Large",))
    assert len(site.rows("teams")) == 130


def test_states_of_a_process_that_a_project_had_before_keep_their_category(
    site: Site, organisation: Organisation
) -> None:
    organisation.types = {"Product Backlog Item": ["New", "Approved", "Committed", "Done", "Removed"]}
    organisation.processes = {
        "scrum": {"Product Backlog Item": {"New": "Proposed", "Committed": "InProgress", "Done": "Completed"}},
        "agile": {"User Story": {"New": "Proposed", "Active": "InProgress", "Closed": "Completed"}},
    }
    for _ in range(3):
        report = site.run()
        former = site.rows("states")["Shop:User Story:Active"]
        assert (former["category"], former["state_number"]) == ("InProgress", None)
        assert site.rows("states")["Shop:Product Backlog Item:Committed"]["category"] == "InProgress"
        assert report.warnings == []
    assert report.count("azure_devops/states").landed == 0
    assert site.asked("/processes") == 3  # in the first run only

    organisation.change(1, **{"System.State": "Gone"})
    report = site.run()
    assert "User Story / Gone" in report.warnings[0]
    assert "stage_mapping" in report.warnings[0]


def test_a_type_that_a_project_loses_keeps_its_states(site: Site, organisation: Organisation) -> None:
    site.run()
    organisation.types = {"Product Backlog Item": ["New", "Committed", "Done"]}
    report = site.run()
    assert "Shop:User Story:Active" not in site.rows("states")  # the row stays, marked as gone
    columns = ["record_id", "category", "is_deleted"]
    landed = {row["record_id"]: row for row in site.landing.latest("azure_devops/states", "ado", columns).to_pylist()}
    assert landed["Shop:User Story:Active"] == {
        "record_id": "Shop:User Story:Active", "category": "InProgress", "is_deleted": True,
    }  # fmt: skip
    assert (site.asked("/processes"), report.warnings) == (0, [])


def test_a_renamed_column_is_a_new_version_of_the_same_column(site: Site, organisation: Organisation) -> None:
    site.run()
    work = organisation.work

    def renamed(project: str, team: str, rest: str, **options: Any) -> Any:
        answer = work(project, team, rest, **options)
        if rest.endswith("/columns"):
            answer["value"][1] |= {"name": "In progress", "itemLimit": 3}
        return answer

    organisation.work = renamed  # type: ignore[method-assign]
    report = site.run()
    assert report.count("azure_devops/boards").landed == 3
    falcon = next(row for row in site.rows("teams").values() if row["name"] == "Falcon")
    column = site.rows("boards")[f"{falcon['team_id']}:board-1:c2"]
    assert (column["column_name"], column["item_limit"]) == ("In progress", 3)
    assert site.written("azure_devops/boards") == 6 + 3


def test_a_number_that_no_column_holds_is_an_odd_record(site: Site, organisation: Organisation) -> None:
    whole = organisation.work

    def work(*places: str, **asked: Any) -> Any:
        answer = whole(*places, **asked)
        if places[-1].endswith("/columns"):
            answer["value"][1] |= {"itemLimit": 2**70}
        return answer

    organisation.work = work  # type: ignore[method-assign]
    report = site.run()
    assert {type(failure) for failure in report.failures} == {SchemaChanged}
    assert site.rows("boards") == {}
    assert len(site.rows("teams")) == 3
