"""Errors that a person reads: each one is a readable paragraph, printed without a traceback."""

from __future__ import annotations

from dataclasses import dataclass


class PmoError(Exception):
    """Something was asked for that cannot be done; `str()` says what, where and what to do."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a file. `line` counts from 1."""

    file: str
    line: int | None
    text: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}, line {self.line}"
        return f"{place}: {self.text}"


class InvalidFile(PmoError):  # noqa: N818 - it says what is wrong
    """A settings or seed file has problems; all of them are named at once."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
