"""What the simulation holds in memory of one cell: a few teams that share projects and hand items to each other.

All of it is msgspec structs, so that a cell can be put away between two runs and taken up again at
the very same point: simulating until June and going on for a week gives what one long run would.
"""

from __future__ import annotations

from typing import Any

import msgspec

from sandbox.model import Item, Project, Release, Sprint, Team
from sandbox.organisation.scribe import ScribeState, SetAside


class Work(msgspec.Struct):
    """An item that something can still happen to."""

    item: Item
    kind: str  # epic, story, bug, task, subtask
    team_id: int  # who works on it
    project_id: int
    status: str  # role in the workflow: new, ready, analysis, doing, waiting, review, done, removed
    points: float | None = None
    sprints: list[int] = []  # as the tool's field holds them: Jira keeps closed ones
    children: list[int] = []
    turn: int = 0  # grows when plans change: events of an earlier turn are void
    carried: int = 0
    reopened: int = 0
    effort_factor: float = 1.0
    done_at: int | None = None
    deleted: bool = False
    is_missed: bool = False  # the world has noticed that it was deleted
    is_dirty: bool = True
    is_published: bool = False  # an earlier run has shown it to the world
    aside: SetAside | None = None  # in the recycle bin, and about to be restored: what the scribe knew


class TeamState(msgspec.Struct):
    team: Team
    pace: float  # items that it takes on, against a usual team
    sprint_number: int = 0
    anchor: int = 0  # ordinal of the Monday of its first sprint
    active: int = 0  # sprint id, 0: none
    future: int = 0
    backlog: list[int] = []
    doing: list[int] = []
    recently_done: list[int] = []
    epics: list[int] = []
    release: int = 0
    done_this_month: int = 0
    troubled_this_month: int = 0  # late or re-opened


class CellState(msgspec.Struct):
    cell: int
    seed: int
    tool: str
    started_on: int  # ordinal
    account_time_zone: str
    dice: tuple[int, list[int], float | None]
    sequence: int
    heap: list[tuple[int, int, str, int, int]]  # at, sequence, what, whom, argument
    counters: dict[str, int]
    work: dict[int, Work]
    teams: dict[int, TeamState]
    projects: dict[int, Project]
    numbers: dict[int, int]  # last item number of a project
    sprints: dict[int, Sprint]  # those that are not closed, or will be re-activated
    releases: dict[int, Release]
    reopening: list[int]  # sprints that were closed too early
    scribe: ScribeState


def encode(state: Any) -> bytes:
    return msgspec.msgpack.encode(state)


def decode_cell(blob: bytes) -> CellState:
    return msgspec.msgpack.decode(blob, type=CellState, strict=False)
