"""What is broken for good is named, and everything else goes on.

A refusal that concerns one team, project or item is an error of that part. Single records can be odd; when more of
them are than that, the tool or the network has changed as a whole, and the run ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from extractors.errors import (
    AccessDenied,
    BadRequest,
    ExtractError,
    Gone,
    NotFound,
    NotJson,
    SchemaChanged,
    Truncated,
    Unreachable,
)
from extractors.writing import in_parallel

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_BROKEN = 20  # of one kind in one run, refusals apart
REFUSALS = (AccessDenied, NotFound, BadRequest)
# What making rows of an unknown form ends with.
ODD = (KeyError, TypeError, ValueError, AttributeError, ArithmeticError)


@dataclass(frozen=True)
class BrokenRevision:
    """A revision that no row can be made of. `item_id` is None if it does not even tell its number."""

    item_id: int | None
    rev: int | None
    problem: str

    @property
    def is_named(self) -> bool:
        return self.item_id is not None and self.rev is not None

    @property
    def record_id(self) -> str:
        return f"{self.item_id}:{self.rev}"

    def failure(self, connection_id: str) -> SchemaChanged:
        subject = f"revision {self.rev} of work item {self.item_id}" if self.item_id is not None else "a revision"
        return odd_record(connection_id, subject, self.problem)


def odd_record(connection_id: str, subject: str, problem: object) -> SchemaChanged:
    """The error of one record that is not of the form that the tool describes."""
    remedy = "Everything else was landed; this one needs an update of this program"
    detail = f"It has no {problem}" if isinstance(problem, KeyError) else str(problem)
    return SchemaChanged(connection_id, subject, 200, remedy, detail=detail)


def is_of_one_part(error: ExtractError) -> bool:
    """Whether an error concerns what was asked for alone. A host that does not answer at all concerns everything."""
    if isinstance(error, Unreachable):
        return error.status is not None
    return isinstance(error, (*REFUSALS, Gone, SchemaChanged, NotJson, Truncated))


def each_by_itself(
    function: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Iterator[tuple[Item, Result | ExtractError]]:
    """As `in_parallel`, with the error of an item as its result where it concerns that item alone."""

    def attempt(item: Item) -> Result | ExtractError:
        try:
            return function(item)
        except ExtractError as error:
            if not is_of_one_part(error):
                raise
            return error

    broken = 0
    for item, result in in_parallel(attempt, items, threads):
        broken += isinstance(result, ExtractError) and not isinstance(result, REFUSALS)
        if broken > MOST_BROKEN and isinstance(result, ExtractError):
            raise result
        yield item, result
