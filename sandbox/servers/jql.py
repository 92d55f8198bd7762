"""JQL as text → a syntax tree. A subset, but read by a real parser, so that quoting errors show."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

RESERVED = {"and", "or", "not", "in", "is", "was", "changed", "order", "by", "empty", "null", "asc", "desc"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
    | (?P<sign>!=|!~|>=|<=|=|>|<|~|\(|\)|,)
    | (?P<word>[^\s=!<>~(),"']+)
    )""",
    re.VERBOSE,
)


class JqlError(Exception):
    """What Jira says in `errorMessages` with status 400."""


@dataclass(frozen=True)
class Token:
    kind: str  # text, sign, word
    text: str
    at: int

    @property
    def lower(self) -> str:
        return self.text.lower() if self.kind == "word" else ""


@dataclass(frozen=True)
class Function:
    name: str
    arguments: tuple[str, ...]


Value = str | Function
"""A literal as it stands (quotes removed, escapes read), or a function call."""


@dataclass(frozen=True)
class Clause:
    field: str
    operator: str  # =, !=, in, not in, <, <=, >, >=, is empty, is not empty, ~, !~
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Both:
    operator: str  # and, or
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Not:
    part: Node


Node = Clause | Both | Not


@dataclass(frozen=True)
class Order:
    field: str
    is_descending: bool


@dataclass(frozen=True)
class Query:
    """`where` None: the query restricts nothing ("unbounded")."""

    where: Node | None
    order: tuple[Order, ...]


def parse(text: str) -> Query:
    """Raises JqlError."""
    return _Parser(text).query()


def _tokens(text: str) -> list[Token]:
    found, position = [], 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise JqlError(f"Error in the JQL Query: The character at position {position + 1} is not valid there.")
        value = str(match.group(match.lastgroup))
        if match.lastgroup == "text":
            value = re.sub(r"\\(.)", lambda escape: _ESCAPES.get(str(escape[1]), str(escape[1])), value[1:-1])
        found.append(Token(match.lastgroup, value, match.start(match.lastgroup)))
        position = match.end()
    return found


class _Parser:
    """Recursive descent: or ← and ← not ← clause or parentheses."""

    def __init__(self, text: str) -> None:
        self._rest = _tokens(text)[::-1]

    def query(self) -> Query:
        where = None if not self._rest or self._peek().lower == "order" else self._either()
        order: tuple[Order, ...] = ()
        if self._rest:
            self._expect_word("order")
            self._expect_word("by")
            order = self._order()
        return Query(where, order)

    def _order(self) -> tuple[Order, ...]:
        orders = []
        while True:
            field = self._take().text
            direction = self._take().lower if self._rest and self._peek().lower in ("asc", "desc") else "asc"
            orders.append(Order(field, direction == "desc"))
            if not self._rest:
                break
            if self._take().text != ",":
                self._fail("Expecting ',' between the fields of ORDER BY.")
        if len(orders) > 7:
            raise JqlError("JQL can be ordered by at most 7 fields.")
        return tuple(orders)

    def _either(self) -> Node:
        parts = [self._all()]
        while self._rest and self._peek().lower == "or":
            self._take()
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Both("or", tuple(parts))

    def _all(self) -> Node:
        parts = [self._one()]
        while self._rest and self._peek().lower == "and":
            self._take()
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else Both("and", tuple(parts))

    def _one(self) -> Node:
        token = self._peek()
        if token.lower == "not":
            self._take()
            return Not(self._one())
        if token.text == "(" and token.kind == "sign":
            self._take()
            inside = self._either()
            self._expect_sign(")")
            return inside
        return self._clause()

    def _clause(self) -> Clause:
        field = self._take()
        if field.kind == "sign" or field.lower in RESERVED:
            raise JqlError(f"Error in the JQL Query: '{field.text}' is a reserved JQL word or sign. Quote it.")
        operator = self._take()
        if operator.kind == "sign" and operator.text not in "(),":
            return Clause(field.text, operator.text, (self._value(),))
        if operator.lower == "is":
            negated = self._peek().lower == "not"
            if negated:
                self._take()
            if self._take().lower not in ("empty", "null"):
                self._fail("Expecting EMPTY or NULL after IS.")
            return Clause(field.text, "is not empty" if negated else "is empty", ())
        if operator.lower == "not":
            self._expect_word("in")
            return Clause(field.text, "not in", self._list())
        if operator.lower == "in":
            return Clause(field.text, "in", self._list())
        raise JqlError(f"Error in the JQL Query: Expecting operator but got '{operator.text}'.")

    def _list(self) -> tuple[Value, ...]:
        if self._peek().text != "(":  # in openSprints()
            return (self._value(),)
        self._take()
        values = [self._value()]
        while self._peek().text == ",":
            self._take()
            values.append(self._value())
        self._expect_sign(")")
        return tuple(values)

    def _value(self) -> Value:
        token = self._take()
        if token.kind == "sign":
            self._fail(f"Expecting a value but got '{token.text}'.")
        if token.kind == "word" and self._rest and self._peek().text == "(" and self._peek().kind == "sign":
            self._take()
            arguments = []
            while self._peek().text != ")":
                arguments.append(self._take().text)
            self._take()
            return Function(token.lower, tuple(argument for argument in arguments if argument != ","))
        if token.lower in RESERVED - {"empty", "null"}:
            raise JqlError(
                f"Error in the JQL Query: '{token.text}' is a reserved JQL word. You must surround it in quotation "
                f"marks to use it in a query. (line 1, character {token.at + 1})"
            )
        return token.text

    def _peek(self) -> Token:
        if not self._rest:
            raise JqlError("Error in the JQL Query: Expecting more but reached the end of the query.")
        return self._rest[-1]

    def _take(self) -> Token:
        self._peek()
        return self._rest.pop()

    def _expect_word(self, word: str) -> None:
        token = self._take()
        if token.lower != word:
            self._fail(f"Expecting '{word.upper()}' but got '{token.text}'.")

    def _expect_sign(self, sign: str) -> None:
        token = self._take()
        if token.text != sign or token.kind != "sign":
            self._fail(f"Expecting '{sign}' but got '{token.text}'.")

    @staticmethod
    def _fail(message: str) -> NoReturn:
        raise JqlError(f"Error in the JQL Query: {message}")
