"""The scribe against the KPI contract's worked example: scripted here by hand, it must come out as written there."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from sandbox.organisation.books import SprintBook
from sandbox.organisation.clock import to_ms
from sandbox.organisation.scribe import Scribe, ScribeState, Situation

SPRINT, OTHER = 1, 2
IN, OUT = (SPRINT,), ()


def at(text: str) -> int:
    return to_ms(datetime.strptime(f"2024-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=UTC))


START, CLOSE = at("03-04 09:00"), at("03-18 10:00")
# (when, item, stage, points, sprints); the first one of an item is its creation
MAIN = """
A: 03-01 08:00 todo 5 in | 03-05 10:00 in_progress 5 in | 03-08 16:00 done 5 in
B: 03-01 08:00 todo 3 in | 03-06 09:00 in_progress 3 in | 03-07 12:00 done 3 in | 03-11 09:00 in_progress 3 in
   | 03-16 11:00 done 3 in
C: 03-01 08:00 todo 8 in
D: 03-05 08:00 todo 2 out | 03-06 12:00 todo 2 in | 03-07 09:00 in_progress 2 in | 03-08 10:00 in_progress 3 in
   | 03-12 15:00 done 3 in
E: 03-01 08:00 todo 5 in | 03-07 09:00 todo 5 out
F: 03-01 08:00 todo 1 in | 03-04 08:00 done 1 in
G: 03-01 08:00 todo 2 in | 03-05 11:00 todo 2 out | 03-06 09:00 todo 2 in | 03-13 09:00 in_progress 2 in
   | 03-18 11:00 done 2 in
"""
CORNERS = """
H: 03-01 08:00 todo 3 in | 03-10 12:00 cancelled 3 in
I: 03-01 08:00 todo 5 in | 03-05 12:00 todo 5 out | 03-06 12:00 done 5 out | 03-07 12:00 done 5 in
J: 03-05 08:00 todo 2 out | 03-08 12:00 done 2 in
K: 03-06 08:00 done 1 in
L: 03-01 08:00 todo 2 in | 03-01 09:00 done 2 in | 03-06 12:00 in_progress 2 in | 03-09 12:00 done 2 in
M: 03-05 08:00 todo 3 out | 03-06 12:00 todo 3 in | 03-08 12:00 todo 3 out
"""
Step = tuple[int, int, str, float | None, tuple[int, ...]]


def steps(script: str, only: str = "") -> list[Step]:
    found: list[Step] = []
    for line in script.replace("\n   |", " |").strip().splitlines():
        name, lives = line.split(": ", 1)
        if only and name not in only:
            continue
        for life in lives.split("|"):
            day, clock, stage, points, where = life.split()
            found.append((at(f"{day} {clock}"), ord(name), stage, float(points), IN if where == "in" else OUT))
    return sorted(found, key=lambda step: step[0])


def act_out(script: list[Step]) -> Scribe:
    """Everything happens in its order, and the scribe stands by."""
    scribe = Scribe(ScribeState(zone="UTC"))
    scribe.sprint_planned(SPRINT, team_id=7)
    moments = [*((step[0], 0, step) for step in script), (START, 1, None), (CLOSE, 1, None)]
    for moment, _, step in sorted(moments, key=lambda entry: entry[:2]):
        if step is None:
            (scribe.sprint_started if moment == START else scribe.sprint_closed)(SPRINT, moment)
            continue
        _, item, stage, points, sprints = step
        now = Situation(stage, points, 0.0, sprints, area_team=0, filter_team=7)
        if item in scribe.state.cards:
            scribe.seen(moment, item, now)
        else:
            scribe.created(moment, item, is_flow=True, is_subtask=False, now=now)
    return scribe


def book(script: list[Step]) -> SprintBook:
    return act_out(script).state.finished[0].book(CLOSE)


def test_worked_example() -> None:
    sprint = book(steps(MAIN))
    assert (sprint.committed_items, sprint.committed_points) == (5, 23)
    assert (sprint.added_items, sprint.added_points) == (1, 2)
    assert (sprint.removed_items, sprint.removed_points) == (1, 5)
    assert (sprint.cancelled_items, sprint.cancelled_points) == (0, 0)
    assert (sprint.completed_items, sprint.completed_points) == (3, 11)
    assert (sprint.not_completed_items, sprint.not_completed_points) == (2, 10)
    assert sprint.completed_elsewhere_items == 1
    assert sprint.estimate_change_points == 1
    assert sprint.completed_of_committed_points == 8
    assert sprint.say_do_ratio == pytest.approx(0.3478, abs=5e-5)


def test_worked_example_burndown() -> None:
    days = book(steps(MAIN)).days
    assert [day.day for day in days] == [date(2024, 3, day) for day in range(4, 19)]
    assert [day.remaining_points for day in days] == [23, 21, 25, 17, 13, 13, 13, 16, 13, 13, 13, 13, 10, 10, 10]
    assert days[-1].remaining_items == 2
    assert (days[-1].completed_items, days[-1].completed_points) == (3, 11)
    assert days[-1].scope_points == 21


def test_worked_example_cycle_times() -> None:
    cards = act_out(steps(MAIN)).state.cards
    hours = {}
    for item, card in cards.items():
        if card.done_at is not None and card.started_at is not None:
            hours[chr(item)] = (card.done_at - card.started_at) / 3_600_000
    assert hours == {"A": 78, "B": 242, "D": 126, "G": 122}
    assert cards[ord("F")].done_at is not None
    assert {chr(item): len(card.reopened) for item, card in cards.items() if card.reopened} == {"B": 1}


def test_corners_together() -> None:
    sprint = book(steps(CORNERS))
    assert (sprint.committed_items, sprint.committed_points) == (2, 8)
    assert (sprint.added_items, sprint.added_points) == (2, 5)
    assert (sprint.removed_items, sprint.removed_points) == (2, 8)
    assert (sprint.cancelled_items, sprint.cancelled_points) == (1, 3)
    assert (sprint.completed_items, sprint.completed_points) == (1, 2)
    assert sprint.not_completed_items == 0
    assert sprint.completed_elsewhere_items == 3
    assert [day.remaining_points for day in sprint.days[:7]] == [8, 3, 8, 8, 5, 3, 0]
    assert {day.remaining_points for day in sprint.days[7:]} == {0}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("H", {"committed_items": 1, "cancelled_items": 1, "completed_items": 0, "removed_items": 0}),
        ("I", {"committed_items": 1, "removed_items": 1, "removed_points": 5.0, "completed_elsewhere_items": 1}),
        ("J", {"added_items": 0, "completed_elsewhere_items": 1}),
        ("K", {"added_items": 0, "completed_elsewhere_items": 1}),
        ("L", {"committed_items": 0, "added_items": 1, "completed_items": 1}),
        ("M", {"added_items": 1, "removed_items": 1}),
    ],
)
def test_corner_alone(item: str, expected: dict[str, float]) -> None:
    sprint = book(steps(CORNERS, only=item))
    assert {name: getattr(sprint, name) for name in expected} == expected


def test_changes_of_the_very_instant_of_start_and_close_count() -> None:
    script: list[Step] = [
        (START - 1000, 1, "todo", 3.0, OUT),
        (START, 1, "todo", 3.0, IN),
        (CLOSE, 1, "done", 3.0, IN),
        (START + 5, 2, "todo", 2.0, IN),
        (CLOSE + 1, 2, "done", 2.0, IN),
    ]
    sprint = book(sorted(script))
    assert (sprint.committed_items, sprint.added_items, sprint.completed_items, sprint.not_completed_items) == (
        1,
        1,
        1,
        1,
    )


def test_deleted_item_leaves_the_sprint() -> None:
    scribe = Scribe(ScribeState(zone="UTC"))
    scribe.sprint_planned(SPRINT, team_id=7)
    scribe.created(START - 9, 1, is_flow=True, is_subtask=False, now=Situation("todo", 5.0, 0.0, IN, 0, 7))
    scribe.sprint_started(SPRINT, START)
    scribe.seen(START + 5, 1, Situation("done", 5.0, 0.0, IN, 0, 7))
    scribe.deleted(START + 9, 1)
    scribe.sprint_closed(SPRINT, CLOSE)
    sprint = scribe.state.finished[0].book(CLOSE)
    assert (sprint.committed_items, sprint.removed_items, sprint.removed_points, sprint.completed_items) == (
        1,
        1,
        5.0,
        0,
    )


def test_a_re_activated_sprint_had_never_been_closed() -> None:
    """Until it is re-activated its book is that of the first close."""
    scribe = Scribe(ScribeState(zone="UTC"))
    scribe.sprint_planned(SPRINT, team_id=7)
    for item in (1, 2):
        scribe.created(START - 9, item, is_flow=True, is_subtask=False, now=Situation("todo", 3.0, 0.0, IN, 0, 7))
    scribe.sprint_started(SPRINT, START)
    scribe.sprint_closed(SPRINT, START + 100, comes_back=True)
    scribe.seen(START + 150, 1, Situation("done", 3.0, 0.0, IN, 0, 7))
    first = scribe.state.finished[0].book(START + 200)
    assert (first.is_final, first.completed_items, first.not_completed_items) == (True, 0, 2)
    scribe.sprint_reopened(SPRINT)
    assert scribe.state.finished == []
    assert sorted(scribe.state.boards[SPRINT]) == [1, 2]
    scribe.seen(START + 250, 2, Situation("todo", 3.0, 0.0, OUT, 0, 7))
    scribe.sprint_closed(SPRINT, CLOSE)
    last = scribe.state.finished[0].book(CLOSE)
    assert (last.committed_items, last.completed_items, last.removed_items) == (2, 1, 1)
    assert not any(card.watched for card in scribe.state.cards.values())


def test_a_restored_item_had_never_been_away() -> None:
    scribe = Scribe(ScribeState(zone="UTC"))
    scribe.sprint_planned(SPRINT, team_id=7)
    scribe.created(START - 9, 1, is_flow=True, is_subtask=False, now=Situation("todo", 3.0, 0.0, IN, 7, 0))
    scribe.sprint_started(SPRINT, START)
    aside = scribe.set_aside(1)
    scribe.deleted(START + 100, 1)
    assert scribe.state.running[SPRINT].book(START + 150).removed_items == 1
    scribe.put_back(aside)
    scribe.seen(START + 300, 1, Situation("done", 3.0, 0.0, IN, 7, 0))
    scribe.sprint_closed(SPRINT, CLOSE)
    sprint = scribe.state.finished[0].book(CLOSE)
    assert (sprint.committed_items, sprint.completed_items, sprint.removed_items) == (1, 1, 0)


def test_unknown_estimates_are_not_zero() -> None:
    script: list[Step] = [(START - 1, 1, "todo", None, IN), (START + 9, 1, "done", None, IN)]
    sprint = book(script)
    assert (sprint.committed_points, sprint.completed_points, sprint.added_points) == (None, None, 0.0)
    assert sprint.estimate_change_points == 0.0
    assert sprint.say_do_ratio is None
    assert sprint.days[0].remaining_points == 0.0


def test_team_of_a_jira_item() -> None:
    """The sprint it was put into last, else was in last, else the filter, which is written in pencil (team 0)."""
    scribe = Scribe(ScribeState(zone="UTC"))
    scribe.sprint_planned(SPRINT, team_id=7)
    scribe.sprint_planned(OTHER, team_id=8)
    scribe.created(1, 1, is_flow=True, is_subtask=False, now=Situation("todo", None, 0.0, (), 0, 9))
    card = scribe.state.cards[1]
    teams = [card.team]
    for moment, sprints in enumerate([(OTHER,), (SPRINT, OTHER), (OTHER,), ()], start=2):
        scribe.seen(moment, 1, Situation("todo", None, 0.0, sprints, 0, 9))
        teams.append(card.team)
    assert teams == [0, 8, 7, 8, 8]


def test_an_item_that_nobody_ever_saw_is_on_no_board_when_the_sprint_starts() -> None:
    scribe = Scribe(ScribeState(zone="UTC"))
    scribe.sprint_planned(SPRINT, team_id=1)
    for item_id in (1, 2):
        now = Situation("todo", 3.0, 0.0, IN, 0, 0)
        scribe.created(START - 1000, item_id, is_flow=True, is_subtask=False, now=now)
    scribe.strike([1])
    scribe.sprint_started(SPRINT, START)
    assert list(scribe.state.running[SPRINT].lines) == [2]
