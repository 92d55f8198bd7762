"""On which line of a TOML file each key and table stands. `tomllib` reads the values, but not their places.

The text must be valid TOML: `tomllib` has read it before.
"""

from __future__ import annotations

import re
from typing import Any

Path = tuple[str | int, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_CLOSERS = {"]", "}"}
_OPENERS = {"[", "{"}


class Positions:
    """Lines (from 1) of keys and tables by their path, e.g. `("connections", 0, "url")`."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        self._array_sizes: dict[Path, int] = {}
        self._text = text
        self._at = 0
        self._scan()

    def line(self, path: Path) -> int | None:
        """The line of `path`, or of the nearest table around it."""
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[:-1]
        return None

    def _scan(self) -> None:
        table: Path = ()
        while self._skip_blank():
            line = self._text.count("\n", 0, self._at) + 1
            if self._text[self._at] == "[":
                table = self._header(line)
            else:
                self._lines.setdefault((*table, *self._dotted_key()), line)
                self._skip_value()

    def _skip_blank(self) -> bool:
        """Go to the next statement; False at the end of the text."""
        while self._at < len(self._text):
            character = self._text[self._at]
            if character == "#":
                self._skip_line()
            elif character.isspace():
                self._at += 1
            else:
                return True
        return False

    def _skip_line(self) -> None:
        end = self._text.find("\n", self._at)
        self._at = len(self._text) if end < 0 else end + 1

    def _header(self, line: int) -> Path:
        is_array = self._text.startswith("[[", self._at)
        self._at += 2 if is_array else 1
        path = self._resolve(self._dotted_key(), is_array=is_array)
        self._lines.setdefault(path, line)
        self._skip_line()
        return path

    def _resolve(self, names: list[str], *, is_array: bool) -> Path:
        """The path with the numbers of the array elements that it runs through."""
        path: Path = ()
        for name in names[:-1]:
            path = (*path, name)
            if path in self._array_sizes:
                path = (*path, self._array_sizes[path] - 1)
        path = (*path, names[-1])
        if is_array:
            self._array_sizes[path] = self._array_sizes.get(path, 0) + 1
            path = (*path, self._array_sizes[path] - 1)
        return path

    def _dotted_key(self) -> list[str]:
        """Read `a.b."c d"` up to `=` or `]`."""
        names: list[str] = []
        while True:
            self._skip_spaces()
            quote = self._text[self._at]
            if quote in "\"'":
                start = self._at + 1
                self._skip_string()
                names.append(self._text[start : self._at - 1])
            else:
                match = _BARE.match(self._text, self._at)
                if match is None:
                    return names
                names.append(match.group())
                self._at = match.end()
            self._skip_spaces()
            if self._text[self._at] != ".":
                return names
            self._at += 1

    def _skip_spaces(self) -> None:
        while self._text[self._at] in " \t":
            self._at += 1

    def _skip_value(self) -> None:
        """Go behind the value: to the line's end outside of strings and brackets."""
        depth = 0
        while self._at < len(self._text):
            character = self._text[self._at]
            if character in "\"'":
                self._skip_string()
                continue
            if character == "#":
                end = self._text.find("\n", self._at)
                self._at = len(self._text) if end < 0 else end
                continue
            if character in _OPENERS:
                depth += 1
            elif character in _CLOSERS:
                depth -= 1
            elif character == "\n" and depth == 0:
                return
            self._at += 1

    def _skip_string(self) -> None:
        quote = self._text[self._at]
        mark = quote * 3 if self._text.startswith(quote * 3, self._at) else quote
        self._at += len(mark)
        while not self._text.startswith(mark, self._at):
            self._at += 2 if self._text[self._at] == "\\" and quote == '"' else 1
        self._at += len(mark)
        while len(mark) == 3 and self._at < len(self._text) and self._text[self._at] == quote:
            self._at += 1  # up to two quotes may stand before the closing mark


def keys_of(value: Any, prefix: Path = ()) -> list[Path]:
    """All paths of keys in a parsed TOML value, for tests and completeness checks."""
    if isinstance(value, dict):
        return [path for key, inner in value.items() for path in [(*prefix, key), *keys_of(inner, (*prefix, key))]]
    if isinstance(value, list):
        return [path for number, inner in enumerate(value) for path in keys_of(inner, (*prefix, number))]
    return []
