"""The simulated organisation: the same from the same seed, lifelike, and able to live on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.model import ChangeSet, Tool
from sandbox.organisation import Organisation, advance, simulate
from sandbox.organisation.workflow import STATUS_DROPPED
from tests.sandbox.outsider import Reader, SeenReader, booked, work_out

UNTIL = datetime(2026, 6, 18, 15, 42, 7, 123000, tzinfo=UTC)
ITEMS = 2000


@pytest.fixture(scope="module")
def organisation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Organisation]:
    home: Path = tmp_path_factory.mktemp("organisation")
    simulate(seed=5, items=ITEMS, until=UNTIL, home=home)
    with Organisation(home) as opened:
        yield opened


def test_size_and_shape(organisation: Organisation) -> None:
    counts = {tool: organisation.item_count(tool) for tool in Tool}
    assert ITEMS * 0.8 < sum(counts.values()) < ITEMS * 1.2
    for tool, count in counts.items():
        assert count > ITEMS * 0.2, tool
        site = organisation.site(tool)
        assert sorted(team.is_scrum for team in site.teams) == [False, True, True, True]
        assert any(sprint.started_at and not sprint.closed_at for sprint in site.sprints)
        assert any(not sprint.started_at for sprint in site.sprints)
        assert any(sprint.former_names for sprint in site.sprints)
        assert any(release.is_released for release in site.releases)
    assert any(status.former_names for status in organisation.site(Tool.JIRA_CLOUD).statuses)
    assert len({project.portfolio for tool in Tool for project in organisation.site(tool).projects}) > 2


def test_histories_are_in_order_and_within_life(organisation: Organisation) -> None:
    shared = 0
    for tool in Tool:
        seen: set[int] = set()
        for item in organisation.items(tool):
            instants = [item.created_at, *(changes.at for changes in item.history)]
            assert instants == sorted(instants)
            assert instants[-1] <= organisation.now
            ids = [changes.change_id for changes in item.history]
            assert ids == sorted(ids)
            assert seen.isdisjoint(ids)
            seen.update(ids)
            shared += len(instants) != len(set(instants))
            assert all(instant.microsecond % 1000 == 0 for instant in instants)
            assert item.deleted_at is None or item.deleted_at >= instants[-1]
    assert shared > 5


def test_every_corner_happens(tmp_path: Path) -> None:
    """Of each mishap there is something to be seen in an organisation of a few thousand items."""
    simulate(seed=3, items=4000, until=UNTIL, home=tmp_path)
    found: Counter[str] = Counter()
    with Organisation(tmp_path) as organisation:
        for tool in Tool:
            reader = Reader(organisation, tool)
            found["destroyed"] += sum(item.is_destroyed for item in organisation.items(tool))
            found["deleted"] += sum(item.deleted_at is not None for item in organisation.items(tool))
            for item in reader.items:
                found.update(name for changes in item.history for name in _names(reader, changes))
                found["moved"] += len(item.former_keys)
                found["linked"] += len(item.links)
                found["created done"] += reader.stages[item.initial["status"] or ""] == "done"
            _count_corners(organisation, reader, found)
            for book in organisation.books().sprints(tool):
                for name in ("removed", "cancelled", "not_completed", "completed_elsewhere", "added"):
                    found[f"{tool} {name}"] += getattr(book, f"{name}_items")
        found["blank answers"] = sum(answer.score is None for answer in organisation.answers())
    for tool in Tool:
        for name in ("removed", "cancelled", "not_completed", "completed_elsewhere", "added"):
            assert found[f"{tool} {name}"] > 0, (tool, name)
    happened = (
        "destroyed deleted moved linked done+sprint flagged points type project resolution remaining_hours release"
    )
    happened += " hidden restored spent_hours comments rated worklogs former-people former-names re-activated"
    for name in [*happened.split(), "created done", "created doing", "blank answers", "analysis", "two open sprints"]:
        assert found[name] > 0, name


def _count_corners(organisation: Organisation, reader: Reader, found: Counter[str]) -> None:
    site = reader.site
    found["former-people"] += sum(person.removed_at is not None for person in site.people)
    found["former-names"] += sum(bool(person.former_names) for person in site.people)
    found["re-activated"] += sum(bool(sprint.reopenings) for sprint in site.sprints)
    lives = {
        sprint.sprint_id: (sprint.started_at or sprint.planned_start_at, sprint.closed_at or organisation.now)
        for sprint in site.sprints
    }
    for item in organisation.items(site.tool):
        found["hidden"] += item.hidden_at is not None
        found["rated"] += item.satisfaction is not None
        found["worklogs"] += len(item.worklogs)
        found["created doing"] += reader.stages[item.initial["status"] or ""] == "in_progress"
        changes = [(moment.at, change) for moment in item.history for change in moment.changes]
        found["restored"] += any((change.attribute, change.old) == ("deleted", "yes") for _, change in changes)
        found["analysis"] += any(
            (change.attribute, change.new) == ("status", str(STATUS_DROPPED)) for _, change in changes
        )
        for at, change in changes:
            if change.attribute == "sprint" and reader.is_jira:
                sprints = [lives[int(number)] for number in (change.new or "").split(",") if number]
                found["two open sprints"] += sum(closed > at for _, closed in sprints) > 1


def test_a_status_leaves_the_workflow_after_the_first_run(tmp_path: Path) -> None:
    simulate(4, 600, UNTIL, tmp_path)
    for days, expected in ((0, False), (7, True)):
        if days:
            advance(tmp_path, days)
        with Organisation(tmp_path) as organisation:
            for tool in (Tool.JIRA_CLOUD, Tool.JIRA_DC):
                dropped = [status for status in organisation.site(tool).statuses if status.deleted_at is not None]
                assert [status.status_id for status in dropped] == ([STATUS_DROPPED] if expected else [])
                held = [item for item in organisation.items(tool) if item.current["status"] == str(STATUS_DROPPED)]
                assert not (expected and any(item.is_live for item in held))
            assert not any(status.deleted_at for status in organisation.site(Tool.AZURE_DEVOPS).statuses)


def test_people_leave_and_are_renamed(tmp_path: Path) -> None:
    """What will happen is not known yet; who has left does nothing any more."""
    simulate(5, 4000, UNTIL, tmp_path)
    with Organisation(tmp_path) as organisation:
        for tool in Tool:
            people = {person.person_id: person for person in organisation.site(tool).people}
            left = {number: person.deactivated_at for number, person in people.items() if person.deactivated_at}
            assert all(at <= organisation.now for at in left.values())
            assert all(person.is_active is (number not in left) for number, person in people.items())
            assert all(at <= organisation.now for person in people.values() for at, _ in person.former_names)
            late = sum(
                changes.author in left and changes.at > left[changes.author]
                for item in organisation.items(tool) for changes in item.history
            )  # fmt: skip
            assert late == 0


def _names(reader: Reader, changes: ChangeSet) -> list[str]:
    names = {change.attribute: change for change in changes.changes}
    both = "status" in names and "sprint" in names and reader.stages[names["status"].new or ""] == "done"
    return [*names, *(["done+sprint"] if both else [])]


def _everything(home: Path) -> list[object]:
    with Organisation(home) as organisation:
        books = organisation.books()
        return [
            *organisation.sites(),
            *(item for tool in Tool for item in organisation.items(tool)),
            *organisation.answers(),
            *books.sprints(),
            *books.periods(),
            *books.items(),
            *books.surveys(),
        ]


def test_same_seed_same_organisation(tmp_path: Path) -> None:
    for name, seed in (("one", 4), ("two", 4), ("three", 5)):
        simulate(seed, 400, UNTIL, tmp_path / name)
    assert _everything(tmp_path / "one") == _everything(tmp_path / "two")
    assert _everything(tmp_path / "one") != _everything(tmp_path / "three")


def test_advancing_in_steps_is_advancing_at_once(tmp_path: Path) -> None:
    for name in ("steps", "once"):
        simulate(4, 600, UNTIL, tmp_path / name)
    for days in (0.5, 6.5, 7):
        advance(tmp_path / "steps", days)
    advance(tmp_path / "once", 14)
    with Organisation(tmp_path / "steps") as steps, Organisation(tmp_path / "once") as once:
        assert (steps.version, once.version) == (4, 2)
        assert steps.now == once.now == UNTIL + timedelta(days=14)
    assert _without_wishes(tmp_path / "steps") == _without_wishes(tmp_path / "once")


def _without_wishes(home: Path) -> list[object]:
    """Everything but items that lived and died between two looks: the books strike those out that nobody could see."""
    with Organisation(home) as organisation:
        books = organisation.books()
        items = [item for tool in Tool for item in organisation.items(tool)]
        for item in items:
            item.is_destroyed = False  # waits for somebody to look
        return [*organisation.sites(), *items, *organisation.answers(), *books.surveys()]


def test_a_week_later(tmp_path: Path) -> None:
    """An advance changes some items, says which, keeps the past, and the books still agree with the histories."""
    simulate(4, 1500, UNTIL, tmp_path)
    with Organisation(tmp_path) as organisation:
        before = {(tool, item.item_id): item for tool in Tool for item in organisation.items(tool)}
        closed = {(b.tool, b.sprint_id): b for b in organisation.books().sprints() if b.is_final}
    advance(tmp_path, 7)
    with Organisation(tmp_path) as organisation:
        assert organisation.version == 2
        now = {(tool, item.item_id): item for tool in Tool for item in organisation.items(tool)}
        changed = {(tool, item.item_id) for tool in Tool for item in organisation.items(tool, 1)}
        assert {key for key, item in now.items() if before.get(key) != item} == changed
        assert 10 < len(changed) < len(now) / 3
        assert set(before) <= set(now)
        for key, item in now.items():
            if key in before:
                assert item.history[: len(before[key].history)] == before[key].history
        after = {(b.tool, b.sprint_id): b for b in organisation.books().sprints()}
        assert {key: after[key] for key in closed} == closed
        for tool in Tool:
            reader = SeenReader(organisation, tool, before)
            for sprint in reader.site.sprints:
                if sprint.started_at is not None:
                    assert +booked(after[tool.value, sprint.sprint_id]) == +work_out(reader, sprint, organisation.now)


def test_unknown_home(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="No simulated organisation"):
        Organisation(tmp_path)
