"""The last revision of every item, as the tool has it: the proof that no revision is missing at an end.

Revisions are numbered without gaps, so a missing one shows by the next one; only the last ones do not. They
get lost where items are out of the account's sight while the feed passes them: it never tells them again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from extractors.azure_devops.client import AzureDevOpsClient
from extractors.azure_devops.feed import read_feed
from extractors.azure_devops.items import Ids, LandedItems
from extractors.decoding import decoder


class _Head(msgspec.Struct):
    id: int
    rev: int


_head = decoder(_Head)


@dataclass(frozen=True)
class LastRevisions:
    """Arrays of equal length, ids ascending; empty if nobody asked."""

    ids: Ids
    revisions: Ids

    def ahead_of(self, items: LandedItems) -> npt.NDArray[np.bool_]:
        """Which landed items the tool has a later revision of than we do."""
        if not len(self.ids) or not len(items):
            return np.zeros(len(items), np.bool_)
        place = np.minimum(np.searchsorted(self.ids, items.ids), len(self.ids) - 1)
        return np.asarray((self.ids[place] == items.ids) & (self.revisions[place] > items.last_revisions))


NOTHING_ASKED = LastRevisions(np.empty(0, np.int64), np.empty(0, np.int64))


def last_revisions(client: AzureDevOpsClient, warn: Callable[[str], None]) -> LastRevisions:
    """Of all items of the organisation that the account sees, deleted ones included: a thousand per request."""
    heads = [
        (head.id, head.rev)
        for page in read_feed(client.connection.id, "the list of last revisions", client.latest_only, None, warn)
        for head in _heads(page.values)
    ]
    pairs = np.array(heads, np.int64).reshape(-1, 2)
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    ids, revisions = pairs[order, 0], pairs[order, 1]
    is_last = np.append(ids[1:] != ids[:-1], True) if len(ids) else np.empty(0, np.bool_)
    return LastRevisions(ids[is_last], revisions[is_last])


def _heads(raws: list[msgspec.Raw]) -> Iterator[_Head]:
    """Without odd ones: what is wrong with an item shows, and is named, where its revisions are read."""
    for raw in raws:
        with contextlib.suppress(msgspec.ValidationError):
            yield _head.decode(raw)
