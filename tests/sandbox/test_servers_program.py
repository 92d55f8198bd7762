"""The sandbox as a program: the clock moves on, ports, signals, survey files, replayed records."""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from python_calamine import CalamineWorkbook

from sandbox import organisation, serve
from sandbox.model import Tool
from sandbox.organisation import Organisation
from sandbox.rendering import SandboxError, advance, ensure, store_path
from sandbox.serve import running, start_background
from sandbox.store import Store
from tests.ports import free_ports
from tests.sandbox.serving import PRESENT, Sandbox, Site, replaying, serving_organisation, stop

APACHE = Path(__file__).resolve().parents[3] / "shared" / "data" / "jira_apache"
needs_records = pytest.mark.skipif(not APACHE.is_dir(), reason="needs the real records beside the project")


def documents(site: Site) -> dict[str, Any]:
    """All issues of a Jira Cloud site by id, with their histories' count."""
    found = site.post("/rest/api/3/search/jql", {"jql": "project is not EMPTY", "maxResults": 5000})["issues"]
    numbers = [issue["id"] for issue in found]
    issues: dict[str, Any] = {}
    for start in range(0, len(numbers), 100):
        asked = {"issueIdsOrKeys": numbers[start : start + 100], "fields": ["*all"], "expand": ["changelog"]}
        issues |= {issue["id"]: issue for issue in site.post("/rest/api/3/issue/bulkfetch", asked)["issues"]}
    return issues


def revisions(site: Site) -> dict[tuple[int, int], Any]:
    found, params = {}, {"includeDeleted": "true", "$maxPageSize": 1000}
    while True:
        batch = site.json("/_apis/wit/reporting/workitemrevisions", **params)
        found |= {(one["id"], one["rev"]): one["fields"] for one in batch["values"]}
        if batch["isLastBatch"]:
            return found
        params["continuationToken"] = batch["continuationToken"]


@pytest.fixture(scope="module")
def advanced(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """(served sandbox three weeks later, issues before, revisions before, the present before)."""
    with serving_organisation(tmp_path_factory.mktemp("advanced"), items=600) as served:
        with Organisation(served.home) as organised:
            present = organised.now
        before = documents(served.cloud), revisions(served.azure), present
        for _ in range(3):
            advance(served.home, 7)
        yield served, *before


def test_a_running_server_shows_what_happened(advanced: Any) -> None:
    served, before, _, present = advanced
    after = documents(served.cloud)
    assert after.keys() - before.keys()
    changed = {n for n in after.keys() & before.keys() if after[n] != before[n]}
    assert changed
    with Organisation(served.home) as organised:
        assert organised.now == present + timedelta(days=21)
        expected = {str(i.item_id): i for i in organised.items(Tool.JIRA_CLOUD) if i.is_live}
        new_version_items = {str(i.item_id) for i in organised.items(Tool.JIRA_CLOUD, 1)}
    assert after.keys() == expected.keys()
    for number, issue in after.items():
        assert issue["changelog"]["total"] <= len(expected[number].history)
    # Others changed in looks only: a sprint of theirs closed or a status of theirs has a new name.
    for number in changed - new_version_items:
        assert after[number]["fields"]["updated"] == before[number]["fields"]["updated"]


def test_an_advanced_store_equals_one_rendered_at_once(advanced: Any, tmp_path: Path) -> None:
    """Rendering changes gives the same documents as rendering the organisation from nothing."""
    served, *_ = advanced
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(served.home / "organisation.sqlite", copy)
    ports = free_ports(4)
    serving = start_background(copy, seed=1, items=600, port_base=ports)
    try:
        fresh = Sandbox(copy, serving)
        pairs = [(fresh.cloud, served.cloud, documents), (fresh.azure, served.azure, revisions)]
        for new, old, read in pairs:
            address_new, address_old = ("/".join(site.url.split("/")[:3]) for site in (new, old))
            text = json.dumps({str(k): v for k, v in read(new).items()}, sort_keys=True).replace(
                address_new, address_old
            )
            assert text == json.dumps({str(k): v for k, v in read(old).items()}, sort_keys=True)
    finally:
        stop(serving.pid)


def test_a_clock_that_stands_is_moved_by_advances_alone(advanced: Any) -> None:
    served, *_ = advanced
    for name in ("jira_cloud", "jira_dc", "azure_devops"):
        date = served.site(name).call("GET", "/").headers["date"]
        sent = datetime.strptime(date, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
        assert sent == PRESENT + timedelta(days=21)


def test_a_released_version_shows_in_issues_that_nobody_touched(tmp_path: Path) -> None:
    """In Jira it does, and `updated` stays. (In the three weeks after that day a version is released.)"""
    organisation.simulate(1, 600, datetime(2027, 3, 28, 1, 30, tzinfo=UTC), tmp_path)
    ensure(tmp_path)
    with closing(Store.jira(store_path(tmp_path, Tool.JIRA_CLOUD))) as store:
        before = stored(store)
        advance(tmp_path, 21)
        with Organisation(tmp_path) as organised:
            touched = {item.item_id for item in organised.items(Tool.JIRA_CLOUD, 1)}
        after = stored(store)
        released = {one["id"] for one in store.decoded("version") if one["released"]}
    shown = {n: one["fields"]["fixVersions"] for n, one in after.items()}
    assert all(version["released"] == (version["id"] in released) for one in shown.values() for version in one)
    different = {n for n in before.keys() - touched if shown[n] != before[n]["fields"]["fixVersions"]}
    assert different
    assert all(after[n]["fields"]["updated"] == before[n]["fields"]["updated"] for n in different)


def stored(store: Store) -> dict[int, Any]:
    return {number: json.loads(document) for number, document in store.rows("select id, doc from documents")}


def test_a_clock_that_goes_is_never_behind_the_wall_clock(tmp_path: Path) -> None:
    """And ahead of it when the organisation was advanced."""
    for days in (-30, 30):
        home, told = tmp_path / str(days), datetime.now(UTC) + timedelta(days=days)
        organisation.simulate(7, 60, told, home)
        serving = start_background(home, port_base=free_ports(4))
        try:
            date = requests.get(serving.urls["jira_cloud"], timeout=30).headers["date"]
        finally:
            stop(serving.pid)
        sent = datetime.strptime(date, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
        assert abs(sent - max(told, datetime.now(UTC))) < timedelta(minutes=1)


def test_revisions_only_come(advanced: Any) -> None:
    served, _, before, _ = advanced
    after = revisions(served.azure)
    assert before.keys() < after.keys()
    volatile = {"System.RevisedDate", "System.CommentCount", "System.Description"}
    for name in before:
        old = {field: value for field, value in before[name].items() if field not in volatile}
        new = {field: value for field, value in after[name].items() if field not in volatile}
        assert new | {"System.IterationPath": 0} == old | {"System.IterationPath": 0}


def test_survey_files_hold_every_answer_once(advanced: Any) -> None:
    served, *_ = advanced
    folder = served.home / "surveys"
    with Organisation(served.home) as organised:
        answers = list(organised.answers())
    nps = (folder / "nps_relationship.csv").read_text("utf-8").splitlines()[1:]
    german = (folder / "csat_delivery_de.csv").read_text("cp1252").splitlines()
    book = CalamineWorkbook.from_path(folder / "csat_delivery.xlsx").get_sheet_by_name("Answers").to_python()
    assert len(nps) == sum(answer.metric == "nps" for answer in answers)
    assert len(german) - 1 + len(book) - 1 == sum(answer.metric == "csat" for answer in answers)
    assert german[0].split(";")[-1] == "Begründung"
    assert isinstance(book[1][1], datetime)
    page = requests.get(f"{served.serving.urls['surveys']}/", timeout=30).text
    assert all(name in page for name in ("nps_relationship.csv", "csat_delivery_de.csv", "csat_delivery.xlsx"))
    sent = requests.get(f"{served.serving.urls['surveys']}/files/nps_relationship.csv", timeout=30).content
    assert sent == (folder / "nps_relationship.csv").read_bytes()
    assert requests.get(f"{served.serving.urls['surveys']}/files/..%2Fserve.log", timeout=30).status_code == 404


def test_it_stops_on_a_signal_and_forgets_its_note(tmp_path: Path) -> None:
    serving = start_background(tmp_path, items=100, port_base=free_ports(4))
    assert running(tmp_path) == serving
    assert start_background(tmp_path, items=100) == serving  # one that serves is taken as it is
    stop(serving.pid)
    assert running(tmp_path) is None
    assert not (tmp_path / "serving.json").exists()


def test_a_taken_port_is_one_readable_line(tmp_path: Path) -> None:
    base = free_ports(4)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", base + 1))
        taken.listen()
        with pytest.raises(SandboxError, match=f"Port {base + 1} on 127.0.0.1 is taken"):
            start_background(tmp_path, items=100, port_base=base)


@pytest.mark.parametrize(("seed", "items"), [(2, 100), (1, 200)])
def test_another_organisation_is_refused(tmp_path: Path, seed: int, items: int) -> None:
    ensure(tmp_path, 1, 100)
    with pytest.raises(SandboxError, match=f"100 items with seed 1, not of {items} with seed {seed}"):
        ensure(tmp_path, seed, items)
    ensure(tmp_path)  # who asks for none goes on with the one that is there
    with pytest.raises(SandboxError, match="whose clock goes on"):
        ensure(tmp_path, now=PRESENT)
    with pytest.raises(SandboxError, match="no simulated organisation"):
        advance(tmp_path / "nothing", 7)


def test_an_organisation_of_an_earlier_version_is_refused(tmp_path: Path) -> None:
    ensure(tmp_path, 1, 100)
    with sqlite3.connect(tmp_path / "organisation.sqlite") as connection:
        connection.execute("delete from about where key = 'format'")
    for use in (partial(ensure, tmp_path, 1, 100), partial(advance, tmp_path, 7)):
        with pytest.raises(SandboxError, match=r"earlier version of the sandbox .* Remove the folder"):
            use()


def test_documents_of_an_earlier_version_are_made_anew(tmp_path: Path) -> None:
    """Also of one whose tables were others."""
    ensure(tmp_path, 1, 100)
    whole = (tmp_path / "jira_dc.sqlite").stat().st_size
    with sqlite3.connect(tmp_path / "jira_dc.sqlite") as connection:
        connection.executescript("drop view documents; create table documents (id integer); delete from meta;")
    (tmp_path / "jira_cloud.sqlite").write_bytes(b"no database at all")
    said: list[str] = []
    ensure(tmp_path, 1, 100, say=said.append)
    assert said == ["Rendering jira_cloud, jira_dc …"]
    assert (tmp_path / "jira_dc.sqlite").stat().st_size == whole
    assert (tmp_path / "jira_cloud.sqlite").stat().st_size > 10_000


def test_documents_are_the_same_for_the_same_seed(tmp_path: Path) -> None:
    homes = [tmp_path / name for name in ("one", "two")]
    until = datetime(2026, 6, 1, tzinfo=UTC)
    for home in homes:
        home.mkdir()
        organisation.simulate(7, 150, until, home)
        ensure(home, 7, 150)
    stores = [{path.name: path.stat().st_size for path in home.glob("*.sqlite")} for home in homes]
    assert stores[0] == stores[1]
    files = [[path.read_bytes() for path in sorted((home / "surveys").iterdir())] for home in homes]
    assert files[0] == files[1]


@needs_records
@pytest.mark.parametrize("flavour", [None, "cloud"])
def test_real_records_are_served_as_they_are(flavour: str | None) -> None:
    lines = (APACHE / "issues.jsonl").read_text("utf-8").splitlines()
    records = {record["id"]: record for record in map(json.loads, lines)}
    with replaying(APACHE, flavour=flavour) as site:
        if flavour == "cloud":
            found = documents(site)
        else:
            asked = {"jql": "", "maxResults": 1000, "fields": ["*all"], "expand": ["changelog"]}
            found = {issue["id"]: issue for issue in site.post("/rest/api/2/search", asked)["issues"]}
        assert found.keys() == records.keys()
        for number, record in records.items():
            issue = found[number]
            assert issue["key"] == record["key"]
            assert issue["fields"]["created"] == record["fields"]["created"]
            assert issue["fields"]["status"]["name"] == record["fields"]["status"]["name"]
            assert issue["changelog"]["total"] == len(record["changelog"]["histories"])
        version = "3" if flavour == "cloud" else "2"
        statuses = {one["name"]: one["statusCategory"]["key"] for one in site.json(f"/rest/api/{version}/status")}
        assert statuses["Patch Available"] == "indeterminate"
        author = next(iter(found.values()))["changelog"]["histories"][0]["author"]
        assert ("accountId" in author) is (flavour == "cloud")


def test_replayed_text_that_is_no_utf8_is_repaired(tmp_path: Path) -> None:
    issue = {
        "id": "7", "key": "X-7", "self": "https://tracker.example/rest/api/2/issue/7",
        "fields": {
            "summary": "half a pair \ud83d here", "created": "2001-01-31T09:00:00.000+0100",
            "project": {"id": "1", "key": "X", "name": "X"}, "issuetype": {"id": "1", "name": "Bug", "subtask": False},
            "status": {"id": "1", "name": "Open", "self": "https://tracker.example/rest/api/2/status/1"},
            "customfield_1": ["com.atlassian.greenhopper.service.sprint.Sprint@1a[id=5,state=CLOSED,name=S, 5]"],
        },
        "changelog": {"histories": [{"id": "1", "created": "2001-02-01T09:00:00.000+0100", "items": []}]},
    }  # fmt: skip
    line = json.dumps(issue).encode().replace(b"here", b"\xff")
    (tmp_path / "issues.jsonl").write_bytes(line + b"\n")
    (tmp_path / "sprints.json").write_text('[{"id": 5, "name": "S, 5", "state": "closed", "originBoardId": 3}]')
    with replaying(tmp_path) as site:
        found = site.json("/rest/api/2/search", jql="sprint = 5", fields="*all", expand="changelog")["issues"]
        assert found[0]["fields"]["summary"] == "half a pair \ufffd \ufffd"
        assert found[0]["changelog"]["histories"][0]["created"] == "2001-02-01T09:00:00.000+0100"
        assert site.json("/rest/agile/1.0/board/3/sprint")["values"][0]["name"] == "S, 5"
    with replaying(tmp_path, flavour="cloud") as site:  # before 2001-09-09 epoch milliseconds have 12 digits
        logs = site.post("/rest/api/3/changelog/bulkfetch", {"issueIdsOrKeys": ["7"]})["issueChangeLogs"]
        assert logs[0]["changeHistories"][0]["created"] == 981014400000


def test_what_the_sites_own_lists_say_comes_before_what_records_tell(tmp_path: Path) -> None:
    person = {"accountId": "557058:1", "displayName": "A", "active": True}
    item = {"field": "assignee", "fieldtype": "jira", "fieldId": "assignee", "from": None, "to": "557058:1"}
    issue = {
        "id": "7", "key": "X-7",
        "fields": {
            "summary": "S", "created": "2021-01-31T09:00:00.000+0100", "creator": person,
            "project": {"id": "1", "key": "X", "name": "X"}, "issuetype": {"id": "1", "name": "Bug", "subtask": False},
            "status": {"id": "1", "name": "Open"},
        },
        "changelog": {"histories": [{"id": "1", "created": "2021-02-01T09:00:00.000+0100", "items": [item]}]},
    }  # fmt: skip
    lists = {
        "statuses": [{"id": "1", "name": "Open", "statusCategory": {"key": "new"}},
                     {"id": "2", "name": "Shut", "statusCategory": {"key": "done"}}],
        "versions": [{"id": "5", "name": "1.0", "projectId": 1}],
        "configurations": [{"id": 4, "name": "Wall", "type": "kanban", "filter": {"id": "9"},
                            "columnConfig": {"columns": [{"name": "All", "statuses": [{"id": "1"}]}]}}],
        "filters": [{"id": "9", "jql": "key = X-7"}],
    }  # fmt: skip
    (tmp_path / "issues.jsonl").write_text(json.dumps(issue))
    for name, resources in lists.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(resources))
    with replaying(tmp_path) as site:
        assert [one["name"] for one in site.json("/rest/api/3/status")] == ["Open", "Shut"]
        assert site.json("/rest/api/3/project/X/version")["values"][0]["name"] == "1.0"
        (board,) = site.json("/rest/agile/1.0/board")["values"]
        assert (board["id"], board["name"], board["type"]) == (4, "Wall", "kanban")
        columns = site.json("/rest/agile/1.0/board/4/configuration")["columnConfig"]["columns"]
        assert [column["name"] for column in columns] == ["All"]
        assert site.json("/rest/agile/1.0/board/4/issue")["total"] == 1
        logs = site.post("/rest/api/3/changelog/bulkfetch", {"issueIdsOrKeys": ["7"]})["issueChangeLogs"]
        assert logs[0]["changeHistories"][0]["items"][0]["to"] == "557058:1"  # an account already: left as it is


def test_a_list_of_a_site_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "issues.jsonl").write_text("{}")
    (tmp_path / "boards.json").write_text('[{"colour": "red"}]')
    command = [sys.executable, "-m", "sandbox.serve", "--replay", str(tmp_path), "--port", str(free_ports(4))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "boards.json: not a list of resources: entry 0 has no id" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_without_records_is_refused(tmp_path: Path) -> None:
    (tmp_path / "issues.jsonl").write_text('{"id": "1"}\n')
    command = [sys.executable, "-m", "sandbox.serve", "--replay", str(tmp_path), "--port", str(free_ports(4))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "issues.jsonl, line 1: not an answer of GET issue?expand=changelog" in done.stderr
    assert "Traceback" not in done.stderr


def test_one_that_does_not_come_up_in_time_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    monkeypatch.setattr(serve, "_START_SECONDS", 0.0)
    with pytest.raises(SandboxError, match="did not come up"):
        start_background(tmp_path, items=100, port_base=free_ports(4))
    assert [process.poll() is not None for process in started] == [True]
