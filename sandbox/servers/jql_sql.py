"""JQL's syntax tree → a condition over the store's tables, as the site's Jira would understand it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from sandbox.render.common import milliseconds
from sandbox.servers.jql import Both, Clause, Function, JqlError, Node, Not, Order, Value, parse
from sandbox.store import Store

_COMPARISONS = {"=", "!=", "<", "<=", ">", ">="}
_DATES = {
    "created": "created", "createddate": "created", "updated": "updated", "updateddate": "updated",
    "resolved": "resolved", "resolutiondate": "resolved",
}  # fmt: skip
_KEYS = {"key", "issuekey", "issue", "id"}
_LISTED = {
    "issuetype": ("type_id", "issuetype"), "type": ("type_id", "issuetype"), "status": ("status_id", "status"),
    "resolution": ("resolution_id", "resolution"), "priority": ("priority_id", "priority"),
}  # fmt: skip
_ORDERS = {
    "key": "project_id {0}, key_number", "issuekey": "project_id {0}, key_number", "id": "id", "rank": "id",
    "project": "project_id", "status": "status_id", "priority": "priority_id", "issuetype": "type_id",
    "summary": "summary", "assignee": "assignee", **_DATES,
}  # fmt: skip
_NULLABLE = {"resolution_id", "priority_id", "parent_id", "assignee", "reporter", "resolved"}
_UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_FORMATS = ("%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%Y-%m-%d", "%Y/%m/%d")
_INVERSE = {"!=": "=", "not in": "in", "is not empty": "is empty", "!~": "~"}


@dataclass(frozen=True)
class Condition:
    """`where` and `order` are SQL over table issues; `is_bounded`: the JQL restricts something."""

    where: str
    values: tuple[str | int, ...]
    order: str
    is_bounded: bool


class JqlReader:
    """Reads JQL against one site. `zone` is the account's: dates in JQL are read in it, to the minute."""

    def __init__(self, store: Store, zone: tzinfo, now: datetime, account: str) -> None:
        self._store, self._zone, self._now, self._account = store, zone, now, account
        self._values: list[str | int] = []
        self._depth = 0

    def read(self, text: str) -> Condition:
        """Raises JqlError with the words of Jira."""
        query = parse(text)
        self._values = []
        where = "1" if query.where is None else self._node(query.where)
        values = tuple(self._values)
        return Condition(where, values, self._order(query.order), query.where is not None)

    def _order(self, orders: tuple[Order, ...]) -> str:
        parts = []
        for order in orders:
            column = _ORDERS.get(order.field.lower())
            if column is None:
                raise JqlError(f"Not able to sort using field '{order.field}'.")
            direction = "desc" if order.is_descending else "asc"
            parts.append(f"{column.format(direction)} {direction}")
        return ", ".join([*parts, "id"] if parts else ["id desc"])

    def _node(self, node: Node) -> str:
        if isinstance(node, Both):
            return "(" + f" {node.operator} ".join(self._node(part) for part in node.parts) + ")"
        if isinstance(node, Not):
            return f"not coalesce({self._node(node.part)}, 0)"
        return self._clause(node)

    def _clause(self, clause: Clause) -> str:
        field, operator = clause.field.lower(), clause.operator
        if operator in _INVERSE:  # as in Jira, != and NOT IN do not find empty fields
            positive = Clause(clause.field, _INVERSE[operator], clause.values)
            negation = f"not ({self._clause(positive)})"
            return negation if operator == "is not empty" else f"({negation} and not ({self._empty(field)}))"
        if operator == "is empty":
            return self._empty(field)
        if field in _DATES:
            return self._date(_DATES[field], clause)
        if operator not in ("=", "in") and field not in _KEYS:
            raise JqlError(f"The operator '{operator}' is not supported by the '{clause.field}' field.")
        return self._membership(field, clause)

    def _membership(self, field: str, clause: Clause) -> str:
        if field in _LISTED:
            column, kind = _LISTED[field]
            return self._any(clause, lambda value: self._is(column, self._listed(kind, clause.field, value)))
        readers: dict[str, Callable[[Value], str]] = {
            "sprint": self._sprint, "labels": self._label, "fixversion": self._version,
            "parent": lambda value: self._is("parent_id", self._issue(value, "parent")),
            "assignee": lambda value: self._person("assignee", value),
            "reporter": lambda value: self._person("reporter", value),
            "filter": self._filter, "statuscategory": self._category,
        }  # fmt: skip
        if field in _KEYS:
            return self._keys(field, clause)
        if field == "project":
            return self._projects([self._project(value) for value in clause.values])
        if field not in readers:
            raise JqlError(f"Field '{clause.field}' does not exist or you do not have permission to view it.")
        return self._any(clause, readers[field])

    def _any(self, clause: Clause, reader: Callable[[Value], str]) -> str:
        return "(" + " or ".join(reader(value) for value in clause.values) + ")"

    def _bind(self, value: str | int) -> str:
        self._values.append(value)
        return "?"

    def _is(self, column: str, value: str | int) -> str:
        return self._known(column, f"{column} = {self._bind(value)}")

    @staticmethod
    def _known(column: str, condition: str) -> str:
        """False, not unknown, where the column is empty; bare on the others, so that their indexes help."""
        return f"coalesce({condition}, 0)" if column in _NULLABLE else condition

    def _empty(self, field: str) -> str:
        if field in ("sprint", "fixversion"):
            return f"id not in (select issue_id from {'issue_sprints' if field == 'sprint' else 'issue_versions'})"  # noqa: S608
        if field == "labels":
            return "trim(labels) = ''"
        column = {**_DATES, **{name: pair[0] for name, pair in _LISTED.items()}, "parent": "parent_id"}.get(
            field, field
        )
        if column in _NULLABLE:
            return f"{column} is null"
        return "0"  # every other field always has a value

    def _date(self, column: str, clause: Clause) -> str:
        operator = clause.operator
        if operator not in _COMPARISONS:
            raise JqlError(f"The operator '{operator}' is not supported by the '{clause.field}' field.")
        if len(clause.values) != 1:
            raise JqlError(f"Field '{clause.field}' takes one date.")
        instant = self._instant(clause.values[0], clause.field)
        return self._known(column, f"{column} {operator} {self._bind(instant)}")

    def _instant(self, value: Value, field: str) -> int:
        """Epoch milliseconds of a date as JQL writes it: epoch ms, -1d, 2026-01-31 09:00 in the account's zone."""
        if isinstance(value, Function):
            return milliseconds(self._moment(value))
        if re.fullmatch(r"\d{9,}", value):
            return int(value)
        if match := re.fullmatch(r"([-+]?)(\d+)([mhdw])", value):
            seconds = int(match[2]) * _UNITS[match[3]] * (-1 if match[1] == "-" else 1)
            return milliseconds(self._now + timedelta(seconds=seconds))
        for form in _FORMATS:
            try:
                local = datetime.strptime(value, form)  # noqa: DTZ007 - the account's zone comes next
            except ValueError:
                continue
            return milliseconds(local.replace(tzinfo=self._zone).astimezone(UTC))
        raise JqlError(
            f"Date value '{value}' for field '{field}' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', "
            "'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'."
        )

    def _moment(self, function: Function) -> datetime:
        if function.name == "now":
            return self._now
        if function.name == "startofday":
            local = self._now.astimezone(self._zone)
            return local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
        raise JqlError(f"Unable to find JQL function '{function.name}({', '.join(function.arguments)})'.")

    def _keys(self, field: str, clause: Clause) -> str:
        if clause.operator in ("=", "in"):
            places = ", ".join(self._bind(self._issue(value, field)) for value in clause.values)
            return f"id in ({places})"
        if clause.operator not in _COMPARISONS:
            raise JqlError(f"The operator '{clause.operator}' is not supported by the '{field}' field.")
        value = clause.values[0]
        if isinstance(value, str) and value.isdigit():
            return f"id {clause.operator} {self._bind(int(value))}"
        row = self._store.rows("select project_id, key_number from issues where id = ?", (self._issue(value, field),))[
            0
        ]
        return f"(project_id = {self._bind(row[0])} and key_number {clause.operator} {self._bind(row[1])})"

    def _issue(self, value: Value, field: str) -> int:
        """The id of an issue that a key (a former one too) or an id names."""
        text = value if isinstance(value, str) else value.name
        if text.isdigit():
            if self._store.value("select 1 from issues where id = ?", (int(text),)):
                return int(text)
            raise JqlError(f"A value with ID '{text}' does not exist for the field '{field}'.")
        found = self._store.value("select issue_id from issue_keys where key = ?", (text,))
        if found is None:
            raise JqlError(f"An issue with key '{text}' does not exist for field '{field}'.")
        return int(found)

    def _projects(self, numbers: Sequence[int]) -> str:
        """One project: by its index. Several: beside the order of ids, for sorting them anew for each page is slow."""
        if len(numbers) == 1:
            return f"project_id = {self._bind(numbers[0])}"
        return f"+project_id in ({', '.join(self._bind(number) for number in numbers)})"

    def _project(self, value: Value) -> int:
        for document in self._store.decoded("project"):
            if isinstance(value, str) and value.lower() in (
                document["key"].lower(), document["id"], document["name"].lower(),
            ):  # fmt: skip
                return int(document["id"])
        raise JqlError(f"The value '{_shown(value)}' does not exist for the field 'project'.")

    def _listed(self, kind: str, field: str, value: Value) -> int:
        for document in self._store.decoded(kind):
            if isinstance(value, str) and value.lower() in (document["id"], document["name"].lower()):
                return int(document["id"])
        raise JqlError(f"The value '{_shown(value)}' does not exist for the field '{field}'.")

    def _category(self, value: Value) -> str:
        numbers = [
            int(document["id"]) for document in self._store.decoded("status")
            if isinstance(value, str) and value.lower() in (
                document["statusCategory"]["name"].lower(), document["statusCategory"]["key"],
                str(document["statusCategory"]["id"]),
            )
        ]  # fmt: skip
        if not numbers:
            raise JqlError(f"The value '{_shown(value)}' does not exist for the field 'statusCategory'.")
        return f"status_id in ({', '.join(self._bind(number) for number in numbers)})"

    def _sprint(self, value: Value) -> str:
        sprints = self._store.decoded("sprint")
        states = {"opensprints": "active", "closedsprints": "closed", "futuresprints": "future"}
        if isinstance(value, Function):
            if value.name not in states:
                raise JqlError(f"Unable to find JQL function '{value.name}()'.")
            numbers = [sprint["id"] for sprint in sprints if sprint["state"] == states[value.name]]
        else:
            numbers = [s["id"] for s in sprints if value == str(s["id"]) or value.lower() == s["name"].lower()]
            if not numbers:
                text = f"with ID '{value}'" if value.isdigit() else f"with name '{value}'"
                raise JqlError(f"Sprint {text} does not exist or you do not have permission to view it.")
        places = ", ".join(self._bind(number) for number in numbers)
        return f"id in (select issue_id from issue_sprints where sprint_id in ({places}))"  # noqa: S608 - places only

    def _version(self, value: Value) -> str:
        numbers = [
            int(v["id"]) for v in self._store.decoded("version")
            if isinstance(value, str) and value.lower() in (v["id"], v["name"].lower())
        ]  # fmt: skip
        if not numbers:
            raise JqlError(f"The value '{_shown(value)}' does not exist for the field 'fixVersion'.")
        places = ", ".join(self._bind(number) for number in numbers)
        return f"id in (select issue_id from issue_versions where version_id in ({places}))"  # noqa: S608 - places only

    def _label(self, value: Value) -> str:
        return f"instr(labels, {self._bind(f' {_shown(value)} ')}) > 0"

    def _person(self, column: str, value: Value) -> str:
        name = self._account if isinstance(value, Function) and value.name == "currentuser" else _shown(value)
        return self._is(column, name)

    def _filter(self, value: Value) -> str:
        document = self._store.resource("filter", _shown(value))
        if document is None:
            raise JqlError(f"A value with ID '{_shown(value)}' does not exist for the field 'filter'.")
        self._depth += 1
        if self._depth > 10:
            raise JqlError("The filter refers to itself.")
        jql = next(one["jql"] for one in self._store.decoded("filter") if one["id"] == _shown(value))
        where = parse(jql).where
        return "1" if where is None else self._node(where)


def _shown(value: Value) -> str:
    return value if isinstance(value, str) else f"{value.name}()"
