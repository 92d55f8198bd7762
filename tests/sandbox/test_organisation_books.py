"""The books that the organisation keeps while it lives agree with what its items' histories say afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from sandbox.model import Tool
from sandbox.organisation import Organisation, simulate
from sandbox.organisation.surveys import DESK_SURVEY
from tests.sandbox.outsider import (
    OPEN,
    Reader,
    at_instant,
    booked,
    hours_of,
    is_structure,
    life,
    monday,
    team_moments,
    told,
    weeks_until,
    work_out,
)

UNTIL = datetime(2026, 6, 18, 15, 42, 7, 123000, tzinfo=UTC)


@pytest.fixture(scope="module")
def organisation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Organisation]:
    home: Path = tmp_path_factory.mktemp("organisation")
    simulate(seed=5, items=2000, until=UNTIL, home=home)
    with Organisation(home) as opened:
        yield opened


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
        assert told(books[item.item_id]) == life(reader.moments(item)), item.key


@pytest.mark.parametrize("tool", list(Tool))
def test_burndown_days_agree_with_the_histories(organisation: Organisation, tool: Tool) -> None:
    """Open and completed work at the end of every day, and remaining hours, sub-tasks included."""
    reader = Reader(organisation, tool)
    zone = ZoneInfo(reader.site.account_time_zone)
    everybody = {item.item_id: item for item in organisation.items(tool)}
    lives = {item.item_id: reader.moments(item) for item in reader.items}
    hours = {item.item_id: hours_of(item) for item in reader.items}
    for book in list(organisation.books().sprints(tool))[::3]:
        for day in book.days:
            end = datetime.combine(day.day + timedelta(days=1), time(), zone).astimezone(UTC)
            cut = (book.closed_at or organisation.now) + timedelta(milliseconds=reader.is_jira or not book.is_final)
            end = min(end, cut)
            open_items, open_points, open_hours = 0, 0.0, 0.0
            for item_id, moments in lives.items():
                item = everybody[item_id]
                lived = [moment for moment in moments if moment.at < end]
                if not lived or lived[-1].stage not in OPEN:
                    continue
                sprints = lived[-1].sprints
                if item.is_subtask and reader.is_jira:
                    parent = lives.get(int(item.current["parent"] or 0), [])
                    sprints = next((m.sprints for m in reversed(parent) if m.at < end), frozenset())
                if book.sprint_id in sprints and lived[-1] is not None:
                    open_hours += [left for at, left in hours[item_id] if at < end][-1]
                    open_items += not item.is_subtask
                    open_points += 0 if item.is_subtask else lived[-1].points or 0
            assert (day.remaining_items, day.remaining_points) == (open_items, open_points), (book.sprint_id, day.day)
            assert day.remaining_hours == open_hours, (book.sprint_id, day.day)
            assert day.scope_items == day.remaining_items + day.completed_items


@pytest.mark.parametrize("tool", list(Tool))
def test_teams_of_delivered_and_running_items(organisation: Organisation, tool: Tool) -> None:
    """An item counts in the team that it belonged to at that time, month by month, week by week."""
    reader = Reader(organisation, tool)
    zone = ZoneInfo(reader.site.account_time_zone)
    told: Counter[tuple[str, int, date]] = Counter()
    for period in organisation.books().periods(tool):
        if period.period_type == "week":
            for name in ("arrived", "started", "delivered", "cancelled", "wip"):
                told[name, period.team_id, period.period_start] += getattr(period, f"{name}_items")
    seen: Counter[tuple[str, int, date]] = Counter()
    books = {book.item_id: book for book in organisation.books().items(tool)}
    for item in (item for item in reader.items if not is_structure(item)):
        teams, book = team_moments(reader, item), books[item.item_id]
        for name, at in (
            ("arrived", book.created_at),
            ("started", book.started_at),
            ("delivered", book.done_at),
            ("cancelled", book.cancelled_at),
        ):
            if at is not None:
                seen[name, at_instant(teams, at), monday(at.astimezone(zone).date())] += 1
        for week, end in weeks_until(item.created_at, organisation.now, zone):
            lived = [moment for moment in reader.moments(item) if moment.at < end]
            is_there = item.deleted_at is None or item.deleted_at >= end
            if lived and lived[-1].stage == "in_progress" and is_there:
                seen["wip", [team for at, team in teams if at < end][-1], week] += 1
    assert +told == +seen


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


def test_survey_books_agree_with_the_answers(organisation: Organisation) -> None:
    told = {(book.survey, book.team, book.month): book for book in organisation.books().surveys()}
    answers = list(organisation.answers())
    ratings = [item.satisfaction for tool in Tool for item in organisation.items(tool) if item.satisfaction]
    assert ratings
    assert sum(book.responses + book.blanks for book in told.values()) == len(answers) + len(ratings)
    assert sum(book.score_sum for book in told.values() if book.survey == DESK_SURVEY) == sum(r.rating for r in ratings)
    seen: Counter[tuple[str, str, date]] = Counter()
    for answer in answers:
        if answer.metric == "nps" and answer.score is not None:
            month = answer.submitted_at.date().replace(day=1)
            seen[answer.survey, answer.team, month] += (answer.score > 8) - (answer.score < 7)
    assert {key: book.promoters - book.detractors for key, book in told.items() if book.metric == "nps"} == {
        key: seen[key] for key, book in told.items() if book.metric == "nps"
    }


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
