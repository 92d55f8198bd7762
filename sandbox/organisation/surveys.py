"""Customers answer: a relationship survey (NPS) every month, a rating (CSAT) after some deliveries.

What they say follows from what they got: teams whose work came late or came back are liked less.
"""

from __future__ import annotations

from sandbox.model import Answer, Satisfaction, Team
from sandbox.organisation.cell import Cell
from sandbox.organisation.clock import DAY, HOUR, to_datetime
from sandbox.organisation.state import Work

NPS_SURVEY = "Relationship survey"
CSAT_SURVEY = "Delivery feedback"
DESK_SURVEY = "Service desk"  # ratings that Jira keeps with its requests; no survey file has them
BLANK = 99  # as a score in an event's argument
_PRAISE = ("Great work, thank you.", "Just what we needed.", "Fast and friendly.", "")
_BLAME = ("Took far too long.", "Had to send it back.", "Nobody told us about the delay.", "")


def ask(cell: Cell, at: int, team_id: int, _: int) -> None:
    """The month's survey goes out; answers drip in over three weeks."""
    team, dice = cell.team(team_id), cell.dice
    if team.done_this_month:
        trouble = min(1.0, 1.6 * team.troubled_this_month / team.done_this_month)
        for _person in range(dice.randrange(5, 13)):
            score = round(dice.gauss(9.4 - 4.2 * trouble, 1.6))
            score = BLANK if dice.random() < 0.06 else max(0, min(10, score))
            cell.schedule(at + int(dice.expovariate(1 / (4 * DAY))) % (21 * DAY), "nps", team_id, score)
    team.done_this_month = team.troubled_this_month = 0


def rate(cell: Cell, at: int, item_id: int, _: int) -> None:
    """The customer of a finished item rates it from 1 to 5."""
    work = cell.work(item_id)
    if work is None or work.status != "done" or work.item.satisfaction is not None:
        return
    project = cell.state.projects[work.project_id]
    score = round(cell.dice.gauss(4.5 - 0.9 * min(2, work.carried) - 1.1 * min(2, work.reopened), 0.7))
    if project.kind == "service_desk":
        _satisfied(cell, at, work, max(1, min(5, score)))
    elif cell.dice.random() < 0.05:
        _answer(cell, at, CSAT_SURVEY, "csat", work.team_id, None)
    else:
        _answer(cell, at, CSAT_SURVEY, "csat", work.team_id, max(1, min(5, score)))


def _satisfied(cell: Cell, at: int, work: Work, rating: int) -> None:
    """A service desk asks its customers itself, and keeps the rating with the request."""
    dice, team = cell.dice, cell.team(work.team_id).team
    comment = dice.choice(_PRAISE if rating > 3 else _BLAME) if dice.random() < 0.4 else ""
    work.item.satisfaction = Satisfaction(to_datetime(at), rating, comment, _customer(cell, team))
    cell.touch(at, work)
    cell.scribe.rated(DESK_SURVEY, team.name, at, rating)


def nps(cell: Cell, at: int, team_id: int, score: int) -> None:
    _answer(cell, at, NPS_SURVEY, "nps", team_id, None if score == BLANK else score)


def _answer(cell: Cell, at: int, survey: str, metric: str, team_id: int, score: int | None) -> None:
    team, dice = cell.team(team_id).team, cell.dice
    low, high = (0, 10) if metric == "nps" else (1, 5)
    comment = ""
    if score is not None and dice.random() < 0.4:
        comment = dice.choice(_PRAISE if score > 0.75 * high else _BLAME)
    cell.state.counters["answer"] = number = cell.state.counters.get("answer", 0) + 1
    answer = Answer(
        answer_id=number * cell.plan.cells + cell.plan.cell,
        survey=survey,
        metric=metric,
        submitted_at=to_datetime(at // 1000 * 1000),
        respondent_email=_customer(cell, team),
        score=score,
        scale_min=low,
        scale_max=high,
        comment=comment,
        team=team.name,
        product=cell.state.projects[team.project_id].name,
    )
    cell.answers.append(answer)
    cell.scribe.answered(answer)


def _customer(cell: Cell, team: Team) -> str:
    return f"customer{cell.dice.randrange(1, 60)}.{team.name.lower().replace(' ', '')}@example.org"


HANDLERS = {"ask": ask, "rate": rate, "nps": nps}
__all__ = ["CSAT_SURVEY", "DESK_SURVEY", "HANDLERS", "HOUR", "NPS_SURVEY"]
