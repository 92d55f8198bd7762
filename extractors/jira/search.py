"""Walking the ids of issues, page by page: by token on Cloud, by key (key_walk.py) on Data Center."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from extractors.errors import ExtractError, RepeatedPage, Truncated
from extractors.jira.client import JiraClient
from extractors.jira.documents import ApproximateCount, FoundIssue, OffsetPage, TokenPage
from extractors.jira.key_walk import PAGE as DC_IDS_PER_PAGE
from extractors.jira.key_walk import KeyWalk

IDS_PER_PAGE = 5000  # what search/jql gives when only ids are asked for
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
        """The same on Data Center, for the JQL of one project; an issue may come twice."""
        return KeyWalk(self._client, jql, with_updated=with_updated).pages()

    def first_page(self, jql: str, *, with_updated: bool) -> list[FoundIssue] | None:
        """All issues that `jql` finds on Data Center if one page holds them, else None."""
        fields = ["updated"] if with_updated else ["id"]
        body = {"jql": f"{jql} ORDER BY key ASC", "startAt": 0, "maxResults": DC_IDS_PER_PAGE, "fields": fields}
        page = self._client.http.post(f"{self._client.api}/search", OffsetPage, body).value
        if len(page.issues) < page.total:
            return None
        return [FoundIssue(issue.id, issue.fields) for issue in page.issues]

    def _cut(self) -> ExtractError:
        return Truncated(
            self._client.connection.id,
            f"POST {self._client.api}/search/jql",
            200,
            "Nothing of this walk was kept; run again",
            detail="A page says that it is not the last one, but names no next one",
        )

    def _endless(self, detail: str) -> ExtractError:
        return RepeatedPage(
            self._client.connection.id,
            f"POST {self._client.api}/search/jql",
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
