"""A Jira site of any number of issues for measuring: simulated ones, repeated, each about 14 kB of JSON.

The simulated organisation gives the boards, sprints and a few thousand issues with their histories; they are
copied under new ids and keys until there are enough. People get the picture addresses that a real Jira sends
with every person, which the sandbox leaves out: they make up almost half of a real answer.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from sandbox.model import Tool
from sandbox.render.jira_stored import StoredIssue
from sandbox.rendering import ensure, store_path
from sandbox.store import Store

SIMULATED = 4_000  # items of the organisation that is repeated, of all its sites
_ID_STEP, _NUMBER_STEP = 10_000_000, 1_000_000
_PERSON = b'"active":true'
_SIZES = (48, 24, 16, 32)
_PICTURES = ",".join(
    f'"{size}x{size}":"https://avatars.invalid/5b10ac8d82e05b22cc7d4ef5/5c4e1a2b-8f3d-4a6b-9c7e-d1f2a3b4c5d6/{size}?d=initials%2FMB-1.png"'
    for size in _SIZES
)
_WITH_PICTURES = b'"avatarUrls":{%b},"active":true' % _PICTURES.encode()


def build(folder: Path, tool: Tool, issues: int, seed: int) -> Path:
    """The store of a site with exactly `issues` issues; made once, then taken as it is."""
    return repeated(folder, tool, issues, seed, _repeat)


def repeated(folder: Path, tool: Tool, count: int, seed: int, repeat: Callable[[Store, int], None]) -> Path:
    """A simulated site that `repeat` has brought to `count` records."""
    path = folder / f"{tool.value}-{count}.sqlite"
    if path.exists():
        return path
    home = folder / "organisation"
    ensure(home, seed, SIMULATED)
    unfinished = path.with_suffix(".new")
    shutil.copyfile(store_path(home, tool), unfinished)
    store = Store.azure_devops(unfinished) if tool is Tool.AZURE_DEVOPS else Store.jira(unfinished)
    try:
        with store.transaction():
            repeat(store, count)
            store.set_meta("now", datetime.now(UTC).isoformat())
        store.db.execute("pragma journal_mode = delete")
    finally:
        store.close()
    unfinished.replace(path)
    return path


def _repeat(store: Store, issues: int) -> None:
    originals = [row[0] for row in store.rows("select id from issues order by id")]
    for number in originals[issues:]:
        _forget(store, number)
    for number in originals:
        _dress(store, number)
    rest = issues - len(originals)
    copy = 1
    while rest > 0:
        for number in originals[:rest]:
            _copy(store, number, copy)
        rest -= len(originals)
        copy += 1


def _forget(store: Store, number: int) -> None:
    for table, column in (
        ("issues", "id"), ("documents", "id"), ("issue_sprints", "issue_id"), ("worklogs", "issue_id"),
    ):  # fmt: skip
        store.db.execute(f"delete from {table} where {column} = ?", (number,))


def _dress(store: Store, number: int) -> None:
    """People as a real Jira shows them."""
    for doc, histories in store.rows("select doc, histories from documents where id = ?", (number,)):
        dressed = (bytes(text).replace(_PERSON, _WITH_PICTURES) for text in (doc, histories))
        store.db.execute("update documents set doc = ?, histories = ? where id = ?", (*dressed, number))


def _copy(store: Store, number: int, copy: int) -> None:
    """One issue again under another id and key, with the same life."""
    row = list(store.rows("select * from issues where id = ?", (number,))[0])
    new_id, key = number + copy * _ID_STEP, f"{row[1].rpartition('-')[0]}-{row[2] + copy * _NUMBER_STEP}"
    row[:3] = [new_id, key, row[2] + copy * _NUMBER_STEP]
    store.db.execute(f"insert into issues values ({', '.join('?' * len(row))})", row)
    store.db.execute("insert into issue_keys values (?, ?)", (key, new_id))
    doc, histories, count = store.rows("select doc, histories, history_count from documents where id = ?", (number,))[0]
    issue = msgspec.json.decode(doc, type=StoredIssue)
    issue.id, issue.key, issue.self = str(new_id), key, issue.self.replace(str(number), str(new_id))
    _copy_worklogs(store, number, issue, copy)
    values = (new_id, msgspec.json.encode(issue), histories, count)
    store.db.execute("insert into documents values (?, ?, ?, ?)", values)
    for table, column in (("issue_sprints", "sprint_id"), ("issue_versions", "version_id")):
        store.db.execute(
            f"insert into {table} select {column}, ? from {table} where issue_id = ?",
            (new_id, number),
        )


def _copy_worklogs(store: Store, number: int, issue: StoredIssue, copy: int) -> None:
    """Its worklogs too, or the issue would say another time than they do and would be asked for them one by one."""
    if (shown := issue.fields.get("worklog")) is None:
        return
    log = msgspec.json.decode(shown)
    for entry in log["worklogs"]:
        entry["id"], entry["issueId"] = str(int(entry["id"]) + copy * _ID_STEP), issue.id
    issue.fields["worklog"] = msgspec.Raw(msgspec.json.encode(log))
    store.db.execute(
        "insert into worklogs select id + ?, ?, updated from worklogs where issue_id = ?",
        (copy * _ID_STEP, int(issue.id), number),
    )


def sizes(path: Path) -> Iterator[tuple[str, float]]:
    """What the site holds: issues, boards, projects, and the mean bytes of an issue with its histories."""
    store = Store.jira(path)
    try:
        yield "issues", store.value("select count(*) from issues")
        yield "histories", store.value("select sum(history_count) from documents")
        yield "bytes", store.value("select avg(length(doc) + length(histories)) from documents")
        for kind in ("project", "board", "sprint"):
            yield f"{kind}s", store.value("select count(*) from resources where kind = ?", (kind,))
    finally:
        store.close()
