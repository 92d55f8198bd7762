"""Read a reporting feed to its end: one page after the other, the next one fetched while this one is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import msgspec

from extractors.azure_devops.client import FeedPage
from extractors.errors import BadRequest, RepeatedPage
from extractors.session import Answer

MAX_EMPTY_PAGES = 50


@dataclass(frozen=True)
class Page:
    """`token` is where to go on after this page; it is good for the next run as well."""

    values: list[msgspec.Raw]
    token: str | None
    sent_at: datetime


def read_feed(
    connection_id: str,
    subject: str,
    fetch: Callable[[str | None], Answer[FeedPage]],
    token: str | None,
    warn: Callable[[str], None],
) -> Iterator[Page]:
    """Pages from `token` (None: from the beginning) to the one that says that it is the last.

    A stored token that the tool does not take any more (a restored server) starts the feed again, with a warning:
    what is landed already is not written twice. A feed that gives a token twice, or only empty pages, would never
    end: RepeatedPage.
    """
    seen = {token}
    empty = 0
    with ThreadPoolExecutor(1, thread_name_prefix="feed") as ahead:
        coming = ahead.submit(fetch, token)
        if token is not None and isinstance(error := coming.exception(), BadRequest):
            warn(f"{subject} was read from its beginning, because the tool refused the stored token: {error.detail}")
            token = None
            coming = ahead.submit(fetch, token)
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
                coming = ahead.submit(fetch, following)
            yield Page(page.values, following, answer.sent_at)
            if page.is_last_batch:
                return
            token = following
