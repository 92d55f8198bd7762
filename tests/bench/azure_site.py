"""An Azure DevOps organisation of any number of work items for measuring: simulated ones, repeated.

The simulated organisation gives the projects, teams and some thousand work items with their revisions and links;
they are copied under new ids until there are enough, so that the feeds keep their order and links stay among copies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from sandbox.model import Tool
from sandbox.store import Store
from tests.bench.site import repeated

_NUMBERS = re.compile(rb'"(id|System\.Id|System\.Parent|sourceId|targetId)":(\d+)')
_ITEM_COLUMNS = (
    "project, type, state, area_path, iteration_path, assigned_to, tags, title, parent_id + :step, created, changed, "
    "rev, is_deleted"
)


def build(folder: Path, items: int, seed: int) -> Path:
    """The store of an organisation with exactly `items` work items; made once, then taken as it is."""
    return repeated(folder, Tool.AZURE_DEVOPS, items, seed, _repeat)


def _repeat(store: Store, items: int) -> None:
    """Whole copies, the last one cut: its links go to items that are not there, as links to destroyed ones do."""
    numbers = [row[0] for row in store.rows("select id from work_items order by id")]
    for column in ("id", "item_id"):
        tables = ("work_items",) if column == "id" else ("packed_revisions", "packed_links", "item_sprints")
        for table in tables:
            store.db.execute(f"delete from {table} where {column} > ?", (numbers[min(items, len(numbers)) - 1],))
    step = 10 ** len(str(numbers[-1]))
    for copy in range(1, -(-items // len(numbers))):
        rest = items - copy * len(numbers)
        last = numbers[min(rest, len(numbers)) - 1]
        _copy(store, copy * step, last)


def _copy(store: Store, step: int, last: int) -> None:
    """The original items up to number `last` again, with the same lives, under numbers that are `step` higher."""
    values = {"step": step, "last": last}
    store.db.execute(
        f"insert into work_items select id + :step, {_ITEM_COLUMNS} from work_items where id <= :last", values
    )
    packings = store.packings
    revisions = store.db.execute(
        "select item_id, rev, changed, project, doc from revisions where item_id <= :last order by number", values
    )
    store.db.executemany(
        "insert into packed_revisions (item_id, rev, changed, project, doc) values (?, ?, ?, ?, ?)",
        [
            (item_id + step, rev, changed, project, packings["revision"].pack(_renumbered(doc, step)))
            for item_id, rev, changed, project, doc in revisions
        ],
    )
    links = store.db.execute(
        "select changed, source_id, item_id, kind, project, doc from links where item_id <= :last order by number",
        values,
    )
    store.db.executemany(
        "insert into packed_links (changed, source_id, item_id, kind, project, doc) values (?, ?, ?, ?, ?, ?)",
        [
            (changed, source_id + step, item_id + step, kind, project, packings["link"].pack(_renumbered(doc, step)))
            for changed, source_id, item_id, kind, project, doc in links
        ],
    )


def _renumbered(document: bytes, step: int) -> bytes:
    return _NUMBERS.sub(lambda found: b'"%b":%d' % (found[1], int(found[2]) + step), document)


def sizes(path: Path) -> Iterator[tuple[str, float]]:
    """How many of what the organisation holds."""
    store = Store.azure_devops(path)
    try:
        yield "items", store.value("select count(*) from work_items")
        yield "revisions", store.value("select count(*) from packed_revisions")
        yield "links", store.value("select count(*) from packed_links")
        yield "teams", store.value("select count(*) from resources where kind = 'team'")
    finally:
        store.close()
