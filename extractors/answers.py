"""What an HTTP answer means: is it the tool's data, and if not, which error says what to do.

Only the vendor's own error messages are passed on; a page of HTML is named, never quoted.
"""

from __future__ import annotations

import contextlib
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
import requests

from extractors import decoding, redaction
from extractors.errors import (
    AccessDenied,
    AuthError,
    BadRequest,
    ExtractError,
    Gone,
    NotFound,
    NotJson,
    SchemaChanged,
)
from extractors.text import repair_json

T = TypeVar("T")
_SIGN_IN_REMEDY = "A sign-in page or a proxy answers in place of the tool: check `url`, the token{token} and the proxy"
_JSON_ENDS = b'}]"0123456789el'  # last bytes of objects, lists, text, numbers, true, false, null


def subject_of(response: requests.Response) -> str:
    parts = urlsplit(response.url)
    method = response.request.method if response.request is not None else "GET"
    return f"{method} {parts.path} on {parts.netloc}"


def vendor_message(response: requests.Response) -> str:
    """What the tool itself says about an error: at most 300 characters of its own message."""
    if not is_json(response):
        return ""
    body: Any = None
    with contextlib.suppress(msgspec.DecodeError):
        body = msgspec.json.decode(response.content)
    if not isinstance(body, dict):
        return ""
    messages = [*(body.get("errorMessages") or []), *(body.get("errors") or {}).values()] if _is_jira(body) else []
    messages = messages or [body.get("message") or body.get("title") or body.get("description") or _nested(body)]
    text = " ".join(" ".join(str(message).split()) for message in messages if message)
    return redaction.redact(text)[:300]


def _nested(body: dict[str, Any]) -> str:
    """`error.message` of SurveyMonkey, `meta.error.errorMessage` of Qualtrics."""
    meta = body.get("meta")
    error = meta.get("error") if isinstance(meta, dict) else body.get("error")
    return str(error.get("errorMessage") or error.get("message") or "") if isinstance(error, dict) else ""


def _is_jira(body: dict[str, Any]) -> bool:
    return isinstance(body.get("errorMessages"), list) and isinstance(body.get("errors") or {}, dict)


def is_json(response: requests.Response) -> bool:
    kind = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json") or kind == "application/x-ndjson"


def _in(token_env: str) -> str:
    return f" in {token_env}" if token_env else ""


def error_of(connection: str, token_env: str, response: requests.Response) -> ExtractError:
    """The error of a final status from 400 on."""
    status, subject, detail = response.status_code, subject_of(response), vendor_message(response)
    if status == 401 and "scope" in detail.lower():  # the token is good, but not for this
        remedy = f"Give the token{_in(token_env)} the scope that this needs; `pmo doctor` names it"
        return AccessDenied(connection, subject, status, remedy, detail=detail)
    if status == 401:
        remedy = f"Check the token{_in(token_env)}: it may be mistyped, expired or made for another account"
        return AuthError(connection, subject, status, remedy, detail=detail)
    if status in (403, 407):
        remedy = f"Give the account of the token{_in(token_env)} permission to read this"
        return AccessDenied(connection, subject, status, remedy, detail=detail)
    if status == 404:
        remedy = "Check `url` and the name; it may also be hidden from the account of the token"
        return NotFound(connection, subject, status, remedy, detail=detail)
    if status == 410:
        return Gone(connection, subject, status, "Update this program", detail=detail)
    return BadRequest(connection, subject, status, detail=detail or f"The tool refused it: {response.reason}")


def check_answer(connection: str, token_env: str, response: requests.Response) -> bool:
    """Raise unless a success is the tool's own JSON; True if the JSON was cut off at its end."""
    subject, status = subject_of(response), response.status_code
    remedy = _SIGN_IN_REMEDY.format(token=_in(token_env))
    if response.headers.get("X-Seraph-LoginReason", "") in ("AUTHENTICATED_FAILED", "AUTHENTICATION_DENIED"):
        raise AuthError(connection, subject, status, remedy, detail="The tool says that the login failed")
    if status == 203:
        raise AuthError(connection, subject, status, remedy, detail="The token is not valid any more, or was never")
    if status == 204:
        return False
    if not is_json(response):
        kind = response.headers.get("Content-Type", "").split(";")[0].strip() or "nothing that says what it is"
        if kind.lower() in ("text/html", "application/xhtml+xml"):
            raise AuthError(connection, subject, status, remedy, detail="It answered with a web page")
        raise NotJson(connection, subject, status, remedy, detail=f"It sent {redaction.redact(kind)[:80]}")
    end = response.content.rstrip()[-1:]
    return not end or end not in _JSON_ENDS


def decode(connection: str, token_env: str, response: requests.Response, form: type[T]) -> T:
    """The answer's body as `form` (a msgspec Struct or the like); text that is no Unicode is repaired first."""
    body = response.content
    try:
        return decoding.decode(body, form)
    except msgspec.ValidationError as error:
        _raise_form(connection, token_env, response, str(error))
    except (msgspec.DecodeError, UnicodeDecodeError):
        body = repair_json(body)
    try:
        return decoding.decode(body, form)
    except msgspec.ValidationError as error:
        _raise_form(connection, token_env, response, str(error))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        remedy = _SIGN_IN_REMEDY.format(token=_in(token_env))
        raise NotJson(
            connection, subject_of(response), response.status_code, remedy, detail=f"Broken JSON: {error}"
        ) from None
    raise AssertionError("unreachable: every branch above returns or raises")


def _raise_form(connection: str, token_env: str, response: requests.Response, problem: str) -> None:
    """A JSON answer without what it has to have: the tool's own error messages, or another form than described."""
    if message := vendor_message(response):
        remedy = _SIGN_IN_REMEDY.format(token=_in(token_env))
        raise AuthError(
            connection,
            subject_of(response),
            response.status_code,
            remedy,
            detail=f"It answered with an error in place of data: {message}",
        )
    raise SchemaChanged(
        connection,
        subject_of(response),
        response.status_code,
        "Check that `url` is the tool's address; else the vendor changed the answer and this program needs an update",
        detail=problem,
    )
