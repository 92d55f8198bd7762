"""Text as databases can hold it: valid Unicode without NUL."""

from __future__ import annotations

import re

# One escape at a time, so that an escaped backslash before "u" is not taken for an escape.
_ESCAPE = re.compile(
    rb"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))", re.DOTALL
)


def repair_json(body: bytes) -> bytes:
    """`body` with halves of surrogate pairs and invalid UTF-8 replaced by U+FFFD, all else as it was."""
    body = body.decode("utf-8", errors="replace").encode("utf-8")
    return _ESCAPE.sub(_replace_lone_surrogate, body)


def _replace_lone_surrogate(match: re.Match[bytes]) -> bytes:
    single = match.group(3)
    is_lone = single is not None and 0xD800 <= int(single, 16) <= 0xDFFF
    return b"\\ufffd" if is_lone else match.group(0)
