"""Text of the sources on its way to a terminal: it may show words there, and nothing else."""

from __future__ import annotations

import re

from rich.markup import escape as without_markup

# Control characters and breaks of lines; and what turns the direction of everything behind it.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """The same on one line, a space for each control character: no title can colour, erase or add a line."""
    return _CONTROL.sub(" ", text)


def escape(text: str) -> str:
    """`plain` text for a place where Rich reads markup."""
    return without_markup(plain(text))
