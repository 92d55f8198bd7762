"""What rows of seeds say together: hours that overlap, calendars that nobody defines, teams told twice, no policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from orchestration.config.messages import nearest
from orchestration.errors import Problem

DEFAULT_CALENDAR = "default"
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class SeedRow:
    """A row that is valid for itself. `line` counts from 1; an empty cell is ''."""

    line: int
    cells: Mapping[str, str]


Seeds = Mapping[str, Sequence[SeedRow]]


def linked_problems(seeds: Seeds) -> list[Problem]:
    """All contradictions between rows, of all seeds."""
    return [*_overlaps(seeds), *_calendars(seeds), *_teams(seeds), *_policies(seeds)]


def _overlaps(seeds: Seeds) -> Iterator[Problem]:
    """An hour that a calendar names twice would count twice."""
    days: dict[tuple[str, str], list[SeedRow]] = {}
    for row in seeds["calendars"]:
        weekday = row.cells["weekday"]
        named = WEEKDAYS[int(weekday) - 1] if weekday.isdigit() else weekday
        days.setdefault((row.cells["calendar_id"], named), []).append(row)
    for (calendar, weekday), rows in days.items():
        ordered = sorted(rows, key=lambda row: row.cells["from"])
        for before, row in pairwise(ordered):
            if row.cells["from"] < before.cells["to"]:
                first, second = sorted((before, row), key=lambda each: each.line)
                text = f"the hours of {calendar} on {weekday} overlap those of line {first.line}."
                yield Problem("calendars.csv", second.line, text)


def _calendars(seeds: Seeds) -> Iterator[Problem]:
    known = list(dict.fromkeys(row.cells["calendar_id"] for row in seeds["calendars"]))
    if DEFAULT_CALENDAR not in known:
        text = f"no row has the calendar_id `{DEFAULT_CALENDAR}`, whose hours hold for teams without a calendar."
        yield Problem("calendars.csv", None, text)
    for name in ("holidays", "team_mapping"):
        for row in seeds[name]:
            calendar = row.cells.get("calendar_id")
            if calendar and calendar not in known:
                text = f"column `calendar_id`: calendars.csv has no '{calendar}'.{nearest(calendar, known)}"
                yield Problem(f"{name}.csv", row.line, f"{text} It has: {', '.join(known)}.")


def _teams(seeds: Seeds) -> Iterator[Problem]:
    """Several boards or projects may be one team; it has one calendar and one time zone."""
    for column in ("calendar_id", "time_zone"):
        told: dict[tuple[str, str], SeedRow] = {}
        for row in seeds["team_mapping"]:
            value = row.cells.get(column)
            team = (row.cells.get("connection_id", ""), row.cells["team"])
            if value:
                first = told.setdefault(team, row)
                if first.cells[column] != value:
                    text = f"column `{column}`: {team[1]} has '{first.cells[column]}' in line {first.line}."
                    yield Problem("team_mapping.csv", row.line, f"{text} Allowed: one for a team.")


def _policies(seeds: Seeds) -> Iterator[Problem]:
    if not any(row.cells.get("is_active") != "false" for row in seeds["metric_policies"]):
        yield Problem(
            "metric_policies.csv", None, "no policy is active. Allowed: at least one row with is_active true."
        )
