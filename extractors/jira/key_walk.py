"""Data Center: the issues of a project in the order of their keys, a big project in several ranges side by side.

Pages by offset end at 10,000 and skip issues when others move. So a page begins with an issue that is known (`key >=
last`), and has to show it first: if it does not, that issue was deleted, moved or hidden meanwhile, and the page
begins with an earlier one. Nothing else is relied on: numbers may have gaps, and pages be shorter than asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from extractors.errors import BadRequest, RepeatedPage
from extractors.jira.client import JiraClient
from extractors.jira.documents import FoundIssue, KeyedIssue, OffsetPage
from extractors.jira.jql import key_from
from extractors.writing import in_parallel

PAGE = 1000  # the usual jira.search.views.default.max
WALKERS = 8  # ranges of one project that are walked at once
LONGEST_RANGE = 9  # pages: no offset beyond 10,000 can be asked for
_TRIED = 10  # keys that a page may begin with: the last ones of the page before it
_MOST_RESTARTS = 5  # pages of one range that began with none of them


@dataclass(frozen=True)
class _Range:
    """Issues from the last one of `starts` up to the number `end` (None: to the last issue).

    `starts` are keys in their order; the earlier ones are for when the last one is gone.
    """

    starts: tuple[str, ...]
    end: int | None


class KeyWalk:
    """One walk over one project."""

    def __init__(self, client: JiraClient, jql: str, *, with_updated: bool) -> None:
        """`jql` finds issues of one project, and has no ORDER BY."""
        self._client = client
        self._jql = jql
        self._fields = ["updated"] if with_updated else ["id"]

    def pages(self) -> Iterator[list[FoundIssue]]:
        """Every issue that was there all the while; one at the border of two pages comes twice.

        Raises RepeatedPage if pages do not move on.
        """
        first = self._ask(self._jql, 0, PAGE)
        yield _found(first.issues)
        if len(first.issues) < first.total:
            for _, found in in_parallel(self._walk, self._ranges(first), WALKERS):
                yield found

    def _ranges(self, first: OffsetPage) -> Iterator[_Range]:
        """What follows the first page. An offset says where the next range begins; the last range is open."""
        starts = tuple(issue.key for issue in first.issues[-_TRIED:])
        rest = first.total - len(first.issues)
        span = (PAGE - 1) * min(LONGEST_RANGE, max(1, round(rest / WALKERS / PAGE)))
        while rest > span + PAGE and (border := self._border(starts, span)) is not None:
            yield _Range(starts, _number(border))
            starts = (*starts, border)[-_TRIED:]
            rest -= span
        yield _Range(starts, None)

    def _border(self, starts: Sequence[str], offset: int) -> str | None:
        """The key that comes `offset` issues after the last of `starts` that is still there; None: there is none."""
        for start in reversed(starts):
            page = self._page(start, offset, 1)
            if page is not None and page.total:
                return page.issues[0].key if page.issues else None
        return None

    def _walk(self, part: _Range) -> list[FoundIssue]:
        found: list[FoundIssue] = []
        last: Sequence[str] = ()
        restarts = 0
        while True:
            begin, page = self._next((*reversed(last), *reversed(part.starts)))
            restarts += bool(last) and begin not in last
            if restarts > _MOST_RESTARTS or (len(page.issues) <= 1 < page.total):
                raise self._endless()
            found += _found(page.issues)
            is_end = part.end is not None and bool(page.issues) and _number(page.issues[-1].key) >= part.end
            if is_end or len(page.issues) >= page.total:
                return found
            last = [issue.key for issue in page.issues[-_TRIED:]]

    def _next(self, keys: Iterable[str]) -> tuple[str | None, OffsetPage]:
        """The page that begins with the first of `keys` that is still there, else the first page of the project."""
        for key in keys:
            page = self._page(key, 0, PAGE)
            if page is not None and page.issues and page.issues[0].key == key:
                return key, page
        return None, self._ask(self._jql, 0, PAGE)

    def _page(self, start: str, offset: int, size: int) -> OffsetPage | None:
        """Issues from `start` on. None: Jira does not compare with it, because it is gone (it says so in any language).

        Whoever was moved is another project's: then nothing is found, not even itself.
        """
        try:
            return self._ask(f"{self._jql} AND {key_from(start)}", offset, size)
        except BadRequest:
            return None

    def _ask(self, jql: str, offset: int, size: int) -> OffsetPage:
        asked: dict[str, Any] = {"startAt": offset, "maxResults": size, "fields": self._fields}
        asked["jql"] = f"{jql} ORDER BY key ASC"
        return self._client.http.post(f"{self._client.api}/search", OffsetPage, asked).value

    def _endless(self) -> RepeatedPage:
        return RepeatedPage(
            self._client.connection.id,
            f"POST {self._client.api}/search",
            None,
            "Nothing of this walk was kept; run again",
            detail="Pages do not begin with the issue that they should begin with, or end with it",
        )


def _found(issues: Iterable[KeyedIssue]) -> list[FoundIssue]:
    return [FoundIssue(issue.id, issue.fields) for issue in issues]


def _number(key: str) -> int:
    return int(key.rpartition("-")[2])
