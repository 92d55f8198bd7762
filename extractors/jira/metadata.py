"""The small streams of a Jira site: what there is besides issues. Read whole in every run, landed where changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from extractors.connection import Coverage
from extractors.errors import (
    AccessDenied,
    AuthError,
    BadRequest,
    ExtractError,
    Gone,
    NotFound,
    NotJson,
    RepeatedPage,
    SchemaChanged,
    Truncated,
    Unreachable,
)
from extractors.jira.census import Limit
from extractors.jira.client import THREADS, JiraClient
from extractors.jira.fields import FieldRoles, find_roles
from extractors.jira.scopes import needed_for
from extractors.jira.site_rows import (
    OF_CONFIGURATION,
    Board,
    Json,
    board_row,
    column_rows,
    field_row,
    issue_type_row,
    project_row,
    resolution_row,
    sprint_row,
    status_row,
    version_row,
)
from extractors.landing import Landing
from extractors.oddities import UNREADABLE, Oddities
from extractors.writing import Writer, in_parallel

HIDDEN = (AccessDenied, NotFound, BadRequest)  # what the account may not see of one board or project
BROKEN = (Gone, NotJson, RepeatedPage, SchemaChanged, Truncated)  # what is wrong with one board or project
MOST_UNREACHABLE = 3  # boards and projects that answer with server errors only, before the site counts as down


class Metadata:
    """Reads and lands the small streams. `failures` collects what makes the run red.

    `oddities`: the entries that no row could be made of. `landed`: of each landed board, by its id, what its
    configuration said (`landed_boards`).
    """

    def __init__(
        self,
        client: JiraClient,
        projects: Mapping[str, Json],
        fail: Callable[[ExtractError], None],
        landed: Mapping[str, Json] | None = None,
    ) -> None:
        self._client = client
        self.projects = projects
        self._fail = fail
        self._landed = landed or {}
        self.fields: list[Json] = []
        self.boards: list[Board] = []
        self.roles = FieldRoles({}, {})
        self.no_boards: str | None = None  # why boards are unknown
        self.is_stopped = False  # too much of a list is gone at once, or a board is odd: nothing of it was deleted
        self.oddities = Oddities()
        self._unreachable = 0
        self._lists: dict[str, list[Json]] = {}
        self._versions: dict[str, list[Json] | ExtractError] = {}

    def read_boards(self) -> None:
        """All that is known of boards, and so which field means what."""
        self.read_configurations()
        self.read_rest()

    def read_configurations(self) -> None:
        """Fields and the boards' configurations: what has to be known before issues are asked for."""
        with ThreadPoolExecutor(1) as pool:
            fields = pool.submit(self._client.fields)
            found = self._found_boards()
            self.fields = list(self.oddities.identified("jira/fields", fields.result(), is_number=False).values())
        boards = [
            Board(board_id, raw, landed=self._landed.get(board_id, {}))
            for board_id, raw in sorted(found.items(), key=lambda pair: int(pair[0]))
        ]
        self.boards = [board for _, board in in_parallel(self._configure, boards, THREADS)]
        self.roles = find_roles(self.fields, self._points_fields(), self._client.connection.fields)

    def _points_fields(self) -> list[str]:
        """The boards' estimation fields, the commonest first.

        A landed board that cannot be read now, or is not listed, has its say until its deletion is landed: else one
        refused answer would give fields another meaning, and all issues would be read again without points.
        """
        said = {board_id: row["points_field_id"] for board_id, row in self._landed.items()}
        said |= {board.board_id: board.points_field for board in self.boards if board.configuration is not None}
        names = (said[board_id] for board_id in sorted(said, key=int))
        return [name for name, _ in Counter(name for name in names if name).most_common()]

    def read_rest(self) -> None:
        """Filters, sprints, versions and the small lists: all at once, beside the issues of a first load."""
        tasks: list[Callable[[], None]] = [
            *(partial(self._read_filter, board) for board in self.boards),
            *(partial(self._add_sprints, board) for board in self.boards if board.kind != "kanban"),
            *(partial(self._read_versions, project_id) for project_id in self.projects),
            self._read_lists,
        ]
        for _ in in_parallel(lambda task: task(), tasks, THREADS):
            pass

    def _read_lists(self) -> None:
        """One after the other: the client of the `jira` package is not made for threads."""
        client, rows = self._client, self.oddities.rows
        self._lists = {
            "jira/statuses": rows("jira/statuses", client.statuses(), status_row),
            "jira/resolutions": rows("jira/resolutions", client.resolutions(), resolution_row),
            "jira/issue_types": rows("jira/issue_types", client.issue_types(), issue_type_row),
        }

    def _found_boards(self) -> dict[str, Json]:
        """Boards by id. Without Jira Software there are none; without permission the run is red and keeps the old."""
        found: dict[str, Json] = {}
        try:
            for key in self._board_scopes():
                found |= self.oddities.identified("jira/boards", self._client.boards(key))
        except NotFound as error:
            self.no_boards = f"this site has no boards: {short_reason(error)}"
        except (AccessDenied, AuthError) as error:
            self.no_boards = f"boards cannot be read: {short_reason(error)}"
            self._fail(error)
        self.is_stopped = self.oddities.has("jira/boards")  # who knows which of the landed ones it is
        return {} if self.no_boards else found

    def _board_scopes(self) -> list[str | None]:
        if not self._client.connection.projects:
            return [None]
        return [str(project["key"]) for project in self.projects.values()]

    def _configure(self, board: Board) -> Board:
        """Read a board's configuration; what the account may not see is noted and does not stop the others."""
        try:
            board.configuration = self._client.board_configuration(board.board_id)
            board.check()
        except HIDDEN as error:
            board.problems.append(f"its configuration cannot be read: {short_reason(error)}")
        except UNREADABLE as error:
            board.configuration = None
            board.problems.append(f"its configuration is of an unknown form: {' '.join(str(error).split())[:80]}")
        except (*BROKEN, Unreachable) as error:
            self.broken(error, board)
        return board

    def broken(self, error: ExtractError, board: Board) -> None:
        """One board fails as nobody could foresee: red by name, and the others go on."""
        self._fail(self._owned(error, f"board {board.board_id} ({board.name})"))
        board.problems.append(f"it {error.what}: {short_reason(error)}")

    def _owned(self, error: ExtractError, owner: str) -> ExtractError:
        """The error as one of a board or project. Raises it if the site is out of reach as a whole."""
        if isinstance(error, Unreachable):
            self._unreachable += 1
            if error.status is None or self._unreachable > MOST_UNREACHABLE:
                raise error
        error.subject = f"{owner}: {error.subject}"
        return error

    def _read_filter(self, board: Board) -> None:
        try:
            if board.filter_id is not None:
                jql = self._client.filter(board.filter_id).get("jql")
                board.jql = jql if isinstance(jql, str) else None
        except HIDDEN as error:
            board.problems.append(f"its filter cannot be read: {short_reason(error)}")
        except (*BROKEN, Unreachable) as error:
            self.broken(error, board)

    def _add_sprints(self, board: Board) -> None:
        board.are_sprints_known = False
        try:
            path = f"/rest/agile/1.0/board/{board.board_id}/sprint"
            found = self._client.pages(path, {"maxResults": 50})
        except BadRequest as error:
            if board.kind != "scrum" and "sprint" in error.detail.lower():  # a team-managed board without sprints
                board.problems.append("it has no sprints")
                board.are_sprints_known = True
            else:
                self.broken(error, board)
        except (AccessDenied, NotFound) as error:
            board.problems.append(f"its sprints cannot be read: {short_reason(error)}")
        except (*BROKEN, Unreachable) as error:
            self.broken(error, board)
        else:
            board.sprints = list(self.oddities.identified("jira/sprints", found).values())
            board.are_sprints_known = True

    def land(self, writer: Writer) -> None:
        """All small streams but board_items, which come after the issues."""
        append = writer.append
        rows = self.oddities.rows
        append("jira/projects", rows("jira/projects", self.projects.values(), project_row))
        append("jira/fields", rows("jira/fields", self.fields, lambda raw: field_row(raw, self.roles)))
        for stream, found in self._lists.items():
            append(stream, found)
        self._land_versions(writer)
        if self.no_boards is None:
            self._land_boards(writer)

    @property
    def version_failures(self) -> list[ExtractError]:
        """What the releases of projects were refused with."""
        return [found for found in self._versions.values() if isinstance(found, ExtractError)]

    def _land_versions(self, writer: Writer) -> None:
        rows: list[Json] = []
        failures = self.version_failures
        for project_id, versions in self._versions.items():
            if not isinstance(versions, ExtractError):
                rows += self.oddities.rows("jira/versions", versions, partial(version_row, project_id=project_id))
        for error in failures:
            self._fail(error)
        if failures:
            writer.append("jira/versions", rows)
        else:
            self._replace(writer, "jira/versions", rows)

    def _replace(
        self,
        writer: Writer,
        stream: str,
        rows: list[Json],
        is_in_scope: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """Land a list as a whole, unless it has lost all that is landed, or more than may go at once.

        What belongs to a project that is not read goes with it, and is not counted.
        """
        owners = self._owners(writer, "jira/versions" if stream == "jira/versions" else "jira/boards")
        known = {
            key
            for key in writer.alive(stream)
            if is_in_scope(key) and owners.get(key.split(":")[0]) in (None, *self.projects)
        }
        gone = known - {row["record_id"] for row in rows}
        if self._may_go(writer, stream, len(known), len(gone)):
            writer.replace(stream, rows, lambda key: is_in_scope(key) and not self.oddities.may_hold(stream, key))
        else:
            writer.append(stream, rows)

    def _may_go(self, writer: Writer, stream: str, known: int, gone: int) -> bool:
        """Whether `gone` of the `known` entries of a list may be deleted. If not, the run is red."""
        limit = Limit(writer.connection.id, writer.connection.max_deleted_ratio)
        if not gone or limit.allows_of_list(known, gone):
            return True
        self.is_stopped = True
        self._fail(limit.of_list(stream, known, gone))
        return False

    def _owners(self, writer: Writer, stream: str) -> dict[str, str | None]:
        """The project of each landed version or board."""
        rows = writer.landing.latest(stream, writer.connection.id, ["record_id", "project_id"]).to_pylist()
        return {row["record_id"]: row["project_id"] for row in rows}

    def _read_versions(self, project_id: str) -> None:
        try:
            self._versions[project_id] = self._client.versions(project_id)
        except HIDDEN as error:
            self._versions[project_id] = error
        except (*BROKEN, Unreachable) as error:
            key = self.projects[project_id].get("key") or project_id
            self._versions[project_id] = self._owned(error, f"project {key}")

    def _land_boards(self, writer: Writer) -> None:
        odd, by_id = self.oddities.may_hold, {board.board_id: board for board in self.boards}
        raws = [board.raw for board in self.boards]
        self._replace(
            writer, "jira/boards", self.oddities.rows("jira/boards", raws, lambda raw: board_row(by_id[str(raw["id"])]))
        )
        unread = {board.board_id for board in self.boards if board.configuration is None}
        columns = [row for board in self.boards for row in column_rows(board)]
        self._replace(
            writer,
            "jira/board_columns",
            columns,
            lambda key: (board_id := key.split(":")[0]) not in unread and not odd("jira/boards", board_id),
        )
        sprints: dict[str, Json] = {}
        for board in self.boards:
            rows = self.oddities.rows("jira/sprints", board.sprints, partial(sprint_row, listed_by=board.board_id))
            sprints = {row["record_id"]: row for row in rows} | sprints
        if all(board.are_sprints_known for board in self.boards):
            self._delete_sprints(writer, sprints)
        writer.append("jira/sprints", list(sprints.values()))

    def _delete_sprints(self, writer: Writer, sprints: dict[str, Json]) -> None:
        """Delete those that neither a board lists nor the site knows by id, unless too many are gone at once.

        Those that are still there by id come into `sprints`.
        """
        landed = writer.landing.latest("jira/sprints", writer.connection.id, ["record_id", "board_id", "is_deleted"])
        board_of = {row["record_id"]: row["board_id"] for row in landed.to_pylist() if not row["is_deleted"]}
        unlisted = [key for key in board_of if key not in sprints and not self.oddities.may_hold("jira/sprints", key)]
        gone = [key for key in sorted(unlisted) if self._is_gone(key, sprints)]
        projects = self._owners(writer, "jira/boards")
        counted = {key for key, board_id in board_of.items() if projects.get(board_id) in (None, *self.projects)}
        if self._may_go(writer, "jira/sprints", len(counted), len(counted & set(gone))):
            writer.delete("jira/sprints", gone)

    def _is_gone(self, sprint_id: str, sprints: dict[str, Json]) -> bool:
        """A sprint that no board lists any more: gone, or still there on a board that we do not see."""
        raw, is_known = self._sprint(sprint_id)
        if raw is not None:
            sprints |= {row["record_id"]: row for row in self.oddities.rows("jira/sprints", [raw], sprint_row)}
        return raw is None and is_known

    def _sprint(self, sprint_id: str) -> tuple[Json | None, bool]:
        """A sprint by its id (None: there is none), and whether that could be asked."""
        try:
            return self._client.sprint(sprint_id), True
        except (AccessDenied, BadRequest):
            return None, False
        except (*BROKEN, Unreachable) as error:
            self._fail(self._owned(error, f"sprint {sprint_id}"))
            return None, False

    def land_unlisted_sprints(self, writer: Writer, seen: Mapping[str, Json]) -> None:
        """Sprints that issues name but no board lists: asked for one by one, else as the issue shows them."""
        listed = {str(raw["id"]) for board in self.boards for raw in board.sprints}
        known = writer.landing.latest("jira/sprints", writer.connection.id, ["record_id"])["record_id"].to_pylist()
        unlisted = sorted(set(seen) - listed - set(known), key=int)
        found = [raw or seen[key] for key, (raw, _) in in_parallel(self._sprint, unlisted, THREADS)]
        writer.append("jira/sprints", self.oddities.rows("jira/sprints", found, sprint_row))

    def coverage(self) -> list[Coverage]:
        """Boards that could be read only in part, and odd entries of any list, with the reason."""
        odd = self.oddities.coverage()
        troubled = [board for board in self.boards if board.problems]
        reason = "; ".join(f"board {board.board_id} ({board.name}): {', '.join(board.problems)}" for board in troubled)
        count = len(self.boards)
        if self.no_boards is not None:
            return [Coverage("jira/boards", "*", reason=self.no_boards), *odd]
        return [Coverage("jira/boards", "*", count, count, skipped=len(troubled), reason=reason or None), *odd]


def landed_boards(landing: Landing, connection_id: str) -> dict[str, Json]:
    """What the configurations of the landed boards said: the columns OF_CONFIGURATION by board id."""
    rows = landing.latest("jira/boards", connection_id, ["board_id", "is_deleted", *OF_CONFIGURATION]).to_pylist()
    return {row["board_id"]: {name: row[name] for name in OF_CONFIGURATION} for row in rows if not row["is_deleted"]}


def short_reason(error: ExtractError) -> str:
    """An error in a few words, for a list of reasons."""
    status = f"HTTP {error.status}" if error.status is not None else type(error).__name__
    words = f"{status} {error.detail}".strip().rstrip(".")
    return f"{words}. {needed}".rstrip(".") if (needed := needed_for(error)) else words
