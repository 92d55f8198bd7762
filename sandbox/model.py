"""What happened in the simulated organisation, in words of no particular tool.

`organisation/` simulates and writes these; `render/` turns them into the documents that Jira Cloud,
Jira Data Center and Azure DevOps would hold; `servers/` serve those documents. Nothing here knows
HTTP, and nothing here knows how the product computes a KPI.

All instants are aware UTC datetimes with whole milliseconds. All ids are small integers that are
unique per site and kind and never used again.
"""

from __future__ import annotations

import enum
from datetime import date, datetime

import msgspec


class Tool(enum.StrEnum):
    JIRA_CLOUD = "jira_cloud"
    JIRA_DC = "jira_dc"
    AZURE_DEVOPS = "azure_devops"


class Category(enum.StrEnum):
    TODO = "todo"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"  # Azure DevOps alone
    DONE = "done"
    REMOVED = "removed"  # Azure DevOps has this category; Jira says it with a resolution


class Person(msgspec.Struct, frozen=True):
    person_id: int
    name: str
    email: str
    time_zone: str
    is_active: bool = True
    starts_at_hour: int = 9  # local; works eight hours from then, Monday to Friday
    days_off: list[date] = []  # public holidays and vacation
    former_names: list[tuple[datetime, str]] = []  # until when the person was called what
    deactivated_at: datetime | None = None  # may not sign in any more; still named in documents
    removed_at: datetime | None = None  # the account is gone: no list of users has it, documents show a former user


class Status(msgspec.Struct):
    """A workflow status of a site (Jira: id and name; Azure DevOps: the state's name)."""

    status_id: int
    name: str
    category: Category
    former_names: list[tuple[datetime, str]] = []  # until when it had which name
    process: str = ""  # Azure DevOps: agile, scrum; a status belongs to one process
    work_item_types: list[str] = []  # Azure DevOps: the types that have this state
    deleted_at: datetime | None = None  # taken out of the workflow: no list of statuses has it, histories still do


class Project(msgspec.Struct):
    project_id: int
    key: str  # Jira's key; Azure DevOps has the name alone
    name: str
    portfolio: str
    tool: Tool
    process: str = "agile"  # Azure DevOps: agile, scrum
    kind: str = "software"  # Jira: software, service_desk
    is_visible: bool = True  # False: the account may not see it, nor anything that moves there


class Team(msgspec.Struct):
    """A team works in one project of one site. Jira: it has one board. Azure DevOps: it owns one area path."""

    team_id: int
    name: str
    project_id: int
    board_id: int
    is_scrum: bool
    time_zone: str
    members: list[int]
    tool: Tool
    days_off: list[date] = []  # of the whole team
    label: str | None = None  # Jira: marks the team's items in a project that two teams share
    board_jql: str = ""  # Jira: what the board's filter says


class Sprint(msgspec.Struct):
    """A sprint of a Scrum team. Azure DevOps: an iteration, from 00:00 of its start to 00:00 after its finish day."""

    sprint_id: int
    team_id: int
    name: str
    goal: str
    planned_start_at: datetime
    planned_end_at: datetime
    started_at: datetime | None = None
    closed_at: datetime | None = None
    former_names: list[tuple[datetime, str]] = []
    reopenings: list[tuple[datetime, datetime]] = []  # Jira: closed and re-activated; `closed_at` is the last close


class Release(msgspec.Struct):
    release_id: int
    project_id: int
    name: str
    start_date: date
    release_date: date | None = None
    is_released: bool = False


class Change(msgspec.Struct, array_like=True, gc=False):
    """One attribute of an item changed. Values are ids as text, or text, or None.

    attribute: status (status id), resolution (name), sprint (sprint ids, ascending, joined by a comma; all that the
    item is in now or was in before, as Jira keeps them; Azure DevOps: the one sprint id), points (decimal text),
    remaining_hours, assignee (person id), team (team id: Azure DevOps area path; Jira has no such field),
    project (project id), parent (item id), type (type name), title, priority, flagged ("yes"), release (release ids
    joined by a comma), labels (blank-separated), key (Jira: the issue key, beside a change of project), rank,
    spent_hours (decimal text: Jira's time spent, Azure DevOps' completed work), deleted (Azure DevOps: "yes" when it
    goes to the recycle bin, None when it is restored; a deletion that holds is `Item.deleted_at`), comments (Azure
    DevOps alone, where a comment is a revision: how many there are).
    """

    attribute: str
    old: str | None
    new: str | None


class ChangeSet(msgspec.Struct, array_like=True, gc=False):
    """Changes that one person made in one go: a Jira history, an Azure DevOps revision."""

    change_id: int
    at: datetime
    author: int
    changes: list[Change]


class Link(msgspec.Struct, array_like=True, gc=False):
    link_id: int
    kind: str  # Blocks, Relates
    target_item_id: int
    at: datetime
    author: int


class Comment(msgspec.Struct, array_like=True, gc=False):
    """A comment. Jira: moves `updated` and leaves no history; Azure DevOps: a revision (attribute comments)."""

    comment_id: int
    at: datetime
    author: int


class Worklog(msgspec.Struct, array_like=True, gc=False):
    """Time that a person logged in Jira; the history of the same instant changes spent_hours."""

    worklog_id: int
    at: datetime
    author: int
    started_at: datetime
    hours: float


class Satisfaction(msgspec.Struct, array_like=True, gc=False):
    """What the customer of a service request says when it is done (Jira Service Management), 1 to 5."""

    at: datetime
    rating: int
    comment: str
    respondent_email: str


class Item(msgspec.Struct):
    """A work item with its whole life. `initial` holds the attributes at creation, `history` what came after."""

    item_id: int
    tool: Tool
    number: int  # within its first project: PROJ-<number>
    former_keys: list[str]  # keys it had before it moved to another project
    key: str
    created_at: datetime
    creator: int
    initial: dict[str, str | None]
    history: list[ChangeSet]
    current: dict[str, str | None]
    updated_at: datetime
    links: list[Link] = []
    description: str = ""
    comment_count: int = 0
    is_subtask: bool = False
    deleted_at: datetime | None = None
    deleted_by: int | None = None
    is_destroyed: bool = False
    hidden_at: datetime | None = None  # moved to a project that the account may not see: served as if it were not there
    comments: list[Comment] = []  # those of `comment_count` whose instants are known
    worklogs: list[Worklog] = []
    satisfaction: Satisfaction | None = None

    @property
    def is_live(self) -> bool:
        return self.deleted_at is None and self.hidden_at is None

    @property
    def is_gone(self) -> bool:
        """Neither live nor in a recycle bin that the account may look into."""
        return self.is_destroyed or self.hidden_at is not None


class Answer(msgspec.Struct):
    """One answer to a survey. `score` None: the question was left blank."""

    answer_id: int
    survey: str
    metric: str  # nps, csat
    submitted_at: datetime
    respondent_email: str
    score: int | None
    scale_min: int
    scale_max: int
    comment: str
    team: str
    product: str


class Site(msgspec.Struct):
    """Everything about one tool's installation except its items, which are too many to hold."""

    tool: Tool
    name: str
    account_time_zone: str  # of the account whose token we use
    people: list[Person]
    statuses: list[Status]
    projects: list[Project]
    teams: list[Team]
    sprints: list[Sprint]
    releases: list[Release]
    now: datetime
    clock_stands: bool = False  # the site's clock shows `now` until somebody advances it; else the wall clock goes on
