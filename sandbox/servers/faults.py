"""Failures on demand: which request fails, how, and how often.

A fault is `{"match": regex on the path, "kind": …, "times": 1, "after": 0, …}`: it lets `after` matching
requests pass, then strikes `times` of them (null: always). With `"asks": regex` it minds only requests whose
query or body the regex is found in, so that one project of several can fail. Kinds and their own keys:

| kind | what happens |
|---|---|
| `429` | Retry-After in `seconds` (default 1), with `reason` (default jira-burst-based) |
| `429-date` | Retry-After as an HTTP date `seconds` ahead |
| `429-none` | without Retry-After |
| `400` `401` `403` `404` `422` | that status, and `text` |
| `500` `502` `503` `504` | that status, and `text`; 503 with Retry-After if `seconds` is given |
| `cut` | the connection closes in the middle of the body |
| `html200` `html203` | a sign-in page in place of the answer |
| `redirect` | 302 to `to` (default: another host's sign-in page) |
| `slow` | the answer comes `seconds` (default 1) later |
| `delay` | the answer with Retry-After `seconds` and X-RateLimit-Delay, status 200, as Azure DevOps throttles |
| `empty` | the answer's lists are empty |
| `repeat_token` | the page's token is the one that was given before, for ever |
| `hide` | searches do not see items updated in the last `seconds` (default 60), as while an index lags |
| `truncate_changelog` | histories are cut to the newest `keep` (default 1); totals stay |
| `merge` | the answer's JSON with `document` put over it, so that a field says something else |

With `entry` (a number) `merge` puts `document` over that entry of the answer's list only.
With `headers` any answer that a fault gives or changes carries these, over its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import msgspec

SIGN_IN = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Sign in to your account</body></html>"
_HTML = "text/html; charset=utf-8"
_LISTS = {"issues", "values", "value", "workItems", "issueChangeLogs", "items", "data"}
_HISTORIES = {"histories", "changeHistories"}
_TOKENS = {"nextPageToken", "continuationToken"}
_TOKEN_HEADER = "x-ms-continuationtoken"  # noqa: S105 - a header's name


class FaultError(Exception):
    """A fault that cannot be understood; str() says which and why."""


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    match: str
    kind: str
    times: int | None = 1
    after: int = 0
    seconds: float | None = None
    reason: str = "jira-burst-based"
    to: str = "http://login.invalid/sign-in"
    keep: int = 1
    asks: str = ""
    headers: dict[str, str] = {}
    document: dict[str, Any] = {}
    entry: int | None = None
    text: str = ""
    seen: int = 0
    struck: int = 0
    token: str | None = None  # what repeat_token repeats

    def strikes(self, path: str, asked: str) -> bool:
        """Whether it strikes this request; counts it. `asked` is the query and the body."""
        if self.times is not None and self.struck >= self.times:
            return False
        if not re.search(self.match, path) or not re.search(self.asks, asked):
            return False
        self.seen += 1
        if self.seen <= self.after:
            return False
        self.struck += 1
        return True


class Answer(msgspec.Struct):
    """An HTTP answer on its way out. `cut`: bytes after which the connection closes."""

    status: int
    headers: dict[str, str]
    body: bytes
    cut: int | None = None


REFUSALS = {
    "429", "429-date", "429-none", "400", "401", "403", "404", "422", "500", "502", "503", "504",
    "html200", "html203", "redirect",
}  # fmt: skip
KINDS = REFUSALS | {"cut", "slow", "delay", "empty", "repeat_token", "hide", "truncate_changelog", "merge"}


_faults = msgspec.json.Decoder(list[Fault])


def read_faults(text: bytes | str, source: str) -> list[Fault]:
    """Faults of a JSON list. Raises FaultError that names `source`."""
    try:
        faults = _faults.decode(text)
        for fault in faults:
            re.compile(fault.match)
            re.compile(fault.asks)
            if fault.kind not in KINDS:
                raise FaultError(f"{source}: unknown fault kind '{fault.kind}'. Known: {', '.join(sorted(KINDS))}.")
    except (msgspec.MsgspecError, re.error) as error:
        raise FaultError(
            f"{source}: not a list of faults: {error}. Expected [{{match, kind, times, after}}, …]."
        ) from error
    return faults


def load_faults(path: Path | None) -> list[Fault]:
    if path is None:
        return []
    try:
        return read_faults(path.read_bytes(), str(path))
    except OSError as error:
        raise FaultError(f"The fault file {path} cannot be read: {error.strerror}.") from error


def striking(faults: Sequence[Fault], path: str, asked: str) -> list[Fault]:
    """The faults of one request. One that refuses it is the last: those behind it wait for the next request."""
    found = []
    for fault in faults:
        if fault.strikes(path, asked):
            found.append(fault)
            if fault.kind in REFUSALS:
                break
    return found


def refusal(fault: Fault) -> Answer | None:
    """The answer in place of the real one, or None if the fault only changes the real one."""
    answer = _refusal(fault)
    if answer is not None:
        answer.headers.update({name.lower(): value for name, value in fault.headers.items()})
    return answer


def _refusal(fault: Fault) -> Answer | None:
    seconds = 1.0 if fault.seconds is None else fault.seconds
    if fault.kind.startswith("429"):
        return _too_many(fault, seconds)
    if fault.kind in ("html200", "html203"):
        return Answer(int(fault.kind[-3:]), {"content-type": _HTML}, SIGN_IN)
    if fault.kind == "redirect":
        return Answer(302, {"location": fault.to, "content-type": _HTML}, b"")
    if fault.kind.isdigit():
        status = int(fault.kind)
        headers = {"content-type": "application/json"}
        if status == 503 and fault.seconds is not None:
            headers["retry-after"] = str(round(seconds))
        return Answer(
            status, headers, msgspec.json.encode({"errorMessages": [fault.text or f"Fault {status}"], "errors": {}})
        )
    return None


def _too_many(fault: Fault, seconds: float) -> Answer:
    reset = datetime.now(UTC) + timedelta(seconds=seconds)
    headers = {
        "content-type": "application/json",
        "ratelimit-reason": fault.reason,
        "x-ratelimit-limit": "350",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": reset.strftime("%Y-%m-%dT%H:%MZ"),
    }
    if fault.kind == "429":
        headers["retry-after"] = str(round(seconds))
    elif fault.kind == "429-date":
        headers["retry-after"] = format_datetime(reset, usegmt=True)
    return Answer(429, headers, msgspec.json.encode({"message": "Rate limit exceeded."}))


def bend(fault: Fault, answer: Answer) -> None:
    """Changes the real answer as the fault says."""
    if fault.kind == "cut":
        answer.cut = len(answer.body) // 2
    elif fault.kind == "delay":
        seconds = 1.0 if fault.seconds is None else fault.seconds
        answer.headers["retry-after"] = str(round(seconds))
        answer.headers["x-ratelimit-delay"] = str(seconds)
    elif fault.kind in ("empty", "truncate_changelog", "repeat_token", "merge"):
        _bend_body(fault, answer)
    answer.headers.update({name.lower(): value for name, value in fault.headers.items()})


def _bend_body(fault: Fault, answer: Answer) -> None:
    try:
        document = msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        return
    if fault.kind == "empty":
        document = [] if isinstance(document, list) else _emptied(document)
    elif fault.kind == "truncate_changelog":
        _truncate(document, fault.keep)
    elif fault.kind == "merge":
        document = _merged(document, fault.document) if fault.entry is None else _one_merged(fault, document)
    elif isinstance(document, dict):
        _repeat(fault, document, answer.headers)
    answer.body = msgspec.json.encode(document)


def _merged(value: Any, over: dict[str, Any]) -> Any:
    """`over` put over an object, level by level."""
    if not isinstance(value, dict):
        return over
    return value | {name: _merged(value.get(name), one) if isinstance(one, dict) else one for name, one in over.items()}


def _one_merged(fault: Fault, document: Any) -> Any:
    """One entry of an answer that is a list, or of the list in it. A list that is too short stays as it is."""
    entries = document
    if isinstance(document, dict):
        entries = next((document[name] for name in sorted(_LISTS) if isinstance(document.get(name), list)), [])
    if fault.entry is not None and fault.entry < len(entries):
        entries[fault.entry] = _merged(entries[fault.entry], fault.document)
    return document


def _emptied(document: dict[str, Any]) -> dict[str, Any]:
    kept = {name: [] if name in _LISTS else value for name, value in document.items()}
    return kept | ({"count": 0} if isinstance(kept.get("count"), int) else {})


def _truncate(value: Any, keep: int) -> None:
    if isinstance(value, list):
        for part in value:
            _truncate(part, keep)
    elif isinstance(value, dict):
        for name, part in value.items():
            if name in _HISTORIES and isinstance(part, list):
                newest_first = sorted(part, key=lambda history: int(history["id"]), reverse=True)
                value[name] = newest_first[:keep]
            else:
                _truncate(part, keep)


def _repeat(fault: Fault, document: dict[str, Any], headers: dict[str, str]) -> None:
    name = next((name for name in _TOKENS if document.get(name)), None)
    if fault.token is None:
        fault.token = headers.get(_TOKEN_HEADER) or (str(document[name]) if name else None)
    if fault.token is None:
        return
    if _TOKEN_HEADER in headers:
        headers[_TOKEN_HEADER] = fault.token
        return
    document[name or "nextPageToken"] = fault.token
    for flag in ("isLast", "isLastBatch"):
        if flag in document:
            document[flag] = False
