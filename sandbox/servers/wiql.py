"""WIQL → a condition over the store's work items. A subset: the fields that are listed here, in flat queries and in
queries for links between parents and children."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sandbox.render.common import milliseconds

_TOKEN = re.compile(
    r"""\s*(?:(?P<field>(?:\[(?:[Ss]ource|[Tt]arget)\]\.)?\[[\w.]+\])|(?P<text>'(?:''|[^'])*'|"(?:""|[^"])*")|(?P<number>-?\d+(?:\.\d+)?)
    |(?P<macro>@\w+)|(?P<sign><>|!=|<=|>=|=|<|>|\(|\)|,|-|\+)|(?P<word>[\w.]+))""",
    re.VERBOSE,
)
_COLUMNS = {
    "system.id": "id", "system.teamproject": "project", "system.workitemtype": "type", "system.state": "state",
    "system.areapath": "area_path", "system.iterationpath": "iteration_path", "system.assignedto": "assigned_to",
    "system.tags": "tags", "system.title": "title", "system.parent": "parent_id", "system.createddate": "created",
    "system.changeddate": "changed", "system.rev": "rev",
}  # fmt: skip
_DATES = {"created", "changed"}
_SIGNS = {"=", "<>", "!=", "<", "<=", ">", ">="}
_HIERARCHY = "system.linktypes.hierarchy"
_OPERATOR_WORDS = ("in", "under", "contains")
DAY = 86_400_000


class WiqlError(Exception):
    """What Azure DevOps says in `message` with status 400."""


@dataclass(frozen=True)
class WiqlQuery:
    """`where` and `order` are SQL over table work_items, `columns` the fields that were selected.

    `link`: `Hierarchy-Forward` or `-Reverse` of a query for links; its SQL knows two work_items, `source` and `target`.
    """

    where: str
    values: tuple[str | int | float, ...]
    order: str
    columns: tuple[str, ...]
    link: str | None = None


def read_wiql(text: str, project: str | None, now: datetime, *, with_time: bool) -> WiqlQuery:
    """`project` is what @project means. Without `with_time` dates count as days. Raises WiqlError."""
    return _Reader(text, project, now, with_time=with_time).query()


class _Reader:
    def __init__(self, text: str, project: str | None, now: datetime, *, with_time: bool) -> None:
        self._tokens = _tokens(text)[::-1]
        self._project, self._now, self._with_time = project, now, with_time
        self._values: list[str | int | float] = []
        self._link: str | None = None
        self._is_of_links = False

    def query(self) -> WiqlQuery:
        self._word("select")
        columns = [self._take("field")]
        while self._next() == ",":
            self._pop()
            columns.append(self._take("field"))
        self._word("from")
        origin = self._pop()[1].lower()
        if origin not in ("workitems", "workitemlinks"):
            raise WiqlError("TF51006: The query statement is missing a FROM clause.")
        self._is_of_links = origin == "workitemlinks"
        where = "1"
        if self._next() == "where":
            self._pop()
            where = self._either()
        if self._is_of_links:
            self._mode()
            if self._link is None:
                raise WiqlError("TF51005: Only links between parents and children can be queried here.")
        names = tuple(name[1:-1] for name in columns)
        order = "source.id, target.id" if self._is_of_links else self._order()
        return WiqlQuery(where, tuple(self._values), order, names, self._link)

    def _mode(self) -> None:
        for word in ("mode", "(", "mustcontain", ")"):
            self._expect(word)

    def _order(self) -> str:
        if not self._tokens:
            return "id"
        self._word("order")
        self._word("by")
        parts = []
        while True:
            column = self._column(self._take("field"))
            direction = self._pop()[1].lower() if self._next() in ("asc", "desc") else "asc"
            parts.append(f"{column} {direction}")
            if self._next() != ",":
                break
            self._pop()
        return ", ".join([*parts, "id"])

    def _either(self) -> str:
        parts = [self._all()]
        while self._next() == "or":
            self._pop()
            parts.append(self._all())
        return f"({' or '.join(parts)})"

    def _all(self) -> str:
        parts = [self._one()]
        while self._next() == "and":
            self._pop()
            parts.append(self._one())
        return " and ".join(parts)

    def _one(self) -> str:
        if self._next() == "not":
            self._pop()
            return f"not coalesce({self._one()}, 0)"
        if self._next() == "(":
            self._pop()
            inside = self._either()
            self._expect(")")
            return inside
        return self._condition()

    def _condition(self) -> str:
        name = self._take("field")
        if name.lower() == "[system.isdeleted]":  # queries never see deleted items
            self._pop()
            return "1" if str(self._value("")).lower() == "false" else "0"
        if name.lower() == "[system.links.linktype]":
            return self._link_type()
        column = self._column(name)
        negation, operator = "", self._pop()[1].lower()
        if operator == "not":
            negation, operator = "not ", self._pop()[1].lower()
        if operator in _SIGNS:
            return self._comparison(column, operator)
        if operator not in _OPERATOR_WORDS:
            raise WiqlError(f"TF51005: The query references an operator that is not known: '{operator}'.")
        if operator == "in":
            return f"{column} {negation}in ({', '.join(self._list(column))})"
        value = str(self._value(column))
        if operator == "contains":
            return f"{negation}instr(lower({column}), lower({self._bind(value)})) > 0"
        children = value + "\\"
        below = f"({column} = {self._bind(value)} or instr({column}, {self._bind(children)}) = 1)"
        return f"{negation}{below}"

    def _link_type(self) -> str:
        self._expect("=")
        name = str(self._value(""))
        if not name.lower().startswith(_HIERARCHY):
            raise WiqlError(f"TF51005: Links of type '{name}' cannot be queried here.")
        self._link = name
        return "1"

    def _comparison(self, column: str, operator: str) -> str:
        value = self._value(column)
        if column not in _DATES or self._with_time:
            return f"{column} {operator} {self._bind(value)}"
        day = f"{column} / {DAY}"  # a date without a time is a whole day
        return f"{day} {operator} {self._bind(int(value) // DAY)}"

    def _list(self, column: str) -> list[str]:
        self._expect("(")
        places = [self._bind(self._value(column))]
        while self._next() == ",":
            self._pop()
            places.append(self._bind(self._value(column)))
        self._expect(")")
        return places

    def _value(self, column: str) -> str | int | float:
        kind, text = self._pop()
        if kind == "text":
            value = text[1:-1].replace(text[0] * 2, text[0])
            return self._date(value) if column in _DATES else value
        if kind == "number":
            return float(text) if "." in text else int(text)
        if kind == "macro":
            return self._macro(text.lower())
        return text  # True, False

    def _macro(self, name: str) -> str | int:
        if name == "@project":
            if self._project is None:
                raise WiqlError("TF51011: @project can only be used in a query that is sent to a project.")
            return self._project
        if name == "@me":
            return "sandbox@example.invalid"
        if name == "@today":
            midnight = self._now.replace(hour=0, minute=0, second=0, microsecond=0)
            if self._next() in ("-", "+"):
                sign = -1 if self._pop()[1] == "-" else 1
                midnight += timedelta(days=sign * int(self._take("number")))
            elif (days := self._next()) and days.startswith("-"):
                midnight += timedelta(days=int(self._pop()[1]))
            return milliseconds(midnight)
        raise WiqlError(f"TF51011: The macro {name} is not known.")

    def _date(self, text: str) -> int:
        try:
            instant = datetime.fromisoformat(text)
        except ValueError as error:
            raise WiqlError(f"TF51006: '{text}' is not a date.") from error
        is_day = instant == instant.replace(hour=0, minute=0, second=0, microsecond=0)
        if not is_day and not self._with_time:
            raise WiqlError(
                "TF51005: You cannot supply a time with the date when running a query using date precision."
            )
        return milliseconds(instant if instant.tzinfo else instant.replace(tzinfo=UTC))

    def _column(self, name: str) -> str:
        side, _, field = name.lower().rpartition("].[")
        column = _COLUMNS.get(field.strip("[]"))
        if column is None or bool(side) != self._is_of_links:
            raise WiqlError(
                f"TF51005: The query references a field that does not exist. The error is caused by {name}."
            )
        return f"{side.strip('[]')}.{column}" if side else column

    def _bind(self, value: str | float) -> str:
        self._values.append(value)
        return "?"

    def _next(self) -> str:
        return self._tokens[-1][1].lower() if self._tokens else ""

    def _pop(self) -> tuple[str, str]:
        if not self._tokens:
            raise WiqlError("TF51006: The query statement ends too early.")
        return self._tokens.pop()

    def _take(self, kind: str) -> str:
        found, text = self._pop()
        if found != kind:
            raise WiqlError(f"TF51006: Expecting a {kind} but got '{text}'.")
        return text

    def _word(self, word: str) -> None:
        self._expect(word)

    def _expect(self, text: str) -> None:
        found = self._pop()[1]
        if found.lower() != text:
            raise WiqlError(f"TF51006: Expecting '{text}' but got '{found}'.")


def _tokens(text: str) -> list[tuple[str, str]]:
    found, position, text = [], 0, text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise WiqlError(f"TF51006: The query statement cannot be read at position {position + 1}.")
        found.append((match.lastgroup, match.group(match.lastgroup)))
        position = match.end()
    return found
