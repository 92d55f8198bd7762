"""The scribe stands in the team rooms of one cell and writes down what happens, when it happens.

It is told the situation of an item after everything that was done to it (never the change log),
keeps a card per item and a sheet per running sprint, and counts the cards on the walls at the end
of every week and month. What it writes obeys the KPI contract, sections 4 to 6, policy `default`.

Team of a Jira item: the board of the sprint that it was put into last, of those it is in; else of
the sprint it was in last; else the board whose filter holds it today. That last one can change
afterwards for all of the past, so such lines are written in pencil: team 0, resolved on reading.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from datetime import date

import msgspec

from sandbox.model import Answer
from sandbox.organisation.books import SurveyBook
from sandbox.organisation.clock import to_datetime
from sandbox.organisation.flow_book import Card, FlowBook, Period, month_of, week_of
from sandbox.organisation.ledger import Ledger, Line


class ScribeState(msgspec.Struct):
    """All that the scribe has written and still needs."""

    zone: str
    cards: dict[int, Card] = {}
    boards: dict[int, list[int]] = {}  # sprint that has not closed: items in it, sub-tasks too
    sprint_teams: dict[int, int] = {}
    running: dict[int, Ledger] = {}
    closing: dict[int, Ledger] = {}  # closed, and about to be re-activated: their sheets go on
    finished: list[Ledger] = []  # closed since the books were last put away
    flow: FlowBook = msgspec.field(default_factory=FlowBook)
    surveys: dict[str, SurveyBook] = {}


class SetAside(msgspec.Struct):
    """An item's card, and its lines on the sheets of running sprints."""

    card: Card
    lines: dict[int, Line]


class Situation(msgspec.Struct, gc=False):
    """An item as it is after an action. `sprints` are those that count for it (a Jira sub-task: its parent's)."""

    stage: str
    points: float | None
    hours: float
    sprints: Sequence[int]
    area_team: int  # Azure DevOps: owner of its area path; Jira: 0
    filter_team: int  # Jira: whose board's filter holds it; 0: none


class Scribe:
    def __init__(self, state: ScribeState) -> None:
        self.state = state

    # What happens to sprints

    def sprint_planned(self, sprint_id: int, team_id: int) -> None:
        self.state.boards[sprint_id] = []
        self.state.sprint_teams[sprint_id] = team_id

    def sprint_started(self, sprint_id: int, at: int) -> None:
        """Called after everything else of that instant: the start includes it."""
        state = self.state
        ledger = Ledger(sprint_id, state.sprint_teams[sprint_id], at, state.zone)
        state.running[sprint_id] = ledger
        for item_id in state.boards[sprint_id]:
            card = state.cards[item_id]
            ledger.write_down(item_id, not card.is_subtask, card.stage, card.points, card.hours)
            card.watched.append(sprint_id)

    def sprint_closed(self, sprint_id: int, at: int, *, comes_back: bool = False) -> None:
        """Jira: called after everything else of that instant; Azure DevOps: before.

        `comes_back`: somebody will re-activate it. The sheet is added up as it stands, and a copy of it goes on.
        """
        ledger = self.state.running.pop(sprint_id)
        ledger.closed_at = at
        del self.state.boards[sprint_id]
        self.state.finished.append(ledger)
        if comes_back:
            self.state.closing[sprint_id] = copy.deepcopy(ledger)
        else:
            self._look_away(ledger)

    def sprint_reopened(self, sprint_id: int) -> None:
        """As if it had never been closed."""
        state = self.state
        ledger = state.running[sprint_id] = state.closing.pop(sprint_id)
        ledger.closed_at = None
        state.finished = [other for other in state.finished if other.sprint_id != sprint_id]
        state.boards[sprint_id] = [item_id for item_id, card in state.cards.items() if sprint_id in card.sprints]

    def sprint_stays_closed(self, sprint_id: int) -> None:
        self._look_away(self.state.closing.pop(sprint_id))

    def _look_away(self, ledger: Ledger) -> None:
        for item_id in ledger.lines:
            card = self.state.cards.get(item_id)
            if card is not None and ledger.sprint_id in card.watched:
                card.watched.remove(ledger.sprint_id)

    # What happens to items

    def created(self, at: int, item_id: int, *, is_flow: bool, is_subtask: bool, now: Situation) -> None:
        card = Card(item_id, at, is_flow, is_subtask, stage="")
        self.state.cards[item_id] = card
        self._follow(at, card, now)

    def seen(self, at: int, item_id: int, now: Situation) -> None:
        self._follow(at, self.state.cards[item_id], now)

    def deleted(self, at: int, item_id: int) -> None:
        """The item leaves its sprints and the walls at that instant."""
        card = self.state.cards[item_id]
        now = Situation(card.stage, card.points, card.hours, (), 0, card.filter_team)
        team = card.team
        self._follow(at, card, now)
        card.team = team
        card.deleted_at = at

    def set_aside(self, item_id: int) -> SetAside:
        """What is written about an item, to be put back with `put_back` when its deletion is undone."""
        card = self.state.cards[item_id]
        lines = {number: self.state.running[number].lines[item_id] for number in card.watched}
        return copy.deepcopy(SetAside(card, lines))

    def put_back(self, aside: SetAside) -> None:
        """The item had never been away. No sprint of its has started or closed in the meantime."""
        card = self.state.cards[aside.card.item_id] = aside.card
        for sprint_id, line in aside.lines.items():
            self.state.running[sprint_id].lines[card.item_id] = line
        for sprint_id in card.sprints:
            if sprint_id in self.state.boards and card.item_id not in self.state.boards[sprint_id]:
                self.state.boards[sprint_id].append(card.item_id)

    def strike(self, item_ids: Iterable[int]) -> None:
        """Items that came and went before anybody could read them: as if they had never been."""
        for item_id in item_ids:
            card = self.state.cards.pop(item_id, None)
            for sprint_id in card.sprints if card is not None else ():
                if sprint_id in self.state.boards:
                    self.state.boards[sprint_id].remove(item_id)
            for ledger in [*self.state.running.values(), *self.state.closing.values(), *self.state.finished]:
                ledger.lines.pop(item_id, None)

    def file_away(self, item_id: int) -> None:
        """Nothing can happen to the item any more: its card goes from the wall into the totals."""
        self.state.flow.add(self.state.cards.pop(item_id), self.state.zone)

    def period_ended(self, last_day: int) -> None:
        """Count the cards on the walls at the end of a Sunday or a month's last day (before the next day's doings)."""
        periods = []
        if last_day % 7 == 0:  # ordinal 1 was a Monday
            periods.append(Period("week", week_of(last_day)))
        if month_of(last_day) != month_of(last_day + 1):
            periods.append(Period("month", month_of(last_day)))
        for card in self.state.cards.values():
            if card.is_wip:
                card.wip.extend((period, card.team) for period in periods)

    def _follow(self, at: int, card: Card, now: Situation) -> None:
        was_stage = card.stage
        if list(now.sprints) != card.sprints:
            self._change_boards(card, now.sprints)
        card.stage, card.points, card.hours = now.stage, now.points, now.hours
        card.filter_team = now.filter_team
        card.team = now.area_team or self._team_of_sprint(card)
        for sprint_id in card.watched:
            ledger = self.state.running.get(sprint_id) or self.state.closing[sprint_id]
            ledger.happened(
                at, card.item_id, not card.is_subtask, sprint_id in card.sprints, now.stage, now.points, now.hours
            )
        card.moved(at, was_stage)

    def _team_of_sprint(self, card: Card) -> int:
        latest = card.sprints[-1] if card.sprints else card.last_sprint
        return self.state.sprint_teams[latest] if latest else 0

    def _change_boards(self, card: Card, sprints: Sequence[int]) -> None:
        boards = self.state.boards
        gone = [sprint_id for sprint_id in card.sprints if sprint_id not in sprints]
        come = [sprint_id for sprint_id in sprints if sprint_id not in card.sprints]
        if card.sprints:
            card.last_sprint = card.sprints[-1]
        for sprint_id in gone:
            card.sprints.remove(sprint_id)
            if sprint_id in boards:
                boards[sprint_id].remove(card.item_id)
        for sprint_id in come:
            card.sprints.append(sprint_id)
            if sprint_id in boards:
                boards[sprint_id].append(card.item_id)
            if sprint_id in self.state.running and sprint_id not in card.watched:
                card.watched.append(sprint_id)

    # What customers say

    def rated(self, survey: str, team: str, at: int, rating: int) -> None:
        """A service request's rating, from 1 to 5."""
        book = self._survey(survey, "csat", team, to_datetime(at).date())
        book.responses += 1
        book.score_sum += rating
        book.top_two += rating > 3

    def _survey(self, survey: str, metric: str, team: str, day: date) -> SurveyBook:
        month = day.replace(day=1)
        return self.state.surveys.setdefault(
            f"{survey}:{team}:{month.isoformat()}", SurveyBook(survey, metric, team, month)
        )

    def answered(self, answer: Answer) -> None:
        book = self._survey(answer.survey, answer.metric, answer.team, answer.submitted_at.date())
        if answer.score is None:
            book.blanks += 1
            return
        book.responses += 1
        book.score_sum += answer.score
        book.top_two += answer.score > answer.scale_max - 2
        if answer.metric == "nps":
            book.promoters += answer.score >= 9
            book.passives += 7 <= answer.score <= 8
            book.detractors += answer.score <= 6
