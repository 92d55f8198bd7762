"""Azure DevOps over real HTTP: every revision once, deletions told apart, first loads that resume, readable errors."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import certifi
import pytest

from extractors.azure_devops import metadata as metadata_module
from extractors.azure_devops import source as source_module
from extractors.azure_devops.source import AzureDevOpsSource
from extractors.connection import AzureDevOpsConnection, ExtractReport, Secret
from extractors.errors import AccessDenied, AuthError, ConfigError, ExtractError, NotFound, RepeatedPage, TooManyDeleted
from extractors.http import RetryPolicy
from extractors.landing import Landing, Run
from tests.extractors.azure_devops_server import ANN, BOB, AzureDevOpsServer, Fault, Organisation

HURRIED = RetryPolicy(attempts=3, first_attempts=2, total_seconds=20, wait_initial=0.01, wait_max=0.05)
NOW = datetime(2026, 2, 1, tzinfo=UTC)


class Site:
    """A served organisation with a landing, and the runs between."""

    def __init__(self, folder: Path, organisation: Organisation, server: AzureDevOpsServer) -> None:
        self.organisation, self.server = organisation, server
        self.landing = Landing(folder / "home")
        self.runs = 0

    def connection(self, **changes: Any) -> AzureDevOpsConnection:
        settings = {"id": "ado", "url": self.server.url, "token": Secret("good"), "token_env": "ADO_TOKEN", **changes}
        return AzureDevOpsConnection(**settings)

    def source(self, **changes: Any) -> AzureDevOpsSource:
        return AzureDevOpsSource(self.connection(**changes), retry=HURRIED, authority=self.server.origin)

    def run(self, *, is_full: bool = False, **changes: Any) -> ExtractReport:
        self.runs += 1
        run = Run(f"run-{self.runs}", NOW + timedelta(hours=self.runs), is_full=is_full)
        self.organisation.now = run.started_at
        report = self.source(**changes).extract(self.landing, run)
        self.landing.judge("ado", "accepted")
        return report

    def rows(self, stream: str) -> dict[str, dict[str, Any]]:
        name = f"azure_devops/{stream}" if "/" not in stream else stream
        table = self.landing.latest(name, "ado", self.landing.table(name).schema.names)
        return {row["record_id"]: row for row in table.to_pylist() if not row["is_deleted"]}

    def written(self, stream: str = "azure_devops/revisions") -> int:
        """Rows ever written."""
        return sum(file.rows for file in self.landing.table(stream).files("ado"))

    def expected_revisions(self) -> set[str]:
        return {f"{record['id']}:{record['rev']}" for record in self.organisation.feed}

    def asked(self, part: str) -> int:
        return sum(part in request for request in self.organisation.requests)


@pytest.fixture
def organisation() -> Organisation:
    organisation = Organisation()
    organisation.add_project("Shop", "Falcon", "Heron")
    organisation.add_project("Bank", "Teller")
    for item_id in range(1, 21):
        organisation.create(item_id, "Shop" if item_id % 2 else "Bank")
        organisation.change(item_id, **{"System.State": "Active", "System.AssignedTo": ANN})
    return organisation


@pytest.fixture
def site(tmp_path: Path, organisation: Organisation) -> Iterator[Site]:
    with AzureDevOpsServer(organisation) as server:
        yield Site(tmp_path, organisation, server)


def coverage(report: ExtractReport) -> dict[str, tuple[int | None, int | None, int]]:
    return {row.project: (row.expected, row.got, row.deleted) for row in report.coverage}


def test_every_revision_once_and_then_only_what_is_new(site: Site, organisation: Organisation) -> None:
    organisation.page_size = 7
    organisation.link(1, 3)
    first = site.run()
    assert set(site.rows("revisions")) == site.expected_revisions()
    assert coverage(first) == {"Shop": (10, 10, 0), "Bank": (10, 10, 0)}
    assert first.is_complete
    before = len(organisation.requests)

    second = site.run()
    assert second.count("azure_devops/revisions").seen == 0
    assert {name: count.landed for name, count in second.streams.items() if count.landed} == {}
    assert site.asked("continuationToken=40") == 1  # the token of the first run, alone
    assert len(organisation.requests) - before < 60

    organisation.change(5, **{"System.State": "Closed"})
    organisation.create(21, "Shop")
    third = site.run()
    assert third.count("azure_devops/revisions").landed == 2
    assert set(site.rows("revisions")) == site.expected_revisions()
    assert site.written() == len(organisation.feed)
    assert not any("startDateTime" in request for request in organisation.requests)


def test_a_revision_in_columns(site: Site, organisation: Organisation) -> None:
    organisation.create(
        30, "Shop",
        **{
            "System.AreaId": 11, "System.AreaPath": "Shop\\Falcon", "System.IterationId": 21,
            "System.IterationPath": "Shop\\Sprint 1", "Microsoft.VSTS.Scheduling.Effort": 5,
            "Microsoft.VSTS.Scheduling.RemainingWork": 2.5, "System.Tags": "ux; Blocked", "System.AssignedTo": BOB,
            "Microsoft.VSTS.Common.Priority": 2, "Microsoft.VSTS.Common.ResolvedReason": "Duplicate",
            "System.Title": "a\u0000b", "System.ChangedDate": "2026-01-09T10:11:12.1234567Z",
        },
    )  # fmt: skip
    site.run()
    row = site.rows("revisions")["30:1"]
    wanted = {
        "item_id": "30", "rev": 1, "project": "Shop", "state": "New", "item_type": "User Story", "area_id": "11",
        "area_path": "Shop\\Falcon", "iteration_id": "21", "iteration_path": "Shop\\Sprint 1", "points": 5.0,
        "remaining_hours": 2.5, "completed_hours": None, "tags": ["ux", "Blocked"], "is_blocked": True,
        "assigned_to_id": BOB["id"], "changed_by_id": ANN["id"], "priority": "2", "resolved_reason": "Duplicate",
        "title": "ab", "is_item_deleted": False, "changed_at": datetime(2026, 1, 9, 10, 11, 12, 123456, UTC),
        "updated_at": datetime(2026, 1, 9, 10, 11, 12, 123456, UTC),
    }  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted
    assert "no business of ours" not in row["payload"]
    users = site.rows("users")
    assert (users[ANN["id"]]["display_name"], users[BOB["id"]]["email"]) == ("Ann Lee", "bob@example.org")


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


def test_links_are_seen_from_the_child(site: Site, organisation: Organisation) -> None:
    organisation.link(1, 3)
    organisation.link(5, 1, "System.LinkTypes.Hierarchy-Reverse")
    organisation.link(7, 9, "System.LinkTypes.Related")
    organisation.link(1, 3, active=False)
    site.run()
    links = sorted(
        (row["source_id"], row["target_id"], row["link_type"].rpartition(".")[2], row["is_active"])
        for row in site.rows("links").values()
    )
    assert links == [
        ("3", "1", "Hierarchy-Reverse", False),
        ("3", "1", "Hierarchy-Reverse", True),
        ("5", "1", "Hierarchy-Reverse", True),
        ("7", "9", "Related", True),
    ]


def test_deleted_restored_and_destroyed_items(site: Site, organisation: Organisation) -> None:
    for item_id in (2, 4, 6):
        organisation.delete(item_id)
    first = site.run()
    deleted = site.rows("deleted_items")
    assert {key: row["is_destroyed"] for key, row in deleted.items()} == {"2": False, "4": False, "6": False}
    assert deleted["2"]["deleted_at"] == datetime.fromisoformat(organisation.bin[2]["deletedDate"])
    assert deleted["2"]["deleted_by_id"] == BOB["id"]
    assert coverage(first)["Bank"] == (7, 7, 3)

    organisation.restore(2)
    organisation.destroy(4)
    organisation.destroy(8)  # never was in the bin
    second = site.run()
    deleted = site.rows("deleted_items")
    assert {key: row["is_destroyed"] for key, row in deleted.items()} == {"4": True, "6": False, "8": True}
    assert deleted["4"]["deleted_at"] is not None
    assert deleted["8"]["deleted_at"] == NOW + timedelta(hours=2)
    assert coverage(second)["Bank"] == (7, 7, 3)
    assert site.run().count("azure_devops/deleted_items").landed == 0

    organisation.destroyed.discard(8)  # it was a permission that was missing, and is back
    site.run()
    assert set(site.rows("deleted_items")) == {"4", "6"}


def test_too_many_missing_items_stop_the_run(site: Site, organisation: Organisation) -> None:
    site.run()
    for item_id in range(1, 14, 2):
        organisation.destroy(item_id)
    organisation.create(22, "Shop")
    with pytest.raises(TooManyDeleted, match="max_deleted_ratio"):
        site.run()
    assert site.rows("deleted_items") == {}
    site.run(max_deleted_ratio=0.9)
    assert len(site.rows("deleted_items")) == 7


def test_an_interrupted_first_load_goes_on_at_its_last_batch(
    site: Site, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_module, "APPEND_ROWS", 10)
    monkeypatch.setattr(source_module, "COMMIT_ROWS", 10)
    organisation.page_size = 5
    pages = 0

    def cut(_: str, path: str) -> None:
        nonlocal pages
        pages += "workitemrevisions" in path
        if pages > 5:
            raise Fault(500, {"message": "down"})

    organisation.faults = [cut]
    with pytest.raises(ExtractError):
        site.run()
    landed = len(site.rows("revisions"))
    assert 20 <= landed < 40
    organisation.faults = []
    organisation.requests.clear()
    site.run()
    assert set(site.rows("revisions")) == site.expected_revisions()
    assert site.written() == len(organisation.feed)
    tokens = [request for request in organisation.requests if "workitemrevisions" in request]
    assert all("continuationToken=" in request for request in tokens)


def test_selected_projects_and_items_that_move_between_them(site: Site, organisation: Organisation) -> None:
    site.run(projects=("shop",))
    assert {row["project"] for row in site.rows("revisions").values()} == {"Shop"}
    organisation.change(1, **{"System.TeamProject": "Bank"})
    organisation.change(2, **{"System.TeamProject": "Shop"})
    report = site.run(projects=("shop",))
    landed = site.rows("revisions")
    assert {key for key in landed if key.startswith("1:")} == {"1:1", "1:2", "1:3"}
    assert {key for key in landed if key.startswith("2:")} == {"2:1", "2:2", "2:3"}  # its history came along
    assert landed["2:1"]["project"] == "Bank"
    assert "no business of ours" not in landed["2:1"]["payload"]
    assert coverage(report) == {"Shop": (10, 10, 0), "Bank": (None, 1, 0)}
    assert site.rows("deleted_items") == {}
    site.run(projects=("Shop", "Bank"))
    assert set(site.rows("revisions")) == site.expected_revisions()


def test_a_project_that_cannot_be_seen_is_named_and_the_others_are_landed(site: Site) -> None:
    report = site.run(projects=("Shop", "Bnak"))
    (failure,) = report.failures
    assert isinstance(failure, NotFound)
    assert "'Bnak'" in str(failure)
    assert "Did you mean 'Bank'" in str(failure)
    assert {row["project"] for row in site.rows("revisions").values()} == {"Shop"}
    with pytest.raises(NotFound):
        site.run(projects=("Nothing",))


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


def test_no_project_at_all_is_a_lost_permission_and_deletes_nothing(site: Site, organisation: Organisation) -> None:
    site.run()
    projects, organisation.projects = organisation.projects, {}
    with pytest.raises(AccessDenied):
        site.run()
    organisation.projects = projects
    assert len(site.rows("projects")) == 2
    assert site.rows("deleted_items") == {}


def test_a_hidden_project_and_a_deleted_one_are_told_apart(site: Site, organisation: Organisation) -> None:
    site.run()
    bank = next(project for project in organisation.projects.values() if project["name"] == "Bank")
    del organisation.projects[bank["id"]]
    report = site.run()
    (failure,) = report.failures
    assert "project 'Bank'" in str(failure)
    assert site.rows("deleted_items") == {}
    assert len(site.rows("projects")) == 2
    assert len(site.rows("teams")) == 3
    assert coverage(report)["Bank"] == (None, 10, 0)

    organisation.deleted_projects[bank["id"]] = bank
    report = site.run()
    assert report.is_complete
    assert len(site.rows("deleted_items")) == 10
    assert {row["name"] for row in site.rows("projects").values()} == {"Shop"}
    assert coverage(report)["Bank"] == (None, 0, 10)

    organisation.deleted_projects.clear()
    organisation.projects[bank["id"]] = bank
    assert coverage(site.run())["Bank"] == (10, 10, 0)
    assert site.rows("deleted_items") == {}


def test_the_census_goes_beyond_twenty_thousand_items(site: Site, organisation: Organisation) -> None:
    from extractors.azure_devops.census import live_ids
    from extractors.azure_devops.client import AzureDevOpsClient

    ids = [*range(100, 20_000), *range(3_000_000, 3_002_600)]
    organisation.live = lambda _=None: ids  # type: ignore[method-assign]
    client = AzureDevOpsClient(site.connection(), retry=HURRIED)
    shop = next(iter(organisation.projects))
    for limit in (10**6, 20_000, 700):  # as the tool does with $top, without it, and far below
        organisation.wiql_limit = limit
        assert live_ids(client, shop).tolist() == ids
    assert site.asked("wiql") < 400


def test_a_feed_that_does_not_move_on_is_an_error(site: Site, organisation: Organisation) -> None:
    stuck = {"values": [], "continuationToken": "1", "isLastBatch": False}
    organisation.revisions = lambda **_: stuck  # type: ignore[method-assign]
    with pytest.raises(RepeatedPage):
        site.run()
    assert site.asked("workitemrevisions") <= 3


def test_a_token_that_is_refused_starts_the_feed_again(site: Site, organisation: Organisation) -> None:
    site.run()
    organisation.change(3, **{"System.State": "Closed"})

    def refuse(_: str, path: str) -> None:
        if "workitemrevisions" in path and "continuationToken=40" in organisation.requests[-1]:
            raise Fault(400, {"message": "VS402429: The continuation token is not valid."})

    organisation.faults = [refuse]
    report = site.run()
    assert "VS402429" in report.warnings[0]
    assert report.count("azure_devops/revisions").landed == 1
    assert set(site.rows("revisions")) == site.expected_revisions()


def test_throttling_with_status_200_is_honoured(site: Site, organisation: Organisation) -> None:
    slow = []

    def delay(_: str, path: str) -> None:
        if "workitemlinks" in path and not slow:
            slow.append(path)
            raise Fault(200, {"values": [], "isLastBatch": True, "continuationToken": "0"}, {"Retry-After": "1"})

    organisation.faults = [delay]
    assert site.run().waited_seconds >= 0.5


@pytest.mark.parametrize(
    ("changes", "kind", "word"),
    [
        ({"token": Secret("canary-wrong")}, AuthError, "ADO_TOKEN"),
        ({"token": Secret("")}, ConfigError, "token_env"),
        ({"token": Secret(""), "tenant_id": "t", "client_id": "c"}, ConfigError, "client_secret_env"),
        ({"fields": {"points": "Custom.Nowhere"}}, ConfigError, "Custom.Nowhere"),
        ({"fields": {"pionts": "System.Id"}}, ConfigError, "pionts"),
        ({"url": "http://dev.example.org/pmo"}, ConfigError, "https"),
    ],
)
def test_settings_that_cannot_work_are_said_in_one_paragraph(
    site: Site, changes: dict[str, Any], kind: type[ExtractError], word: str
) -> None:
    with pytest.raises(kind) as caught:
        site.run(**changes)
    assert word in str(caught.value)
    assert "'ado'" in str(caught.value)
    assert "canary" not in str(caught.value)
    assert site.landing.batches("ado") == []


def test_a_service_principal_signs_in_at_entra(site: Site) -> None:
    principal = {"token": Secret(""), "tenant_id": "tenant", "client_id": "client", "client_secret_env": "ADO_SECRET"}
    site.run(client_secret=Secret("secret"), **principal)
    assert site.asked("/tenant/oauth2/v2.0/token") == 1
    assert set(site.rows("revisions")) == site.expected_revisions()
    with pytest.raises(AuthError) as caught:
        site.run(client_secret=Secret("canary-spent"), **principal)
    assert "ADO_SECRET" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_fields_that_a_server_lacks_are_left_out(site: Site, organisation: Organisation) -> None:
    organisation.lacking_fields = {"Microsoft.VSTS.Scheduling.Size"}
    site.run()
    assert set(site.rows("revisions")) == site.expected_revisions()


def test_a_private_authority_is_trusted_only_if_it_is_named(
    tmp_path: Path, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the calls of the `azure-devops` package as well, and whatever the environment says."""
    certificate, key = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = AzureDevOpsServer(organisation)
    server.server.socket = context.wrap_socket(server.server.socket, server_side=True)
    server.url = server.url.replace("http:", "https:")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())
    with server:
        site = Site(tmp_path, organisation, server)
        with pytest.raises(ConfigError, match="ca_bundle"):
            site.run()
        assert site.run(ca_bundle=certificate).is_complete


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 and its key, as files."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    authority = builder.add_extension(names, critical=False).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    (folder / "certificate.pem").write_bytes(
        authority.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    form = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return folder / "certificate.pem", folder / "key.pem"


def test_an_older_server_is_asked_in_its_own_version(site: Site, organisation: Organisation) -> None:
    seen = []

    def old(_: str, path: str) -> None:
        asked = organisation.requests[-1]
        if "api-version=7.1" in asked and "/wit/" in path:
            text = "The requested REST API version of 7.1 is out of range for this server. "
            raise Fault(400, {"message": text + "The latest REST API version this server supports is 6.0."})
        seen.append(path)

    organisation.faults = [old]
    site.run()
    assert set(site.rows("revisions")) == site.expected_revisions()


def test_the_watermark_is_the_servers_time(site: Site, organisation: Organisation) -> None:
    organisation.now = NOW + timedelta(days=7)
    site.source().extract(site.landing, Run("run", NOW))
    site.landing.judge("ado", "accepted")
    assert site.landing.watermark("ado") == organisation.now


def test_a_full_run_reads_everything_again_and_writes_nothing_twice(site: Site, organisation: Organisation) -> None:
    site.run()
    report = site.run(is_full=True)
    assert report.count("azure_devops/revisions").seen == len(organisation.feed)
    assert report.count("azure_devops/revisions").landed == 0


def test_more_teams_than_fit_on_one_page(site: Site, organisation: Organisation) -> None:
    organisation.add_project("Large", *(f"Team {number}" for number in range(130)))
    organisation.sprints = 0
    site.run(projects=("Large",))
    assert len(site.rows("teams")) == 130


def test_doctor_says_what_works_and_what_a_first_load_costs(site: Site, organisation: Organisation) -> None:
    lines = site.source().check()
    assert {line.level for line in lines} == {"ok"}
    assert "20 items and 3 teams" in lines[-1].text

    def refuse(_: str, path: str) -> None:
        if "recyclebin" in path:
            raise Fault(403, {"message": "TF50309: no permission"})

    organisation.faults = [refuse]
    organisation.lacking_fields = {"Microsoft.VSTS.CMMI.Blocked"}
    lines = site.source(projects=("Shop", "Elsewhere")).check()
    text = " ".join(f"{line.level}: {line.text}" for line in lines)
    assert "fail: Connection 'ado': project 'Elsewhere'" in text
    assert "warn: The organisation has no Microsoft.VSTS.CMMI.Blocked" in text
    assert "recyclebin" in text
    assert site.source(token=Secret("wrong")).check()[0].level == "fail"
