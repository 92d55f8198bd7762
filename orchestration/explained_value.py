"""Which value of the scorecard a question means: people say names, and two teams or sprints may have the same one."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from orchestration.errors import PmoError
from orchestration.explained_scope import Row
from orchestration.terminal import plain

Rows = Callable[[str, list[Any] | None], list[Row]]
FOUND = """
    from kpi_scorecard as scorecard
    left join dim_sprint as sprint on scorecard.sprint_key = sprint.sprint_key
    where {conditions}
"""
LATEST = f"""
    select scorecard.*, sprint.name as sprint_name {FOUND}
    order by scorecard.value is null, scorecard.period_start_date desc, scorecard.period_type = 'quarter',
        scorecard.scope_name
    limit 1
"""
# The scopes and sprints of the rows that a question means; one sprint is of one team.
MEANT = f"""
    select distinct scorecard.scope_key, scorecard.scope_name, scorecard.sprint_key, sprint.name as sprint_name {FOUND}
    order by all
"""


@dataclass(frozen=True)
class Question:
    """What `pmo explain` was asked. Names are those that people use, or keys."""

    kpi: str
    scope: tuple[str, str] | None = None  # (type, name) as on the scorecard: team, project, portfolio …
    sprint: str | None = None
    period: str | None = None
    policy: str = "default"
    items: int = 20
    item: str | None = None  # what people call it; of its evidence alone


class Values:
    """The values of a publication; `rows` asks its database."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def find(self, question: Question) -> Row:
        """The row that the question means; of several periods the latest that has a value.

        A name that several scopes or sprints have is refused with their keys, which do as names.
        """
        conditions, bound = self._conditions(question)
        if question.scope is not None or question.sprint is not None:
            meant = self._rows(MEANT.format(conditions=conditions), bound)
            self._refuse_several(question, meant)
        found = self._rows(LATEST.format(conditions=conditions), bound)
        if not found:
            raise PmoError(self._nothing(question))
        return found[0]

    def _conditions(self, question: Question) -> tuple[str, list[Any]]:
        conditions = ["scorecard.kpi_id = ?", "scorecard.policy_id = ?"]
        bound: list[Any] = [question.kpi, question.policy]
        if question.scope is not None:
            kind, name = question.scope
            conditions.append("scorecard.scope_type = ? and list_contains(?, scorecard.scope_key)")
            bound += [kind, self._scope_keys(kind, name)]
        elif question.sprint is None:
            conditions.append("scorecard.scope_type = case when exists (select 1 from kpi_scorecard where kpi_id = ?"
                              " and scope_type = 'all') then 'all' else scorecard.scope_type end")  # fmt: skip
            bound.append(question.kpi)
        if question.sprint is not None:
            conditions.append(
                "sprint.sprint_key = ? or lower(sprint.name) = lower(?)"
                " and not exists (select 1 from dim_sprint where sprint_key = ?)"
            )
            bound += [question.sprint] * 3
        if question.period is not None:
            kind, start = parse_period(question.period)
            conditions.append("scorecard.period_type = ? and scorecard.period_start_date = ?")
            bound += [kind, start]
        return " and ".join(f"({condition})" for condition in conditions), bound

    def _scope_keys(self, kind: str, name: str) -> list[str]:
        """The scopes that people call so: by key, or by name, a project also by the key that its tool shows."""
        found = self._rows(
            """
            select distinct scorecard.scope_key, scorecard.scope_name, project.project
            from kpi_scorecard as scorecard
            left join dim_project as project
                on scorecard.scope_type = 'project' and scorecard.scope_key = project.project_key
            where scorecard.scope_type = ? and scorecard.scope_name is not null
            """,
            [kind],
        )
        if any(row["scope_key"] == name for row in found):
            return [name]
        called = name.lower()
        keys = [
            row["scope_key"]
            for row in found
            if called in {row["scope_name"].lower(), row["scope_key"].lower(), (row["project"] or "").lower()}
        ]
        if not keys:
            names = sorted({row["scope_name"] for row in found})
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            known = ", ".join(names) or "none"
            raise PmoError(plain(f"The scorecard has no {_words(kind)} '{name}'.{hint} It has: {known}."))
        return sorted(set(keys))

    def _refuse_several(self, question: Question, meant: list[Row]) -> None:
        if question.scope is not None:
            kind, name = question.scope
            _refuse(_words(kind), name, {row["scope_key"]: "" for row in meant}, f"--{kind.replace('_', '-')}")
        if question.sprint is not None:
            sprints = {row["sprint_key"]: f" ({row['scope_name'] or row['scope_key']})" for row in meant}
            _refuse("sprint", question.sprint, sprints, "--sprint")

    def _nothing(self, question: Question) -> str:
        found = self._rows(
            "select period_type, min(period_start_date) as first, max(period_start_date) as latest"
            " from kpi_scorecard where kpi_id = ? and policy_id = ? group by period_type order by period_type",
            [question.kpi, question.policy],
        )
        if not found:
            return f"The scorecard has no value of {question.kpi} under the policy {question.policy}."
        known = "; ".join(f"{row['period_type']}: {row['first']} to {row['latest']}" for row in found)
        return f"The scorecard has no value of {question.kpi} for this choice. It has {known}."


def _refuse(what: str, name: str, meant: Mapping[str, str], option: str) -> None:
    """Raise if there are several keys; `meant` is what stands behind each key."""
    if len(meant) < 2:
        return
    keys = ", ".join(f"{key}{more}" for key, more in meant.items())
    raise PmoError(
        plain(
            f"{len(meant)} {what}s are called '{name}': {keys}. "
            f"Give one of these keys instead of the name: {option} '{next(iter(meant))}'."
        )
    )


def _words(kind: str) -> str:
    return kind.replace("_", " ")


def parse_period(text: str) -> tuple[str, date]:
    """`2024-Q1` or `2024-03`: the period's type and its first day."""
    try:
        if "Q" in text.upper():
            year, _, quarter = text.upper().partition("-Q")
            if quarter not in {"1", "2", "3", "4"}:
                raise ValueError(quarter)
            return "quarter", date(int(year), 3 * int(quarter) - 2, 1)
        parts = [int(part) for part in text.split("-")]
        if len(parts) == 2:
            return "month", date(parts[0], parts[1], 1)
    except ValueError:
        pass
    raise PmoError(f"--period {text} is no period. Allowed: 2024-Q1 or 2024-03.")
