"""One rate limiter per host, shared by all threads and sessions of this process.

It also says how many calls may be under way at once. It begins with ten, which is what the vendors advise, and each
good answer makes room for one more, up to twenty, while the host shows no sign of a limit. After the first sign it
never goes above ten again. There is room for half of it after every refusal, and for fewer while answers take much
longer than they did; then slowly for more again.

It learns from the answers: a quota that is used up stops every call to the host, a burst limit stops
calls to that endpoint and slows the others down; the pace recovers while answers are good. Servers
say so with `Retry-After` (seconds or an HTTP date), `X-RateLimit-*`, `RateLimit-Reason`; Azure DevOps
says it with status 200, too.
"""

from __future__ import annotations

import contextlib
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

SLOWEST_PACE = 2.0  # seconds between two calls
_FIRST_PACE = 0.05
_RECOVERY = 0.9  # of the pace, per good answer
WIDEST, ADVISED, NARROWEST = 20, 10, 2  # calls under way at once
_SLOW = 4.0  # times the usual seconds of an endpoint's answers: the host is busy
_WORTH_SEEING = 1.0  # seconds; what takes less is not slow
_MEMORY = 0.1  # weight of the newest answer in what is usual
_NUMBER = re.compile(r"^[0-9]+(\.[0-9]+)?$")
_IDENTIFIER = re.compile(r"(?<!/api)/(?:\d+|[0-9a-f]{8}-[0-9a-f-]{27}|[A-Z][A-Z0-9_]+-\d+)(?=/|$)")


def endpoint_of(path: str) -> str:
    """The path with identifiers replaced, so that calls of one kind share a limit."""
    return _IDENTIFIER.sub("/*", path)


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds that the server asks us to wait, or None if it does not say.

    `Retry-After` counts first, in both forms; then a spent `X-RateLimit-Remaining` with its reset (epoch seconds,
    ISO instant or seconds from now), then the fill interval of Jira Data Center, then the quotas of SurveyMonkey.
    """
    now = now or datetime.now(UTC)
    if (value := headers.get("Retry-After")) is not None and (seconds := _seconds_until(value, now)) is not None:
        return seconds
    if _number(headers.get("X-RateLimit-Remaining")) == 0:
        if (seconds := _seconds_until(headers.get("X-RateLimit-Reset", ""), now)) is not None:
            return seconds
        return _number(headers.get("X-RateLimit-Interval-Seconds"))
    for quota in ("Day", "Minute"):  # the longer wait first
        name = f"X-Ratelimit-App-Global-{quota}"
        if _number(headers.get(f"{name}-Remaining")) == 0:
            return _seconds_until(headers.get(f"{name}-Reset", ""), now)
    return None


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and _NUMBER.match(text.strip()) else None


def _seconds_until(text: str, now: datetime) -> float | None:
    """Seconds from `now` to what `text` says: a number of seconds, epoch seconds, an HTTP date, an ISO instant."""
    text = text.strip()
    if (number := _number(text)) is not None:
        return max(0.0, number - now.timestamp()) if number > 1_000_000_000 else number
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            instant = parse(text)
        except (ValueError, TypeError):
            continue
        instant = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        return max(0.0, (instant - now).total_seconds())
    return None


class HostLimiter:
    """When the next call to one host may be sent. `clock` and `sleep` are seconds of a monotonic clock."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._host_until = 0.0
        self._endpoint_until: dict[str, float] = {}
        self._pace = 0.0
        self._next_slot = 0.0
        self._room = threading.Condition()
        self._under_way = 0
        self._width = float(ADVISED)
        self._widest = WIDEST
        self._usual: dict[str, float] = {}  # endpoint → seconds of its answers
        self.waited_seconds = 0.0
        self.throttled_count = 0
        self.has_answered = False

    @property
    def width(self) -> int:
        """How many calls may be under way at once."""
        return int(self._width)

    @contextlib.contextmanager
    def slot(self) -> Iterator[None]:
        """One of the calls that may be under way; waits until there is room."""
        with self._room:
            self._room.wait_for(lambda: self._under_way < self.width)
            self._under_way += 1
        try:
            yield
        finally:
            with self._room:
                self._under_way -= 1
                self._room.notify()

    def timed(self, endpoint: str, seconds: float, *, is_good: bool = True) -> None:
        """Take in how long an answer took: much longer than usual means that the host has enough to do.

        Only good ones make room for more: a host in trouble is quick to say so.
        """
        with self._room:
            usual = self._usual.get(endpoint, seconds)
            self._usual[endpoint] = (1 - _MEMORY) * usual + _MEMORY * seconds
            if seconds > max(_WORTH_SEEING, _SLOW * usual):
                self._widest = ADVISED
                self._width = max(NARROWEST, min(self._width, ADVISED) - 1)
            elif is_good and self._width < self._widest:
                grown = 1 if self._widest > ADVISED else 1 / self._width
                self._width = min(self._widest, self._width + grown)
                self._room.notify()

    def acquire(self, endpoint: str, budget: float) -> bool:
        """Wait until a call to `endpoint` may go out. False: that would take longer than `budget` seconds."""
        started = self._clock()
        while True:
            with self._lock:
                now = self._clock()
                ready = max(self._host_until, self._endpoint_until.get(endpoint, 0.0), self._next_slot)
                if ready <= now:
                    self._next_slot = now + self._pace
                    self.waited_seconds += now - started
                    return True
            if ready - started > budget:
                return False
            self._sleep(ready - now)

    def block(self, seconds: float, endpoint: str | None = None) -> None:
        """No call to the host (or only to `endpoint`) for `seconds` and a little more."""
        with self._lock:
            until = self._clock() + seconds + random.uniform(0, min(0.5, 0.1 * seconds))  # noqa: S311 - jitter
            if endpoint is None:
                self._host_until = max(self._host_until, until)
            else:
                self._endpoint_until[endpoint] = max(self._endpoint_until.get(endpoint, 0.0), until)

    def slow_down(self) -> None:
        """Send calls apart from each other, and never again more at once than vendors advise."""
        self._no_more_than_advised()
        with self._lock:
            self._pace = min(SLOWEST_PACE, max(_FIRST_PACE, 2 * self._pace))

    def _no_more_than_advised(self) -> None:
        with self._room:
            self._widest = ADVISED
            self._width = min(self._width, ADVISED)

    def learn(self, endpoint: str, status: int, headers: Mapping[str, str]) -> float | None:
        """Take in an answer; the seconds it asks to wait, None if it asks for nothing."""
        seconds = retry_after(headers)
        self.has_answered = True
        if status in (429, 503):
            return self._refused(endpoint, seconds, headers)
        if seconds:  # a good answer that says: not so fast
            self.throttled_count += 1
            self._no_more_than_advised()
            self.block(seconds)
        elif headers.get("X-RateLimit-NearLimit", "").lower() == "true" or _number(headers.get("X-RateLimit-Delay")):
            self.slow_down()
        elif self._pace:
            with self._lock:
                self._pace = 0.0 if self._pace < _FIRST_PACE / 4 else self._pace * _RECOVERY
        return seconds

    def _refused(self, endpoint: str, seconds: float | None, headers: Mapping[str, str]) -> float | None:
        with self._room:
            self._width = max(NARROWEST, self._width / 2)
        self.slow_down()
        if seconds is not None:
            is_burst = "burst" in headers.get("RateLimit-Reason", "")
            self.block(seconds, endpoint if is_burst else None)
        self.throttled_count += 1  # when it is in force
        return seconds


_limiters: dict[str, HostLimiter] = {}
_limiters_lock = threading.Lock()


def limiter_of(origin: str) -> HostLimiter:
    """The limiter of `origin` (scheme, host and port), the same one for everybody in this process."""
    with _limiters_lock:
        return _limiters.setdefault(origin, HostLimiter())
