"""Read a reporting feed to its end: one page after the other, the next one fetched while this one is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import msgspec

from extractors.azure_devops.client import FeedPage
from extractors.errors import BadRequest, RepeatedPage
from extractors.session import Answer

MAX_EMPTY_PAGES = 50
Fetch = Callable[[str | None], Answer[FeedPage]]


@dataclass(frozen=True)
class Page:
    """`token` is where to go on after this page, `start` gives it again; both are good for later runs as well."""

    values: list[msgspec.Raw]
    token: str | None
    sent_at: datetime
    start: str | None = None


def read_feed(
    connection_id: str, subject: str, fetch: Fetch, token: str | None, warn: Callable[[str], None]
) -> Iterator[Page]:
    """Pages from `token` (None: from the beginning) to the one that says that it is the last.

    The first one is asked for at once, before the iteration begins. A stored token that the tool does not take any
    more (a restored server) starts the feed again, with a warning: what is landed already is not written twice. A feed
    that gives a token twice, or only empty pages, would never end: RepeatedPage.
    """
    ahead = ThreadPoolExecutor(1, thread_name_prefix="feed")
    coming = ahead.submit(fetch, token)

    def pages() -> Iterator[Page]:
        with ahead:
            first, began_at = coming, token
            if began_at is not None and isinstance(error := first.exception(), BadRequest):
                warn(f"{subject} was read from its beginning: the tool refused the stored token. {error.detail}")
                first, began_at = ahead.submit(fetch, None), None
            yield from _follow(connection_id, subject, lambda after: ahead.submit(fetch, after), first, began_at)

    return pages()


def _follow(
    connection_id: str,
    subject: str,
    submit: Callable[[str | None], Future[Answer[FeedPage]]],
    coming: Future[Answer[FeedPage]],
    token: str | None,
) -> Iterator[Page]:
    seen = {token}
    empty = 0
    while True:
        answer = coming.result()
        page = answer.value
        following = page.token or token
        if not page.is_last_batch:
            empty = 0 if page.values else empty + 1
            if following in seen or empty > MAX_EMPTY_PAGES:
                raise RepeatedPage(
                    connection_id,
                    subject,
                    remedy="Run again; the batches that were landed stay",
                    detail="The feed says that there is more, but does not move on",
                )
            seen.add(following)
            coming = submit(following)
        yield Page(page.values, following, answer.sent_at, token)
        if page.is_last_batch:
            return
        token = following
