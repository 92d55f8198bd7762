"""What each column of each seed may hold. An empty cell means *any* where the rule is optional."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, time
from zoneinfo import available_timezones


@dataclass(frozen=True)
class Rule:
    """`accepts` judges a cell that is not empty; `allowed` says the same in words."""

    allowed: str
    accepts: Callable[[str], bool]
    is_required: bool = False

    @property
    def required(self) -> Rule:
        return Rule(self.allowed, self.accepts, is_required=True)


@dataclass(frozen=True)
class SeedRules:
    """The columns of one seed. Rows are unique in `key`; at least one of `any_of` must be filled."""

    columns: Mapping[str, Rule]
    key: tuple[str, ...]
    any_of: tuple[str, ...] = ()
    ascending: tuple[str, str] | None = None  # the first column's text must sort before the second's


def _one_of(*values: str) -> Rule:
    return Rule(", ".join(values), frozenset(values).__contains__)


def _matches(pattern: str, allowed: str) -> Rule:
    compiled = re.compile(pattern)
    return Rule(allowed, lambda cell: compiled.fullmatch(cell) is not None)


def _number(minimum: float | None = None) -> Rule:
    def accepts(cell: str) -> bool:
        try:
            value = float(cell)
        except ValueError:
            return False
        return math.isfinite(value) and (minimum is None or value >= minimum)

    return Rule("a number" if minimum is None else f"a number, {minimum:g} or more", accepts)


def _parsed(parse: Callable[[str], object], allowed: str) -> Rule:
    def accepts(cell: str) -> bool:
        try:
            parse(cell)
        except ValueError:
            return False
        return True

    return Rule(allowed, accepts)


TEXT = Rule("text", lambda _: True)
DAY = _parsed(date.fromisoformat, "a date as 2024-12-31")
CLOCK = _parsed(
    lambda cell: time.fromisoformat(cell) if re.fullmatch(r"\d\d:\d\d", cell) else int("x"), "a time as 09:00"
)
ZONE = Rule('an IANA time zone such as "Europe/Berlin"', lambda cell: cell in available_timezones())
FLAG = _one_of("true", "false")
WHOLE = _matches(r"[1-9]\d*", "a whole number, 1 or more")
TYPE_GROUP = _matches(r"[a-z][a-z-]*", "a lower-case word such as story, bug, task, epic, sub-task")
STAGE = _one_of("backlog", "todo", "in_progress", "waiting", "done", "cancelled")
SCOPE_TYPE = _one_of("item_type", "team", "project", "portfolio", "connection", "all")
SURVEY_SCOPE_TYPE = _one_of("team", "project", "product", "release", "all")
KPI_ID = _one_of(
    "cycle_time_p50", "cycle_time_p85", "lead_time_p85", "throughput", "wip", "wip_age_p85", "flow_efficiency",
    "defect_ratio", "reopen_ratio", "velocity", "say_do", "scope_change", "predictability", "sprint_remaining", "nps",
    "csat", "data_trust",
)  # fmt: skip
FLOW_TYPES = _matches(r"[a-z_-]+([ ,;|]+[a-z_-]+)*", "no_epics_no_subtasks, all, or type groups separated by a blank")

SEEDS: dict[str, SeedRules] = {
    "metric_policies": SeedRules(
        {
            "policy_id": _matches(r"[a-z][a-z0-9_]*", "lower-case letters, digits and _").required,
            "is_active": FLAG,
            "valid_from": DAY,
            "start_rule": _one_of("first", "last", "after_last_todo").required,
            "done_rule": _one_of("last", "first").required,
            "day_count": _one_of("elapsed", "calendar_inclusive", "working").required,
            "skipped_start": _one_of("null", "zero").required,
            "flow_types": FLOW_TYPES.required,
            "commitment_grace_hours": _number(0).required,
            "completion_cutoff": _one_of("actual_close", "planned_end").required,
            "estimate_as_of": _one_of("event", "current").required,
            "velocity_window": WHOLE.required,
            "sprint_subtasks": _one_of("exclude", "include").required,
            "flow_efficiency_base": _one_of("from_start", "from_created").required,
        },
        key=("policy_id", "valid_from"),
    ),
    "stage_mapping": SeedRules(
        {
            "connection_id": TEXT,
            "project": TEXT,
            "item_type": TEXT,
            "status_id": TEXT,
            "status": TEXT,
            "stage": STAGE.required,
        },
        key=("connection_id", "project", "item_type", "status_id", "status"),
        any_of=("status_id", "status"),
    ),
    "not_delivered_resolutions": SeedRules(
        {"connection_id": TEXT, "resolution_id": TEXT, "resolution": TEXT},
        key=("connection_id", "resolution_id", "resolution"),
        any_of=("resolution_id", "resolution"),
    ),
    "item_type_mapping": SeedRules(
        {
            "connection_id": TEXT,
            "tool": _one_of("jira", "azure_devops"),
            "item_type": TEXT.required,
            "type_group": TYPE_GROUP.required,
        },
        key=("connection_id", "tool", "item_type"),
    ),
    "team_mapping": SeedRules(
        {
            "connection_id": TEXT,
            "board_id": TEXT,
            "project": TEXT,
            "area_path": TEXT,
            "team": TEXT.required,
            "calendar_id": TEXT,
            "time_zone": ZONE,
        },
        key=("connection_id", "board_id", "project", "area_path"),
        any_of=("board_id", "project", "area_path"),
    ),
    "portfolio_mapping": SeedRules(
        {"connection_id": TEXT, "project": TEXT, "epic_ref": TEXT, "program": TEXT, "portfolio": TEXT.required},
        key=("connection_id", "project", "epic_ref"),
    ),
    "calendars": SeedRules(
        {
            "calendar_id": TEXT.required,
            "time_zone": ZONE,
            "weekday": _one_of(
                *"1234567", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"
            ).required,
            "from": CLOCK.required,
            "to": CLOCK.required,
        },
        key=("calendar_id", "weekday", "from"),
        ascending=("from", "to"),
    ),
    "holidays": SeedRules(
        {"calendar_id": TEXT.required, "date": DAY.required, "name": TEXT}, key=("calendar_id", "date")
    ),
    "kpi_targets": SeedRules(
        {
            "kpi_id": KPI_ID.required,
            "scope_type": SCOPE_TYPE,
            "scope_name": TEXT,
            "target": _number().required,
            "at_risk": _number(),
            "valid_from": DAY,
        },
        key=("kpi_id", "scope_type", "scope_name", "valid_from"),
    ),
    "survey_settings": SeedRules(
        {
            "survey": TEXT,
            "scope_type": SURVEY_SCOPE_TYPE,
            "scope_name": TEXT,
            "min_responses": WHOLE.required,
        },
        key=("survey", "scope_type", "scope_name"),
    ),
}
