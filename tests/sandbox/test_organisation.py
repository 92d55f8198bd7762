"""The simulated organisation: the same from the same seed, lifelike, and its books agree with its items' histories.

The books are written while it lives. Here the histories are read afterwards, as a tool would show
them, and the figures are worked out a second time from them, plainly and slowly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from sandbox.model import Category, ChangeSet, Item, Site, Sprint, Tool
from sandbox.organisation import Organisation, advance, simulate
from sandbox.organisation.books import ItemBook, SprintBook
from sandbox.organisation.workflow import DROPPED

UNTIL = datetime(2026, 6, 18, 15, 42, 7, 123000, tzinfo=UTC)
ITEMS = 2000
OPEN = ("todo", "in_progress")
STAGES = {
    Category.TODO: "todo",
    Category.IN_PROGRESS: "in_progress",
    Category.RESOLVED: "in_progress",
    Category.DONE: "done",
    Category.REMOVED: "cancelled",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("organisation")
    simulate(seed=5, items=ITEMS, until=UNTIL, home=folder)
    return folder


@pytest.fixture(scope="module")
def organisation(home: Path) -> Iterator[Organisation]:
    with Organisation(home) as opened:
        yield opened


@dataclass(frozen=True)
class Moment:
    """How an item stands from an instant on."""

    at: datetime
    stage: str
    points: float | None
    sprints: frozenset[int]


class Reader:
    """Reads a site's items as an outsider does: from the initial values and the changes."""

    def __init__(self, organisation: Organisation, tool: Tool) -> None:
        self.site: Site = organisation.site(tool)
        self.is_jira = tool is not Tool.AZURE_DEVOPS
        self.stages = {str(status.status_id): STAGES[status.category] for status in self.site.statuses}
        self.sprint_teams = {sprint.sprint_id: sprint.team_id for sprint in self.site.sprints}
        self.items = [item for item in organisation.items(tool) if not self.is_gone(item)]

    def is_gone(self, item: Item) -> bool:
        return item.deleted_at is not None and (self.is_jira or item.is_destroyed)

    def moment(self, at: datetime, values: dict[str, str | None]) -> Moment:
        stage = self.stages[values["status"] or ""]
        if stage == "done" and values["resolution"] in DROPPED:
            stage = "cancelled"
        sprints = {int(part) for part in (values["sprint"] or "").split(",") if part}
        if not self.is_jira:
            sprints = {sprint for sprint in sprints if str(self.sprint_teams[sprint]) == values["team"]}
        points = values["points"]
        return Moment(at, stage, None if points is None else float(points), frozenset(sprints))

    def moments(self, item: Item) -> list[Moment]:
        values = dict(item.initial)
        found = [self.moment(item.created_at, values)]
        for changes in item.history:
            for change in changes.changes:
                assert values[change.attribute] == change.old, (item.key, change)
                values[change.attribute] = change.new
            found.append(self.moment(changes.at, values))
        assert values == item.current
        if item.deleted_at is not None:
            found.append(Moment(item.deleted_at, found[-1].stage, found[-1].points, frozenset()))
        return found


def is_structure(item: Item) -> bool:
    """Epics and sub-tasks enter no flow figure."""
    return item.is_subtask or item.current["type"] == "Epic"


def work_out(reader: Reader, sprint: Sprint, now: datetime) -> Counter[str]:
    """The figures of a sprint, item by item, from the histories."""
    figures: Counter[str] = Counter()
    for item in reader.items:
        if not item.is_subtask:
            _judge(reader, sprint, now, reader.moments(item), figures)
    return figures


def _judge(reader: Reader, sprint: Sprint, now: datetime, moments: list[Moment], figures: Counter[str]) -> None:
    assert sprint.started_at is not None
    close, key = sprint.closed_at or now, sprint.sprint_id
    includes_close = reader.is_jira or sprint.closed_at is None
    before = [moment for moment in moments if moment.at <= sprint.started_at]
    during = [moment for moment in moments if sprint.started_at < moment.at <= close]
    during = [moment for moment in during if includes_close or moment.at < close]
    first = before[-1] if before else Moment(sprint.started_at, "", None, frozenset())
    if any(key in moment.sprints for moment in [first, *during]):
        _count(key, first, during, figures)


def _count(key: int, first: Moment, during: list[Moment], figures: Counter[str]) -> None:
    committed = key in first.sprints and first.stage in OPEN
    entry = first.points if committed else None
    added, finished_inside, leaving, last = False, False, None, first
    for moment in during:
        inside, was_inside = key in moment.sprints, key in last.sprints
        if moment.stage == "done" and last.stage != "done":
            finished_inside = inside and was_inside
        if was_inside and not inside:
            leaving = moment.points
        if inside and moment.stage in OPEN and not committed and not added:
            added, entry = True, moment.points
        last = moment
    scope = committed or added
    outcome = _outcome(scope, key in last.sprints, finished_inside, last.stage)
    is_removed = outcome == "removed" or (outcome == "completed_elsewhere" and scope)
    exit_points = leaving if is_removed else last.points
    figures["completed_elsewhere_items"] += outcome == "completed_elsewhere"
    figures["estimate_change_points"] += int(2 * ((exit_points or 0) - (entry or 0))) if scope else 0
    for name, counts, points in (
        ("committed", committed, entry),
        ("added", added, entry),
        ("removed", is_removed, exit_points),
        *((name, outcome == name, exit_points) for name in ("completed", "cancelled", "not_completed")),
    ):
        figures[f"{name}_items"] += counts
        figures[f"{name}_points"] += int(2 * (points or 0)) if counts else 0


def _outcome(scope: bool, inside: bool, finished_inside: bool, stage: str) -> str | None:
    if inside and stage == "done":
        return "completed" if scope and finished_inside else "completed_elsewhere"
    if not scope:
        return None
    if not inside:
        return "removed"
    return "cancelled" if stage == "cancelled" else "not_completed"


def booked(book: SprintBook) -> Counter[str]:
    """The book's figures; points doubled, so that they are whole."""
    names = [name for name in book.__struct_fields__ if name.endswith(("_items", "_points"))]
    names = [name for name in names if not name.startswith("completed_of_committed")]
    return Counter({name: int((getattr(book, name) or 0) * (2 if name.endswith("_points") else 1)) for name in names})


@pytest.mark.parametrize("tool", list(Tool))
def test_sprint_books_agree_with_the_histories(organisation: Organisation, tool: Tool) -> None:
    reader = Reader(organisation, tool)
    books = {book.sprint_id: book for book in organisation.books().sprints(tool)}
    started = [sprint for sprint in reader.site.sprints if sprint.started_at is not None]
    assert len(started) == len(books) > 20
    for sprint in started:
        book = books[sprint.sprint_id]
        assert (book.started_at, book.closed_at) == (sprint.started_at, sprint.closed_at)
        assert +booked(book) == +work_out(reader, sprint, organisation.now), (tool, sprint.name)


@pytest.mark.parametrize("tool", list(Tool))
def test_item_books_agree_with_the_histories(organisation: Organisation, tool: Tool) -> None:
    reader = Reader(organisation, tool)
    books = {book.item_id: book for book in organisation.books().items(tool)}
    assert set(books) == {item.item_id for item in reader.items}
    for item in reader.items:
        assert _told(books[item.item_id]) == _life(reader.moments(item)), item.key


def _told(book: ItemBook) -> tuple[datetime | None, datetime | None, datetime | None, int]:
    return book.started_at, book.done_at, book.cancelled_at, book.reopen_count


def _life(moments: list[Moment]) -> tuple[datetime | None, datetime | None, datetime | None, int]:
    stages = [(moment.at, moment.stage) for moment in moments]
    entries = [stages[0], *(new for old, new in pairwise(stages) if old[1] != new[1])]
    started = next((at for at, stage in entries if stage == "in_progress"), None)
    last = stages[-1][1]
    entered = max(at for at, stage in entries if stage == last)
    reopened = sum(old[1] == "done" and new[1] in OPEN for old, new in pairwise(entries))
    return started, entered if last == "done" else None, entered if last == "cancelled" else None, reopened


def test_identities_hold_in_the_books(organisation: Organisation) -> None:
    for book in organisation.books().sprints():
        items = book.committed_items + book.added_items - book.removed_items - book.cancelled_items
        assert items == book.completed_items + book.not_completed_items
        points = booked(book)
        came = points["committed_points"] + points["added_points"] + points["estimate_change_points"]
        went = points["removed_points"] + points["cancelled_points"]
        assert came - went == points["completed_points"] + points["not_completed_points"]
        last = book.days[-1]
        assert (last.remaining_items, last.completed_items) == (book.not_completed_items, book.completed_items)
        assert last.remaining_points == (book.not_completed_points or 0)
        assert last.completed_points == (book.completed_points or 0)
        assert [day.day for day in book.days] == [book.days[0].day + timedelta(days=n) for n in range(len(book.days))]


@pytest.mark.parametrize("kind", ["week", "month"])
def test_totals_of_teams_are_those_of_the_items(organisation: Organisation, kind: str) -> None:
    """Sums over teams are sums over items: nothing is counted twice or lost between teams."""
    for tool in Tool:
        site = organisation.site(tool)
        flow = {item.item_id for item in organisation.items(tool) if not is_structure(item)}
        items = [book for book in organisation.books().items(tool) if book.item_id in flow]
        periods = [period for period in organisation.books().periods(tool) if period.period_type == kind]
        assert {period.team_id for period in periods} <= {team.team_id for team in site.teams}
        assert sum(period.arrived_items for period in periods) == len(items)
        done = [book for book in items if book.done_at is not None]
        assert sum(period.delivered_items for period in periods) == len(done)
        assert sum(len(period.lead_time_hours) for period in periods) == len(done)
        assert sum(period.started_items for period in periods) == sum(book.started_at is not None for book in items)
        assert sum(period.cancelled_items for period in periods) == sum(book.cancelled_at is not None for book in items)


def test_work_in_progress_now(organisation: Organisation) -> None:
    for tool in Tool:
        reader = Reader(organisation, tool)
        live = [item for item in reader.items if not item.is_subtask and item.deleted_at is None]
        running = sum(
            reader.moments(item)[-1].stage == "in_progress" for item in live if item.current["type"] != "Epic"
        )
        month = UNTIL.date().replace(day=1)
        periods = organisation.books().periods(tool)
        assert running == sum(p.wip_items for p in periods if (p.period_type, p.period_start) == ("month", month)) > 5


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
    for name in [*happened.split(), "created done", "blank answers"]:
        assert found[name] > 0, name


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


class SeenReader(Reader):
    """Somebody who has read the organisation before: he knows of items that were there then."""

    def __init__(self, organisation: Organisation, tool: Tool, before: dict[tuple[Tool, int], Item]) -> None:
        self.known = {
            item_id
            for (of_tool, item_id), item in before.items()
            if of_tool is tool and not (item.deleted_at and (tool is not Tool.AZURE_DEVOPS or item.is_destroyed))
        }
        super().__init__(organisation, tool)

    def is_gone(self, item: Item) -> bool:
        return super().is_gone(item) and item.item_id not in self.known


def test_unknown_home(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="No simulated organisation"):
        Organisation(tmp_path)
