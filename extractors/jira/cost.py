"""What a first load costs: requests by kind and the minutes that they take, from a sample of the site's issues."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from extractors.jira.audit import AUDITED
from extractors.jira.bulk import BULK, CHANGES_PER_PAGE, CHUNKS_TOGETHER, DC_ISSUES_PER_PAGE
from extractors.jira.client import THREADS
from extractors.jira.key_walk import PAGE as DC_IDS_PER_PAGE
from extractors.jira.search import IDS_PER_PAGE
from extractors.jira.worklogs import TOGETHER as WORKLOGS_PER_PAGE

LIST_PAGE = 50  # boards and sprints that come at a time
SITE = 8  # what is asked once: server, account, fields, statuses, resolutions, types …


@dataclass(frozen=True)
class Size:
    """What there is. `histories` and `worklogs` are per issue, `issue_seconds` one issue's share of a bulk call."""

    is_cloud: bool
    issues: int
    projects: int
    boards: int = 0
    sprints: int = 0
    scrum_boards: int = 0
    histories: float = 0.0
    worklogs: float = 0.0
    issue_seconds: float = 0.0
    call_seconds: float = 0.0  # of a small call
    reports_per_board: int = 0


def requests_of(size: Size) -> Mapping[str, int]:
    """Requests of a first load, by what they are for."""
    ids_page, chunk = (IDS_PER_PAGE, BULK) if size.is_cloud else (DC_IDS_PER_PAGE, DC_ISSUES_PER_PAGE)
    histories = 0
    if size.is_cloud:
        together = math.ceil(size.issues / (BULK * CHUNKS_TOGETHER))
        histories = max(together, math.ceil(size.issues * size.histories / CHANGES_PER_PAGE))
        histories += max(AUDITED, histories)
    held = math.ceil(size.issues / max(1, size.boards) / ids_page)
    sprint_pages = math.ceil(size.sprints / max(1, size.scrum_boards) / LIST_PAGE)
    return {
        "site and projects": SITE + 2 * size.projects + math.ceil(size.projects / LIST_PAGE),
        "ids": size.projects + math.ceil(size.issues / ids_page),
        "issues": math.ceil(size.issues / chunk),
        "histories": histories,
        "boards": math.ceil(size.boards / LIST_PAGE) + size.boards * (2 + max(1, held)),
        "sprints": size.scrum_boards * (max(1, sprint_pages) + 1 + size.reports_per_board),
        "worklogs": 2 + 2 * math.ceil(size.issues * size.worklogs / WORKLOGS_PER_PAGE),
    }


def minutes_of(size: Size) -> int:
    """Issues and their histories by the sample, all else by the time of a small call; THREADS calls at a time."""
    counts = requests_of(size)
    small = sum(counts.values()) - counts["issues"] - counts["histories"]
    seconds = size.issues * size.issue_seconds + small * size.call_seconds
    return max(1, math.ceil(seconds / THREADS / 60))


def told(size: Size) -> str:
    counts = requests_of(size)
    parts = ", ".join(f"{count:,} for {name}" for name, count in counts.items() if count)
    return (
        f"about {size.issues:,} issues with {size.histories:.0f} changes each, {size.boards:,} boards, "
        f"{size.sprints:,} sprints, {size.issues * size.worklogs:,.0f} worklogs: a first load takes about "
        f"{sum(counts.values()):,} requests and {minutes_of(size):,} min ({parts})"
    )
