"""The Sprint field of an issue: objects on Cloud, the text of a Java object on Data Center.

`com.atlassian.greenhopper.service.sprint.Sprint@4c2d[id=12,rapidViewId=3,state=CLOSED,name=…,goal=…]`
has no escapes, so names and goals with commas, brackets, equals signs and line ends have to be found by
the names of the attributes that Jira writes.
"""

from __future__ import annotations

import re
from typing import Any

# All the attributes that Jira has written over the years, in no fixed order.
_ATTRIBUTES = (
    "id|rapidViewId|state|name|startDate|endDate|completeDate|activatedDate|sequence|goal|autoStartStop|synced"
    "|incompleteIssuesDestinationId"
)
_START = re.compile(rf"(?:^|,)({_ATTRIBUTES})=")
_TEXT_ATTRIBUTES = frozenset({"name", "goal"})
_MOST_MARKS = 60
_OPENING = re.compile(r"^[\w.$]+@[0-9a-fA-F]+\[")
_SHAPES = {
    "id": re.compile(r"-?\d+"),
    "rapidViewId": re.compile(r"-?\d+|<null>"),
    "state": re.compile(r"[A-Za-z]+"),
    "sequence": re.compile(r"-?\d+|<null>"),
    "startDate": re.compile(r"<null>|\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:?\d\d)"),
    "autoStartStop": re.compile(r"true|false|<null>"),
    "synced": re.compile(r"true|false|<null>"),
    "incompleteIssuesDestinationId": re.compile(r"-?\d+|<null>"),
}
_SHAPES |= dict.fromkeys(("endDate", "completeDate", "activatedDate"), _SHAPES["startDate"])


def sprint_values(value: Any) -> list[dict[str, Any]] | None:
    """The sprints of a field value, as attributes with Cloud's names; None if the form is unknown.

    Keys: id (text), boardId, state (lower case), name, goal, startDate, endDate, completeDate, activatedDate.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        value = [value]
    sprints = [_sprint(entry) for entry in value]
    return None if any(sprint is None for sprint in sprints) else [sprint for sprint in sprints if sprint]


def _sprint(entry: Any) -> dict[str, Any] | None:
    if isinstance(entry, dict):
        return {**entry, "id": str(entry["id"])} if str(entry.get("id", "")).lstrip("-").isdigit() else None
    if isinstance(entry, str):
        return parse_sprint_string(entry)
    if isinstance(entry, int) and not isinstance(entry, bool):
        return {"id": str(entry)}
    return None


def parse_sprint_string(text: str) -> dict[str, Any] | None:
    """The attributes of one sprint in the old form, or None if it is not that form."""
    opening = _OPENING.match(text)
    if opening is None or not text.endswith("]"):
        return None
    body = text[opening.end() : -1]
    raw = _attributes(body)
    if raw is None or "id" not in raw:
        return None
    known: dict[str, Any] = {name: (None if value == "<null>" else value) for name, value in raw.items()}
    known["boardId"] = known.pop("rapidViewId", None)
    if known.get("state"):
        known["state"] = known["state"].lower()
    return known


def _attributes(body: str) -> dict[str, str] | None:
    """Cut `body` at attribute names.

    A free text may hold ",goal=" or ",id=3" itself. Of the ways to cut, the first one is taken where every
    attribute occurs once, every value has its attribute's shape, and no attribute disappears in a text; texts are
    kept as short as that allows.
    """
    marks = [(match.start(), match.end(), match.group(1)) for match in _START.finditer(body)]
    if not marks or marks[0][0] != 0 or len(marks) > _MOST_MARKS:
        return None
    return _read(body, marks, 0, {})


def _read(body: str, marks: list[tuple[int, int, str]], index: int, known: dict[str, str]) -> dict[str, str] | None:
    """Read from mark `index` on; `known` holds what was read before."""
    _, value_start, name = marks[index]
    if name in known:
        return None
    last = len(marks)
    ends = range(index + 1, last + 1) if name in _TEXT_ATTRIBUTES else (index + 1,)
    for following in ends:
        value = body[value_start : marks[following][0] if following < last else len(body)]
        shape = _SHAPES.get(name)
        if shape is not None and not shape.fullmatch(value):
            return None
        read = {**known, name: value}
        left = {mark[2] for mark in marks[following:]}
        if not left | set(read) >= {mark[2] for mark in marks}:
            return None  # the text has swallowed the only mark of an attribute; a longer one would, too
        if following == last:
            return read
        if (rest := _read(body, marks, following, read)) is not None:
            return rest
    return None
