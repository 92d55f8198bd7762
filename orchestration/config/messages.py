"""Pydantic's findings in pmo.toml as sentences: file, line, key, what is wrong, the nearest key, what is allowed."""

from __future__ import annotations

import difflib
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from orchestration.config.model import KINDS, PmoToml
from orchestration.config.positions import Path, Positions
from orchestration.errors import Problem

_FORMS = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "path_type": "must be a path",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
}


def problems(error: ValidationError, file: str, positions: Positions) -> list[Problem]:
    """All findings, in the order of their lines, each key once."""
    found: dict[tuple[str | int, ...], Problem] = {}
    for finding in error.errors(include_url=False):
        path, kind = _path(finding["loc"])
        if finding["type"] == "union_tag_invalid":
            path = (*path, "kind")
        line = positions.line(path)
        found.setdefault(path, Problem(file, line, _sentence(dict(finding), path, kind)))
    return sorted(found.values(), key=lambda problem: problem.line or 0)


def nearest(value: str, allowed: list[str], quote: str = '"') -> str:
    """` Did you mean "jira"?`, or nothing."""
    near = difflib.get_close_matches(value, allowed, n=1, cutoff=0.6)
    return f" Did you mean {quote}{near[0]}{quote}?" if near else ""


def _path(location: tuple[str | int, ...]) -> tuple[Path, str | None]:
    """The path in the file, and the connection's kind: pydantic puts the kind of a connection into its location."""
    if len(location) > 2 and location[0] == "connections" and location[2] in KINDS:
        return location[:2] + location[3:], str(location[2])
    return location, None


def _sentence(finding: dict[str, Any], path: Path, kind: str | None) -> str:
    name = next((part for part in reversed(path) if isinstance(part, str)), "")
    where = f" of connection {path[1] + 1}" if len(path) > 1 and isinstance(path[1], int) else ""
    match finding["type"]:
        case "extra_forbidden":
            return _unknown_key(name, where, list(_fields(path[:-1], kind)))
        case "missing":
            return f"the key `{name}`{where} is missing: {_rule(path, kind)}."
        case "union_tag_not_found":
            return f"the key `kind` of connection {path[1] + 1} is missing: {', '.join(KINDS)}."  # type: ignore[operator]
        case "union_tag_invalid":
            tag = str(finding["ctx"]["tag"])
            return f'`kind = "{tag}"` is not known.{nearest(tag, list(KINDS))} Allowed: {", ".join(KINDS)}.'
    form = _FORMS.get(finding["type"], f"is not allowed ({finding['msg'].lower()})")
    # Someone may have pasted a secret where the name of its variable belongs: it is not repeated.
    is_hidden = isinstance(finding["input"], dict | list) or name.endswith("_env")
    value = "" if is_hidden else f" = {finding['input']!r}"
    return f"`{name}{value}`{where} {form}. Allowed: {_rule(path, kind)}."


def _unknown_key(name: str, where: str, allowed: list[str]) -> str:
    return f"the key `{name}`{where} is not known.{nearest(name, allowed, '`')} Allowed here: {', '.join(allowed)}."


def _rule(path: Path, kind: str | None) -> str:
    """The description of the field at `path`."""
    names = [part for part in path if isinstance(part, str)]
    field = _fields(path[:-1] if isinstance(path[-1], str) else path[:-2], kind).get(names[-1])
    return (field.description if field else None) or "see pmo.example.toml"


def _fields(table: Path, kind: str | None) -> dict[str, FieldInfo]:
    """The keys of the table at `table`, by the names they have in the file."""
    model: type[BaseModel] = PmoToml
    for part in table:
        if part == "connections":
            model = KINDS.get(kind or "", PmoToml)
        elif isinstance(part, str):
            model = _inner(model.model_fields[part]) or model
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _inner(field: FieldInfo) -> type[BaseModel] | None:
    """The section that a field holds: itself, in `… | None`, or in `list[…]`."""
    candidates = [field.annotation, *get_args(field.annotation)]
    return next((each for each in candidates if isinstance(each, type) and issubclass(each, BaseModel)), None)
