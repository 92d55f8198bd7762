"""Which issues a board's filter holds today. A saved filter has no history, so this is a current state.

Read whole at the first time, when the filter's JQL has changed and with every census; in between only
the issues that changed are asked about: they may have come into the filter or have left it. A filter whose
issues come and go by themselves (`updated >= -7d`, `sprint in openSprints()`) is read whole in every run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

import pyarrow as pa

from extractors.errors import ExtractError, Unreachable
from extractors.jira.client import THREADS
from extractors.jira.metadata import BROKEN, HIDDEN, short_reason
from extractors.jira.site_rows import Board
from extractors.jira.walks import Walks
from extractors.rows import digest
from extractors.writing import Writer, in_parallel

STREAM = "jira/board_items"
EMPTIED = "empty at once"  # in place of a filter's hash: read it whole, and believe it


# What makes a filter hold other issues without one of them changing: functions, times from now, other filters.
_MOVING = re.compile(
    r"(?i)\b(?!(?:in|and|or|not)\b)[a-z]+\s*\(|(?<![\w.])[-+]?\d+\s*[wdhm]\b|\b(?:filter|savedfilter|request)\s*(?:=|!=|in\b|not\b)"
)


def moves_by_itself(jql: str) -> bool:
    """Whether issues may come into a filter, or leave it, that nobody touched."""
    return bool(_MOVING.search(_TEXT.sub(_unquoted, jql)))


_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'')
_TIME = re.compile(r"^\s*[-+]?\d+\s*[wdhm]\s*$")


def _unquoted(match: re.Match[str]) -> str:
    """Text in quotes counts only as a time from now, which may be quoted."""
    text = match.group(1) or match.group(2) or ""
    return text if _TIME.match(text) else '""'


def filter_hash(board: Board, project_ids: Sequence[str]) -> str:
    """Changes with the filter and with the projects that are looked at."""
    return digest((board.jql or "").encode(), ",".join(sorted(project_ids)).encode())


class BoardItems:
    """Lands board_items of one run and says which filters they were read with.

    `broken` takes what is wrong with one board; it raises where that is the site's trouble.
    """

    def __init__(
        self,
        walks: Walks,
        writer: Writer,
        project_ids: Sequence[str],
        broken: Callable[[ExtractError, Board], None],
    ) -> None:
        self._walks = walks
        self._writer = writer
        self._projects = project_ids
        self._broken = broken
        self._read: dict[str, set[int] | None] = {}  # board id → what its whole filter holds

    def read(self, boards: Sequence[Board]) -> None:
        """Read filters whole before `land` asks for it: beside the issues, where all are going to be read whole."""
        self._read = {
            board.board_id: held
            for board, held in in_parallel(lambda one: self._held(one, ""), _readable(boards), THREADS)
        }

    def land(
        self,
        boards: Sequence[Board],
        filters: Mapping[str, str],
        *,
        changed: Collection[int],
        since: datetime | None,
        is_census: bool,
        may_delete: bool = True,
    ) -> dict[str, str]:
        """Bring all boards up to date; board id → hash of the filter, for the cursor.

        `filters` are the hashes of the last run, `changed` the issues that this run saw change after `since`.
        Without `may_delete` (a project or the list of boards could not be read), and of a filter that is empty at once,
        nothing is deleted, and the next run reads whole. A filter that is still empty then is believed.
        """
        readable = _readable(boards)
        hashes = {board.board_id: filter_hash(board, self._projects) for board in readable}
        whole = {
            board.board_id
            for board in readable
            if is_census
            or since is None
            or filters.get(board.board_id) != hashes[board.board_id]
            or moves_by_itself(board.jql or "")
        }
        if not changed and not whole and set(filters) <= {board.board_id for board in boards}:
            return hashes
        known = self._known()
        come: list[tuple[str, int]] = []
        gone: list[str] = [
            f"{board_id}:{issue}" for board_id in set(known) - {b.board_id for b in boards} for issue in known[board_id]
        ]

        def ask(board: Board) -> tuple[bool, set[int] | None]:
            is_whole = board.board_id in whole
            return is_whole, self._asked(board, since, is_whole=is_whole, is_any_changed=bool(changed))

        for board, (is_whole, held) in in_parallel(ask, readable, THREADS):
            if held is None:
                del hashes[board.board_id]  # asked for whole next time
                continue
            before = known.get(board.board_id, set())
            if not may_delete:
                del hashes[board.board_id]
            elif is_whole and before and not held and filters.get(board.board_id) != EMPTIED:
                hashes[board.board_id] = EMPTIED
                board.problems.append(f"its filter, which held {len(before)} issues, finds none; they are kept so far")
                continue
            left = (before if is_whole else before & set(changed)) - held
            come += [(board.board_id, issue) for issue in sorted(held - before)]
            gone += [f"{board.board_id}:{issue}" for issue in left]
        if come:
            self._writer.append(STREAM, _table(come))
        if may_delete:
            self._writer.delete(STREAM, sorted(gone))
        return hashes

    def _asked(self, board: Board, since: datetime | None, *, is_whole: bool, is_any_changed: bool) -> set[int] | None:
        """What the filter holds: all of it, or of what has changed since `since`. None if it cannot be searched."""
        if not is_whole and not is_any_changed:
            return set()
        if is_whole and board.board_id in self._read:
            return self._read[board.board_id]
        return self._held(board, "" if is_whole or since is None else self._walks.since(since))

    def _held(self, board: Board, condition: str) -> set[int] | None:
        try:
            return self._walks.filter_ids(str(board.filter_id), self._projects, condition)
        except HIDDEN as error:
            board.problems.append(f"its filter cannot be searched: {short_reason(error)}")
        except (*BROKEN, Unreachable) as error:
            self._broken(error, board)
        return None

    def _known(self) -> dict[str, set[int]]:
        """Landed items by board."""
        table = self._writer.landing.latest(STREAM, self._writer.connection.id, ["board_id", "issue_id", "is_deleted"])
        known: dict[str, set[int]] = {}
        columns = (table[name].to_pylist() for name in ("board_id", "issue_id", "is_deleted"))
        for board_id, issue_id, is_deleted in zip(*columns, strict=True):
            if not is_deleted:
                known.setdefault(board_id, set()).add(int(issue_id))
        return known


def _readable(boards: Sequence[Board]) -> list[Board]:
    return [board for board in boards if board.jql is not None and board.filter_id is not None]


def _table(pairs: Sequence[tuple[str, int]]) -> pa.Table:
    """Rows of board_items by column; a company's boards hold as many as it has issues."""
    return pa.table(
        {
            "record_id": [f"{board_id}:{issue}" for board_id, issue in pairs],
            "board_id": [board_id for board_id, _ in pairs],
            "issue_id": [str(issue) for _, issue in pairs],
        }
    )
