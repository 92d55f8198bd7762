"""A company of random histories: five connections with everything that the KPIs are made of, as raw rows.

`jira` and `azure` hold lives (status, type, project, team, estimate, flag, resolution, deletion), `boards` and
`iterations` stories in sprints, `surveys` answers about all of them. `rows_at` says what each tool shows at an instant;
no table of core or marts but those of restatements is empty with it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from tests.dbt.lives import PROJECTS, STAGE_MAPPING, Dice, Life, Row, azure_rows, jira_rows
from tests.dbt.sprint_lives import BOARD, SprintDice, iteration_row, sprint_row, story_until
from tests.dbt.sprint_oracle import Sprint
from tests.dbt.stories import Story
from tests.dbt.stories import azure_rows as story_azure_rows
from tests.dbt.stories import jira_rows as story_jira_rows
from tests.dbt.warehouse import Warehouse

Streams = dict[str, Sequence[Row]]
TOOLS = {"jira": "jira", "azure": "azure_devops", "boards": "jira", "iterations": "azure_devops", "surveys": "surveys"}
ZONES = {"jira": "Europe/Berlin", "azure": "America/New_York", "boards": "Europe/Berlin", "iterations": "Europe/Berlin"}
SCALES = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7)}
SUBJECTS = [("team", "Board"), ("project", "ALPHA"), ("product", "Kiosk"), ("release", "1.0"), (None, None)]

# Every choice of metric_policies at least once; the policies are active side by side.
POLICIES = """
policy_id,is_active,valid_from,start_rule,done_rule,day_count,skipped_start,flow_types,commitment_grace_hours,completion_cutoff,estimate_as_of,velocity_window,sprint_subtasks,flow_efficiency_base
default,true,,first,last,elapsed,null,no_epics_no_subtasks,0,actual_close,event,3,exclude,from_start
first_done,true,,first,first,calendar_inclusive,null,all,0,planned_end,event,2,include,from_created
last_start,true,,last,last,calendar_inclusive,null,bug;epic,30,actual_close,current,3,exclude,from_start
fresh,true,,after_last_todo,last,working,zero,no_epics_no_subtasks,100.5,planned_end,event,5,exclude,from_start
fresh,true,{changed_on},last,first,elapsed,null,all,0,actual_close,event,3,include,from_created
"""

PORTFOLIOS = """
connection_id,project,epic_ref,program,portfolio
jira,ALPHA,,Red,House
azure,BETA,,Blue,House
boards,PROJ,,,Yard
jira,,{epic},Green,House
"""


@dataclass(frozen=True)
class Answer:
    """A response to one question of a survey, and the instant at which its person edited it."""

    number: int
    metric: str
    score: float | None
    submitted_at: datetime
    subject: tuple[str | None, str | None]
    edited_at: datetime | None
    edited_score: float


@dataclass
class Company:
    """Random histories between `begin` and `end` (aware UTC): `items` for each of the four tools, half as many
    answers."""

    seed: int
    begin: datetime
    end: datetime
    items: int
    lives: list[Life] = field(init=False)
    answers: list[Answer] = field(init=False)

    def __post_init__(self) -> None:
        dice = Dice(seed=self.seed, begin=self.begin, end=self.end)
        self.lives = [dice.life(number) for number in range(1, self.items + 1)]
        start, now = (_naive(self.begin) + timedelta(days=5), _naive(self.end))
        sprint_dice = SprintDice(self.seed, start.replace(hour=0), now, self.items)
        self.sprints, self.iterations = sprint_dice.sprints(), sprint_dice.iterations()
        self.stories = sprint_dice.stories(self.sprints, 2)
        self.iteration_stories = sprint_dice.stories(self.iterations, 1)
        self.answers = _answers(random.Random(self.seed), dice, self.items // 2)  # noqa: S311 - dice of a test

    @property
    def epic_ref(self) -> str:
        """What people call an epic of the connection `jira` that lies in another portfolio than its project."""
        today = [(life, life.changes[-1][2] if life.changes else life.first) for life in self.lives]
        epics = [f"{PROJECTS[state.project][1]}-{life.item_id}" for life, state in today if state.item_type == "epic"]
        return epics[0] if epics else "ALPHA-0"

    @property
    def seeds(self) -> dict[str, str]:
        changed_on = (self.begin + (self.end - self.begin) / 2).date()
        return {
            "stage_mapping": STAGE_MAPPING,
            "metric_policies": POLICIES.format(changed_on=changed_on),
            "portfolio_mapping": PORTFOLIOS.format(epic=self.epic_ref),
        }

    def rows_at(self, now: datetime) -> dict[str, Streams]:
        """What each connection shows at an instant, by stream."""
        lives = [_life_until(life, now) for life in self.lives if life.created_at <= now]
        naive = _naive(now)
        weeks = [iteration_row(sprint) for sprint in self.iterations]
        return {
            "jira": _below(jira_rows(lives), self.epic_ref),
            "azure": azure_rows(lives),
            "boards": {**story_jira_rows(_known(self.stories, naive)), **self._beside(naive)},
            "iterations": {**story_azure_rows(_known(self.iteration_stories, naive)), "team_iterations": weeks},
            "surveys": {"responses": [_answer_row(each, now) for each in self.answers if each.submitted_at <= now]},
        }

    def _beside(self, now: datetime) -> Streams:
        """What a Jira site holds beside its issues: sprints and their reports, a board, versions, people."""
        closed = [sprint for sprint in self.sprints if sprint.is_closed and sprint.close <= now]
        reported = [told.item_id for told in self.stories if told.changes[0].at <= now and told.parent_id is None]
        return {
            "sprints": [sprint_row(sprint, now) for sprint in self.sprints],
            "sprint_reports": [row for sprint in closed for row in _report(sprint, reported[:40])],
            "boards": [BOARD],
            "board_items": [{"board_id": "1", "issue_id": item_id} for item_id in reported[::2]],
            "versions": [
                {
                    "version_id": "1",
                    "record_id": "1",
                    "project_id": "100",
                    "name": "1.0",
                    "is_released": len(closed) > 2,
                }
            ],
            "users": [
                {"user_id": name, "record_id": name, "display_name": name.title(), "is_active": len(closed) < 3}
                for name in ("somebody", "nobody")
            ],
        }


def land(warehouse: Warehouse, connection_id: str, streams: Streams, time_zone: str = "UTC") -> None:
    """Land rows of one of the company's connections, and how many it got of each stream."""
    tool = TOOLS[connection_id]
    counts = [
        {"stream": f"{tool}/{stream}", "project": "*", "expected": len(rows), "got": len(rows), "deleted": 0,
         "skipped": 0, "record_id": f"{warehouse.now:%d}:{tool}/{stream}:*"}
        for stream, rows in streams.items()
    ]  # fmt: skip
    if tool == "surveys":
        warehouse.surveys(connection_id, **streams)
    else:
        (warehouse.jira if tool == "jira" else warehouse.azure)(connection_id, time_zone=time_zone, **streams)
    warehouse.land("pmo/coverage", counts, connection_id)


def _answers(dice: random.Random, instants: Dice, count: int) -> list[Answer]:
    answers = []
    for number in range(count):
        metric = dice.choice(list(SCALES))
        low, high = SCALES[metric]
        submitted_at = instants.instant(instants.begin)
        answers.append(
            Answer(
                number,
                metric,
                dice.choice([None, float(high + 1), *map(float, range(low, high + 1)), *map(float, range(low, high))]),
                submitted_at,
                dice.choice(SUBJECTS),
                instants.instant(submitted_at) if dice.random() < 0.2 else None,
                float(dice.randint(low, high)),
            )
        )
    return answers


def _report(sprint: Sprint, item_ids: Sequence[str]) -> list[Row]:
    """The tool's own report of a sprint: some items, whatever they did, so that every reason to differ turns up."""
    rows: list[Row] = []
    outcomes = ["completed", "not_completed", "completed_elsewhere", "removed"]
    for number, item_id in enumerate(item_ids):
        rows.append(
            {
                "record_id": f"{sprint.sprint_id}:{item_id}",
                "sprint_id": sprint.sprint_id,
                "board_id": "1",
                "issue_id": item_id,
                "issue_key": f"PROJ-{item_id}",
                "outcome": outcomes[(number + int(sprint.sprint_id)) % 4],
                "is_added": number % 3 == 0,
                "estimate_at_start": 3.0,
                "estimate_at_close": 3.0 + number % 2,
            }
        )
    summary = {"record_id": f"{sprint.sprint_id}:*", "sprint_id": sprint.sprint_id, "board_id": "1"}
    return [*rows, {**summary, "complete_at": sprint.close, "committed_points": 20.0, "completed_points": 21.0}]


def _answer_row(answer: Answer, now: datetime) -> Row:
    is_edited = answer.edited_at is not None and answer.edited_at <= now
    return {
        "record_id": f"pulse:{answer.number}:{answer.metric}",
        "survey": "pulse",
        "response_id": str(answer.number),
        "question": answer.metric,
        "metric": answer.metric,
        "score": answer.edited_score if is_edited else answer.score,
        "scale_min": SCALES[answer.metric][0],
        "scale_max": SCALES[answer.metric][1],
        "submitted_at": answer.submitted_at,
        "respondent_key": f"person {answer.number % 40}",
        "repeat_days": 2,
        "scope_type": answer.subject[0],
        "scope_name": answer.subject[1],
    }


def _life_until(life: Life, now: datetime) -> Life:
    deleted_at = life.deleted_at if life.deleted_at and life.deleted_at <= now else None
    return replace(life, changes=tuple(each for each in life.changes if each[0] <= now), deleted_at=deleted_at)


def _below(shown: Streams, epic_ref: str) -> Streams:
    """The same with every third issue below the epic, wherever it lies itself."""
    issues = [
        row if row.get("is_deleted") or int(row["issue_id"]) % 3 or row["issue_key"] == epic_ref
        else {**row, "epic_ref": epic_ref}
        for row in shown["issues"]
    ]  # fmt: skip
    return {**shown, "issues": issues}


def _known(stories: list[Story], now: datetime) -> list[Story]:
    return [known for told in stories if (known := story_until(told, now))]


def _naive(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(tzinfo=None)
