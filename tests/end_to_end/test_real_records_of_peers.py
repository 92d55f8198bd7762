"""Records of real tools that other projects keep for their tests, through the whole product: no row is lost.

Five Jira sites (two samples of `jirametrics`, two recordings of `faros`, the tables of `fivetran_dbt_jira`) and one
Azure DevOps organisation (`faros`) in one workspace; `real_folders.py` and `real_azure_devops.py` say in which form
they are served. Every issue, change, sprint, release, status, revision and link of the recordings is counted in raw,
staging and marts; a few are compared with what other programs made of them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from extractors.landing import Landing
from tests.end_to_end import real_folders
from tests.end_to_end.real_azure_devops import SOURCE, RecordedOrganisation, link_events, revisions
from tests.end_to_end.real_folders import DATA, faros_destination, seed
from tests.end_to_end.workspace import Workspace, serving
from tests.extractors.azure_devops_server import AzureDevOpsServer
from tests.ports import free_ports

pytestmark = [
    pytest.mark.skipif(not (DATA / "faros").is_dir(), reason="the real records are not here"),
    pytest.mark.slow,
]
CHANGES = {"sample": 33, "complete": 24, "faros_site": 73, "faros_source": 8, "fivetran": 16}  # in the recordings
JIRA = tuple(CHANGES)
CONNECTION = """
[[connections]]
id = "{name}"
kind = "{kind}"
url = "{url}"
token_env = "SANDBOX_TOKEN"
"""
AZURE = "faros_azure"


class Landed:
    """What one run has made of all recordings. `folders`: what was replayed, by connection."""

    def __init__(self, workspace: Workspace, folders: dict[str, Path]) -> None:
        self.workspace, self.folders = workspace, folders
        self._landing = Landing(workspace.home)

    def raw(self, stream: str, connection_id: str, *columns: str) -> list[tuple[Any, ...]]:
        """Latest rows that are not deleted."""
        rows = self._landing.latest(stream, connection_id, [*columns, "is_deleted"]).to_pylist()
        return [tuple(row[name] for name in columns) for row in rows if not row["is_deleted"]]

    def warehouse(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.workspace.home / "warehouse.duckdb"), read_only=True) as database:
            return database.execute(sql).fetchall()

    def served(self, connection_id: str) -> list[dict[str, Any]]:
        lines = (self.folders[connection_id] / "issues.jsonl").read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def served_list(self, connection_id: str, name: str) -> list[dict[str, Any]]:
        path = self.folders[connection_id] / f"{name}.json"
        return json.loads(path.read_text("utf-8")) if path.exists() else []


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Landed]:
    workspace = Workspace(tmp_path_factory.mktemp("peers"), {"SANDBOX_TOKEN": "any-token-of-the-tests"})
    folder = workspace.folder / "recordings"
    folders = {
        "sample": real_folders.jirametrics(DATA / "jirametrics" / "testdata", folder / "sample"),
        "complete": real_folders.jirametrics(DATA / "jirametrics" / "complete_sample", folder / "complete"),
        "faros_site": real_folders.faros_site(folder / "faros_site"),
        "faros_source": real_folders.faros_source(folder / "faros_source"),
        "fivetran": real_folders.fivetran(folder / "fivetran"),
    }
    settings = ""
    with ExitStack() as stack:
        for name, replayed in folders.items():
            port = free_ports(1)
            arguments = ("--replay", str(replayed), "--flavour", "cloud", "--port", str(port))
            stack.enter_context(serving(workspace, port, *arguments))
            settings += CONNECTION.format(name=name, kind="jira", url=f"http://127.0.0.1:{port}")
            settings += 'username = "me@example.com"\n'
        azure = stack.enter_context(AzureDevOpsServer(RecordedOrganisation()))
        settings += CONNECTION.format(name=AZURE, kind="azure_devops", url=azure.url)
        workspace.configure(settings)
        workspace.run()
        yield Landed(workspace, folders)


def items_of(issues: list[dict[str, Any]]) -> Counter[tuple[Any, ...]]:
    return Counter(
        (issue["id"], history["id"], place, item["field"], item["from"] or None, item["to"] or None,
         item["fromString"] or None, item["toString"] or None,
         datetime.fromisoformat(history["created"]).astimezone(UTC))
        for issue in issues
        for history in issue.get("changelog", {}).get("histories", [])
        for place, item in enumerate(history["items"])
    )  # fmt: skip


CHANGE = ("issue_id", "history_id", "item_number", "field", "from_id", "to_id", "from_text", "to_text", "changed_at")


@pytest.mark.parametrize("site", JIRA)
def test_every_issue_and_every_change_is_landed(landed: Landed, site: str) -> None:
    issues = landed.served(site)
    rows = landed.raw("jira/issues", site, "issue_id", "issue_key", "created_at", "summary", "status_id")
    assert Counter(rows) == Counter(
        (issue["id"], issue["key"], datetime.fromisoformat(issue["fields"]["created"]).astimezone(UTC),
         issue["fields"]["summary"], issue["fields"]["status"]["id"])
        for issue in issues
    )  # fmt: skip
    changes = landed.raw("jira/issue_changes", site, *CHANGE)
    found = Counter((row[0], str(row[1]), row[2], *(value or None for value in row[3:])) for row in changes)
    expected = items_of(issues)
    assert sum(expected.values()) == CHANGES[site]
    assert found == expected


LISTS = {"sprints": "jira/sprints", "versions": "jira/versions", "projects": "jira/projects",
         "statuses": "jira/statuses", "fields": "jira/fields", "boards": "jira/boards"}  # fmt: skip


@pytest.mark.parametrize("site", JIRA)
@pytest.mark.parametrize("name", LISTS)
def test_every_entry_of_the_sites_lists_is_landed(landed: Landed, site: str, name: str) -> None:
    told = {str(one["id"]): one["name"] for one in landed.served_list(site, name)}
    rows = dict(landed.raw(LISTS[name], site, "record_id", "name"))
    assert {number: rows.get(number) for number in told} == told


@pytest.mark.parametrize("sample", ["sample", "complete"])
def test_columns_of_the_recorded_board(landed: Landed, sample: str) -> None:
    (board,) = landed.served_list(sample, "configurations")
    expected = {(column["name"], tuple(one["id"] for one in column["statuses"])) for column in
                board["columnConfig"]["columns"]}  # fmt: skip
    rows = landed.raw("jira/board_columns", sample, "name", "status_ids")
    assert {(name, tuple(numbers)) for name, numbers in rows} == expected


@pytest.mark.parametrize("site", JIRA)
def test_all_of_it_reaches_the_marts(landed: Landed, site: str) -> None:
    (staged,) = landed.warehouse(f"select count(*) from staging.stg_jira__issues where connection_id = '{site}'")
    items = landed.warehouse(f"select item_id from core.dim_work_item where connection_id = '{site}'")
    assert sorted(items) == sorted((issue["id"],) for issue in landed.served(site))
    assert staged == (len(items),)
    moved = Counter(row[0] for row in items_of(landed.served(site)) if row[3] == "status" and row[4] != row[5])
    stays = dict(
        landed.warehouse(
            "select item_id, count(distinct entered_at) from core.fct_state_interval "
            f"join core.dim_work_item using (item_key) where dim_work_item.connection_id = '{site}' group by 1"
        )
    )
    assert {number: stays[number] - 1 for (number,) in items if moved[number]} == dict(moved)
    assert landed.warehouse(
        f"select count(*) from core.fct_coverage where connection_id = '{site}' and (got <> expected or skipped > 0)"
    ) == [(0,)]


def test_sprints_hold_what_the_tool_said_they_hold(landed: Landed) -> None:
    """`faros` has asked the site for the issues of each sprint: those that were in it at its close (or still are)."""
    told = {(str(one["sprintId"]), one["issueId"]) for one in faros_destination()["sprint_issues"]}
    ours = landed.warehouse(
        "select sprint_id, item_id from core.fct_sprint_item join core.dim_sprint using (sprint_key) "
        "join core.dim_work_item using (item_key) where dim_sprint.connection_id = 'faros_site' "
        "and policy_id = 'default' and is_in_scope and not is_removed"
    )
    future = {row[0] for row in landed.warehouse("select sprint_id from core.dim_sprint where state = 'future'")}
    assert set(ours) == {pair for pair in told if pair[0] not in future}
    in_sprints = landed.raw("jira/issues", "faros_site", "issue_id", "sprint_ids")
    assert told <= {(sprint, issue) for issue, sprints in in_sprints for sprint in sprints or ()}


def test_every_row_of_the_warehouse_tables_is_a_change(landed: Landed) -> None:
    """Single values one by one; the values of a field with several, together, as Jira writes them."""
    changes = landed.raw("jira/issue_changes", "fivetran", "issue_id", "changed_at", "field_id", "to_text")
    single = {
        (row["issue_id"], datetime.fromisoformat(row["time"]).replace(tzinfo=UTC), row["field_id"], row["value"])
        for row in seed("issue_field_history")
    }
    assert len(single) == len(seed("issue_field_history")) == 10
    assert single <= set(changes)
    several = Counter(
        (issue, at, field, value) for issue, at, field, text in set(changes) - single for value in text.split(", ")
    )
    assert several == Counter(
        (row["issue_id"], datetime.fromisoformat(row["time"]).replace(tzinfo=UTC), row["field_id"], row["value"])
        for row in seed("issue_multiselect_history")
    )
    assert {sprint for (sprint,) in landed.warehouse(
        "select sprint_id from core.fct_sprint_item join core.dim_sprint using (sprint_key) "
        "join core.dim_work_item using (item_key) where item_ref = 'TP-8' and policy_id = 'default'"
    )} == {"1", "3", "4"}  # fmt: skip


def test_every_revision_and_link_of_azure_devops(landed: Landed) -> None:
    rows = landed.raw("azure_devops/revisions", AZURE, "item_id", "rev", "state", "iteration_path", "points")
    ours = {row[1]: row[2:] for row in rows if row[0] == "1"}
    fields = ("System.State", "System.IterationPath", "Microsoft.VSTS.Scheduling.StoryPoints")
    assert ours == {one["rev"]: tuple(one["fields"].get(name) for name in fields) for one in revisions()}
    assert sorted(row[0] for row in rows if row[0] != "1") == ["297", "299", "300", "401", "402"]
    links = landed.raw("azure_devops/links", AZURE, "source_id", "target_id", "link_type", "is_active")
    assert Counter(links) == Counter(
        (str(facts["sourceId"]), str(facts["targetId"]), event["rel"], facts["isActive"])
        for event in link_events()
        for facts in [event["attributes"]]
    )
    for table, column, expected in (("staging.stg_azure_devops__revisions", "*", 13), ("core.dim_work_item", "*", 6)):
        sql = f"select count({column}) from {table} where connection_id = '{AZURE}'"
        assert landed.warehouse(sql) == [(expected,)]


def test_azure_devops_history_equals_the_independent_one(landed: Landed) -> None:
    told = json.loads((SOURCE / "oracle_azure.json").read_text("utf-8"))["1"]
    stays = landed.warehouse(
        "select strftime(entered_at, '%Y-%m-%dT%H:%M:%S.%f'), fct_state_interval.status, hours * 3600, is_current "
        "from core.fct_state_interval join core.dim_work_item using (item_key) "
        f"where item_key = '{AZURE}:1' order by 1"
    )
    assert [list(stay[:2]) for stay in stays] == told["states"]
    assert {status: round(seconds, 3) for _, status, seconds, is_current in stays if not is_current} == told[
        "time_in_state_s"
    ]
    flow = landed.warehouse(
        "select lead_time_hours, cycle_time_hours, points from core.fct_item_flow "
        f"where item_key = '{AZURE}:1' and policy_id = 'default'"
    )
    assert flow[0][:2] == (told["lead_s"], told["cycle_s"])
    assert landed.warehouse(f"select points from core.dim_work_item where item_key = '{AZURE}:1'") == [
        (told["points"][-1][1],)
    ]
