"""How far long work is: counts and rates, said every few seconds, and nothing about work that is done sooner."""

from __future__ import annotations

import time
from collections.abc import Callable

Say = Callable[[str], None]
_SECONDS = 3.0  # between two lines


def silent(text: str) -> None:
    """Says nothing."""


class Progress:
    """Counts things of a known number, and says so."""

    def __init__(self, say: Say, what: str, total: int) -> None:
        self._say, self._what, self._total = say, what, total
        self._done = 0
        self._began = self._said = time.monotonic()

    def __call__(self, more: int) -> None:
        """So many more are done."""
        self._done += more
        now = time.monotonic()
        if now - self._said >= _SECONDS:
            self._said = now
            rate = self._done / (now - self._began)
            left = max(self._total - self._done, 0) / rate if rate else 0
            share = min(self._done / self._total, 1) if self._total else 1
            self._say(
                f"{self._what}: {self._done:,} of {self._total:,} items ({share:.0%}), {rate:,.0f} a second, "
                f"{left:,.0f} s left"
            )

    def end(self) -> None:
        """Says the sum, if it took long enough to have said anything."""
        seconds = time.monotonic() - self._began
        if seconds >= _SECONDS:
            self._say(f"{self._what}: {self._done:,} items in {seconds:,.0f} s ({self._done / seconds:,.0f} a second)")
