"""Building JQL: every value quoted, times as Jira reads them.

Jira reads a time in JQL in the time zone of the account that asks, to the minute, without an offset.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


def quote(value: str) -> str:
    """One JQL literal, whatever `value` holds (reserved words, quotes, line ends)."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    escaped = escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return f'"{escaped}"'


def in_projects(project_ids: Iterable[str]) -> str:
    """Issues of projects, by id: a key changes when a project is renamed."""
    ids = sorted(project_ids, key=lambda text: (len(text), text))
    for project_id in ids:
        if not re.fullmatch(r"\d+", project_id):
            raise ValueError(f"not a project id: {project_id!r}")
    return f"project in ({', '.join(ids)})"


def lower_bound(instant: datetime, zone: ZoneInfo) -> str:
    """The latest JQL time that the server cannot read as later than `instant` (aware).

    Floored to the minute. An hour that the clocks show twice is left out: its text could mean the second pass,
    so the bound goes back to the minute before it.
    """
    instant = instant.astimezone(UTC).replace(second=0, microsecond=0)
    while True:
        local = instant.astimezone(zone)
        if local.replace(fold=0).utcoffset() == local.replace(fold=1).utcoffset():
            return f"{local.year:04}-{local:%m-%d %H:%M}"
        instant -= timedelta(minutes=1)


def updated_since(instant: datetime, zone: ZoneInfo) -> str:
    """Never with an upper bound: that would lose what is indexed or changed while we read."""
    return f'updated >= "{lower_bound(instant, zone)}"'


def key_from(key: str) -> str:
    """The issue itself, and those of its project with a higher number."""
    return f"key >= {quote(key)}"
