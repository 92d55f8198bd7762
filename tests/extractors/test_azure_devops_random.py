"""Random lives of items, with kills in between: after every whole run, landed equals source and nothing is doubled."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from extractors.azure_devops import feeds
from extractors.errors import ExtractError
from extractors.landing import Landing
from tests.extractors.azure_devops_server import AzureDevOpsServer, Fault, Organisation
from tests.extractors.azure_devops_site import Site

ROOT = Path(__file__).parents[2]
PROJECTS = ("Shop", "Bank", "Mill")


TYPES = ("User Story", "Bug", "Task")


def organisation_of(dice: random.Random, items: int) -> Organisation:
    organisation = Organisation()
    organisation.types = {kind: ["New", "Active", "Closed"] for kind in TYPES}
    for project in PROJECTS:
        organisation.add_project(project, f"{project} team")
    for item_id in range(1, items + 1):
        organisation.create(item_id, dice.choice(PROJECTS))
    return organisation


def live_through(organisation: Organisation, dice: random.Random, events: int) -> None:
    """Something happens to items: see _one_event; and new ones come."""
    newest = max(record["id"] for record in organisation.feed)
    for _ in range(events):
        _one_event(organisation, dice)
        if dice.random() < 0.3:
            newest = organisation.create(newest + 1, dice.choice(PROJECTS))


def _one_event(organisation: Organisation, dice: random.Random) -> None:
    live, in_bin, hidden = organisation.live(), list(organisation.bin), sorted(organisation.hidden)
    states, item_id = ["New", "Active", "Closed"], dice.choice(live)
    acts: list[tuple[int, Callable[[], None]]] = [
        (6, lambda: organisation.change(item_id, **{"System.State": dice.choice(states)})),
        (3, lambda: organisation.change(item_id, **{"System.TeamProject": dice.choice(PROJECTS)})),
        (2, lambda: organisation.change(item_id, **{"System.WorkItemType": dice.choice(TYPES)})),
        (2, lambda: organisation.delete(item_id)),
        (2 if in_bin else 0, lambda: organisation.restore(dice.choice(in_bin))),
        (1, lambda: organisation.destroy(dice.choice(in_bin or live))),
        (6, lambda: _new_parent(organisation, item_id, dice.choice([None, *live]))),
        (3, lambda: organisation.hidden.add(dice.choice([item_id, *_last_told(organisation, live)]))),
        (3 if hidden else 0, lambda: organisation.hidden.discard(dice.choice(hidden))),
    ]
    dice.choices([act for _, act in acts], weights=[weight for weight, _ in acts])[0]()


def _last_told(organisation: Organisation, live: list[int]) -> list[int]:
    """Items of the feeds' last entries: who is hidden before a feed is read, and seen again later, is no less whole."""
    linked = [link["attributes"]["sourceId"] for link in organisation.links[-3:]]
    return [item_id for item_id in (*linked, *(record["id"] for record in organisation.feed[-4:])) if item_id in live]


def _new_parent(organisation: Organisation, child: int, parent: int | None) -> None:
    """The old parent goes, the new one comes; sometimes seen from the child, sometimes from the parent."""
    for (one, old), facts in organisation.parents().items():
        if one == child and facts["isActive"]:
            organisation.link(old, child, active=False)
    if parent not in (None, child):
        organisation.link(child, parent or 0, "System.LinkTypes.Hierarchy-Reverse")


def assert_landed_is_source(site: Site, ever_landed: set[str]) -> None:
    """Live items with all their revisions, nothing twice, and every other landed item known to be gone."""
    organisation = site.organisation
    live = set(organisation.live())
    landed = set(site.rows("revisions"))
    of_live = {f"{record['id']}:{record['rev']}" for record in organisation.feed if record["id"] in live}
    assert of_live <= landed
    assert landed <= site.expected_revisions()
    assert landed >= ever_landed
    assert site.written() == len(landed)
    gone = site.rows("deleted_items")
    landed_ids = {int(key.split(":")[0]) for key in landed}
    assert {int(key) for key in gone} & landed_ids == landed_ids - live
    in_bin = {int(key) for key, row in gone.items() if not row["is_destroyed"]}
    assert in_bin == set(organisation.bin)
    assert _landed_parents(site, live) == {
        pair for pair, facts in organisation.parents().items() if facts["isActive"] and live.issuperset(pair)
    }


def _landed_parents(site: Site, live: set[int]) -> set[tuple[int, int]]:
    last = {}
    for row in sorted(site.rows("links").values(), key=lambda row: row["changed_at"]):
        last[int(row["source_id"]), int(row["target_id"])] = row["is_active"]
    return {pair for pair, is_active in last.items() if is_active and live.issuperset(pair)}


def _down_from(number: int) -> Callable[[str, str], None]:
    """The server is gone from its `number`-th request on."""
    asked = itertools.count()

    def fault(_method: str, _path: str) -> None:
        if next(asked) >= number:
            raise Fault(500, {"message": "down"})

    return fault


@pytest.mark.parametrize("seed", range(8))
def test_landed_equals_source_after_any_two_runs(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of two runs is cut off at any request, and is a full one now and then; things go on happening."""
    monkeypatch.setattr(feeds, "APPEND_ROWS", 10)
    monkeypatch.setattr(feeds, "COMMIT_ROWS", 10)
    dice = random.Random(seed)  # noqa: S311
    organisation = organisation_of(dice, 25)
    organisation.page_size = dice.choice([3, 7, 1000])
    with AzureDevOpsServer(organisation) as server:
        site = Site(tmp_path, organisation, server)
        landed: set[str] = set()
        cuts = 0
        for _ in range(3):
            organisation.faults = [_down_from(dice.randrange(70))]
            try:
                cuts += not site.run(is_full=dice.random() < 0.3, max_deleted_ratio=1.0).is_complete
            except ExtractError:
                cuts += 1
            organisation.faults = []
            live_through(organisation, dice, dice.randrange(8))
            report = site.run(is_full=dice.random() < 0.2, max_deleted_ratio=1.0)
            assert report.is_complete
            counted = [row for row in report.coverage if row.expected is not None]
            assert {row.stream for row in counted} == {"azure_devops/revisions", "azure_devops/links"}
            assert all((row.expected, row.skipped) == (row.got, 0) for row in counted)
            assert_landed_is_source(site, landed)
            landed = set(site.rows("revisions"))
            live_through(organisation, dice, dice.randrange(10, 30))
        assert cuts


PROGRAM = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from extractors.azure_devops import feeds, source
from extractors.connection import AzureDevOpsConnection, Secret
from extractors.landing import Landing, Run
feeds.APPEND_ROWS = feeds.COMMIT_ROWS = 10
connection = AzureDevOpsConnection(id="ado", url=sys.argv[1], token=Secret("good"))
print("begin", flush=True)
source.AzureDevOpsSource(connection).extract(Landing(Path(sys.argv[2])), Run(sys.argv[3], datetime.now(UTC)))
"""


@pytest.mark.slow
def test_a_load_that_is_killed_again_and_again_lands_everything_once(tmp_path: Path) -> None:
    dice = random.Random(5)  # noqa: S311
    organisation = organisation_of(dice, 60)
    live_through(organisation, dice, 60)
    organisation.page_size = 5
    organisation.faults = [lambda _method, _path: time.sleep(0.01)]
    with AzureDevOpsServer(organisation) as server:
        site = Site(tmp_path, organisation, server)
        kills = 0
        for number in range(40):
            command = [sys.executable, "-c", PROGRAM, server.url, str(tmp_path / "home"), f"run-{number}"]
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
            assert process.stdout is not None
            process.stdout.readline()
            try:
                process.wait(dice.uniform(0.1, 1.8) if kills < 8 else 60)
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                kills += 1
                assert_nothing_doubled(site.landing)
                continue
            assert process.returncode == 0
            if kills >= 5:
                break
            live_through(organisation, dice, 10)
        assert kills >= 5
        site.landing.judge("ado", "accepted")
        visible = {row.batch_id for row in site.landing.ledger.visible("ado")}
        assert set(site.rows("revisions")) >= {
            f"{record['id']}:{record['rev']}" for record in organisation.feed if record["id"] in organisation.live()
        }
        assert_nothing_doubled(site.landing)
        assert len(visible) > 3


def assert_nothing_doubled(landing: Landing) -> None:
    """Among the rows that are visible."""
    visible = {row.batch_id for row in landing.ledger.visible("ado")}
    table = landing.table("azure_devops/revisions")
    rows = table.scan(table.files("ado"), ["record_id", "batch_id"], "ado").to_pylist()
    seen = [row["record_id"] for row in rows if row["batch_id"] in visible]
    assert len(seen) == len(set(seen))
