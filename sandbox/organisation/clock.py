"""Time in the simulation: whole milliseconds since 1970 UTC, people's working time, and local days.

Working time is an axis of its own: workday after workday, eight hours each. Adding effort to an
instant means to walk along that axis, so that nights, weekends, holidays and vacation are skipped.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WORKDAY = 8 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIXED_HOLIDAYS = {(1, 1), (5, 1), (12, 25), (12, 26)}


def to_datetime(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)


def to_ms(instant: datetime) -> int:
    delta = instant - _EPOCH
    return delta.days * DAY + delta.seconds * SECOND + delta.microseconds // 1000


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@cache
def local_ms(zone: str, ordinal: int, hour: int = 0, minute: int = 0) -> int:
    """The instant of a local wall-clock time on the day with that proleptic ordinal."""
    day = date.fromordinal(ordinal)
    return to_ms(datetime.combine(day, time(hour, minute), _zone(zone)))


def local_day(zone: str, ms: int) -> int:
    """The ordinal of the local day that holds the instant; 00:00 belongs to the day that begins."""
    guess = (ms // DAY) + 719163  # ordinal of 1970-01-01
    if ms < local_ms(zone, guess):
        return guess - 1
    if ms >= local_ms(zone, guess + 1):
        return guess + 1
    return guess


def is_workday(ordinal: int) -> bool:
    """Monday to Friday and no public holiday. Ordinal 1 was a Monday."""
    if (ordinal - 1) % 7 >= 5:
        return False
    day = date.fromordinal(ordinal)
    return (day.month, day.day) not in _FIXED_HOLIDAYS


@cache
def holidays_between(first: int, last: int) -> tuple[date, ...]:
    days = (date.fromordinal(ordinal) for ordinal in range(first, last + 1))
    return tuple(day for day in days if (day.month, day.day) in _FIXED_HOLIDAYS and day.weekday() < 5)


def vacation(person_id: int, year: int) -> range:
    """A person's two weeks of the year, as ordinals: a fixed function of who and when, so that it needs no state."""
    week = 2 + (person_id * 7919 + year * 104729) % 48
    start = date(year, 1, 4).toordinal() + 7 * week
    start -= (start - 1) % 7
    return range(start, start + 12)


class WorkCalendar:
    """One person's working days, from `first` (an ordinal) on; grows as far as it is asked."""

    def __init__(self, person_id: int, zone: str, starts_at_hour: int, first: int) -> None:
        self._person_id = person_id
        self._zone = zone
        self._hour = starts_at_hour
        self._next = first
        self._starts: list[int] = []
        self._extend(60)

    def _extend(self, days: int) -> None:
        for ordinal in range(self._next, self._next + days):
            if is_workday(ordinal) and ordinal not in vacation(self._person_id, date.fromordinal(ordinal).year):
                self._starts.append(local_ms(self._zone, ordinal, self._hour))
        self._next += days

    def after(self, at: int, hours: float) -> int:
        """The instant when that many working hours from `at` on have passed."""
        while not self._starts or at > self._starts[-1]:
            self._extend(120)
        index = bisect_right(self._starts, at) - 1
        offset = min(at - self._starts[index], WORKDAY) if index >= 0 else 0
        skip, rest = divmod(max(index, 0) * WORKDAY + offset + int(hours * HOUR), WORKDAY)
        while skip >= len(self._starts):
            self._extend(120)
        return max(self._starts[skip] + rest, at)
