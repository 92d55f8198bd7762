"""Walking the ids of issues, page by page: by token on Cloud, after the last key on Data Center."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from extractors.errors import BadRequest, ExtractError, RepeatedPage, Truncated
from extractors.jira.client import JiraClient
from extractors.jira.documents import ApproximateCount, FoundIssue, OffsetPage, TokenPage
from extractors.jira.jql import key_after

IDS_PER_PAGE = 5000  # what search/jql gives when only ids are asked for
DC_IDS_PER_PAGE = 1000  # the usual jira.search.views.default.max
EMPTY_PAGES = 10


class Search:
    """Searches of one site. Threads may share it."""

    def __init__(self, client: JiraClient) -> None:
        self._client = client

    def walk(self, jql: str, *, with_updated: bool = False) -> Iterator[list[FoundIssue]]:
        """Pages of the issues that `jql` (without ORDER BY) finds on Cloud, each once; no order is promised.

        Raises RepeatedPage if a page token comes again or pages stay empty, Truncated if the walk ends before its end.
        """
        tokens: set[str] = set()
        token, empty = None, 0
        body: dict[str, Any] = {
            "jql": f"{jql} ORDER BY id ASC",
            "fields": ["updated"] if with_updated else ["id"],
            "maxResults": IDS_PER_PAGE,
        }
        while True:
            page = self._client.http.post(
                f"{self._client.api}/search/jql", TokenPage, body | ({"nextPageToken": token} if token else {})
            )
            token = page.value.next_page_token
            empty = 0 if page.value.issues else empty + 1
            yield page.value.issues
            if not token and page.value.is_last is False:
                raise self._cut()
            if not token or page.value.is_last:
                return
            if token in tokens or empty > EMPTY_PAGES:
                raise self._endless("the same page token came twice" if token in tokens else "pages stay empty")
            tokens.add(token)

    def walk_keys(self, jql: str, *, with_updated: bool = False) -> Iterator[list[FoundIssue]]:
        """The same on Data Center, for the JQL of one project: pages that begin after the last key.

        Pages by startAt end at 10,000 and skip issues when others move; a page after the last key does neither.
        """
        last: list[str] = []
        while True:
            page = self._page_after(jql, last, with_updated=with_updated)
            if last and any(issue.key == last[-1] for issue in page.issues):
                raise self._endless("a page holds the issue that it should come after")
            yield [FoundIssue(issue.id, issue.fields) for issue in page.issues]
            if not page.issues or len(page.issues) >= page.total:
                return
            last = [issue.key for issue in page.issues]

    def first_page(self, jql: str, *, with_updated: bool) -> list[FoundIssue] | None:
        """All issues that `jql` finds on Data Center if one page holds them, else None."""
        page = self._page_after(jql, [], with_updated=with_updated)
        if len(page.issues) < page.total:
            return None
        return [FoundIssue(issue.id, issue.fields) for issue in page.issues]

    def _page_after(self, jql: str, keys: Sequence[str], *, with_updated: bool) -> OffsetPage:
        """The page after the last of `keys` that still exists: Jira refuses to compare with a key that is gone."""
        body = {"startAt": 0, "maxResults": DC_IDS_PER_PAGE, "fields": ["updated"] if with_updated else ["id"]}
        for key in reversed(keys[-20:]):
            try:
                asked = {**body, "jql": f"{jql} AND {key_after(key)} ORDER BY key ASC"}
                page = self._client.http.post(f"{self._client.api}/search", OffsetPage, asked).value
            except BadRequest as error:
                if "exist" not in error.detail:
                    raise
                continue
            page.issues = [issue for issue in page.issues if issue.key not in keys]
            return page
        return self._client.http.post(
            f"{self._client.api}/search", OffsetPage, {**body, "jql": f"{jql} ORDER BY key ASC"}
        ).value

    def _cut(self) -> ExtractError:
        return Truncated(
            self._client.connection.id,
            f"POST {self._client.api}/search/jql",
            200,
            "Nothing of this walk was kept; run again",
            detail="A page says that it is not the last one, but names no next one",
        )

    def _endless(self, detail: str) -> ExtractError:
        path = f"{self._client.api}/search/jql" if self._client.is_cloud else f"{self._client.api}/search"
        return RepeatedPage(
            self._client.connection.id,
            f"POST {path}",
            None,
            "Nothing of this walk was kept; run again",
            detail=detail.capitalize(),
        )

    def approximate_count(self, jql: str) -> int:
        """How many issues there are, about: Cloud estimates, Data Center counts."""
        if self._client.is_cloud:
            return self._client.http.post(
                f"{self._client.api}/search/approximate-count", ApproximateCount, {"jql": jql}
            ).value.count
        return self._client.http.post(
            f"{self._client.api}/search", OffsetPage, {"jql": jql, "maxResults": 1, "fields": ["id"]}
        ).value.total
