"""Great Expectations in a process of its own: its import takes seconds, which the extraction does not wait for."""

from __future__ import annotations

from quality.raw import RawRequest
from quality.result import CheckResult


class W:
    def judge_raw(self, request: RawRequest) -> list[CheckResult]:
        return []


def worker() -> W:
    return W()


def start_worker() -> None: ...
def stop_worker() -> None: ...
