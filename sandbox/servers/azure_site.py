"""One Azure DevOps organisation's store, read the way its API needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from sandbox.render.azure_words import IDENTITY_FIELDS, ORGANISATION
from sandbox.render.common import milliseconds
from sandbox.servers.clock import present
from sandbox.store import BASE, Store, joined

JSON = "application/json; charset=utf-8; api-version=7.1"


class ProblemError(Exception):
    """An answer in Azure DevOps' error form."""

    def __init__(self, status: int, message: str, kind: str = "VssServiceException") -> None:
        super().__init__(message)
        self.status, self.message, self.kind = status, message, kind

    def document(self) -> dict[str, Any]:
        name = f"Microsoft.TeamFoundation.WorkItemTracking.Server.{self.kind}"
        return {
            "$id": "1", "innerException": None, "message": self.message, "errorCode": 0, "eventId": 3000,
            "typeName": f"{name}, Microsoft.TeamFoundation", "typeKey": self.kind,
        }  # fmt: skip


class Revision(msgspec.Struct):
    """A stored revision, its fields left serialised."""

    id: int
    rev: int
    fields: dict[str, msgspec.Raw]


class _Identity(msgspec.Struct):
    displayName: str  # noqa: N815 - the vendor's name
    uniqueName: str  # noqa: N815 - the vendor's name


read_revision = msgspec.json.Decoder(Revision).decode
_read_identity = msgspec.json.Decoder(_Identity).decode
_encode = msgspec.json.Encoder().encode


class AzureSite:
    """`base`: scheme, host and port that documents carry."""

    def __init__(self, store: Store, base: str) -> None:
        self.store, self.base = store, base
        self.root = f"{base}/{ORGANISATION}"

    @property
    def now(self) -> datetime:
        return present(self.store)

    def respond(self, body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        return Response(body.replace(BASE.encode(), self.base.encode()), status, headers, media_type=JSON)

    def respond_value(self, value: Any, status: int = 200) -> Response:
        return self.respond(msgspec.json.encode(value), status)

    def respond_list(self, documents: Sequence[bytes], headers: Mapping[str, str] | None = None) -> Response:
        body = b'{"count":%d,"value":%b}' % (len(documents), joined(documents))
        return self.respond(body, headers=headers)

    def project(self, request: Request) -> dict[str, Any] | None:
        """The project that the address names, by GUID or name; None: the address names none. Raises ProblemError."""
        name = request.path_params.get("project")
        return None if name is None else self.project_named(str(name))

    def project_named(self, name: str) -> dict[str, Any]:
        for document in self.store.decoded("project"):
            if name.lower() in (document["id"], document["name"].lower()):
                return document
        raise ProblemError(
            404,
            f"TF200016: The following project does not exist: {name}. Verify that the name of the project is correct "
            "and that the project exists on the specified Azure DevOps Server.",
            "ProjectDoesNotExistWithNameException",
        )

    def team(self, request: Request) -> dict[str, Any]:
        project = self.project(request)
        name = str(request.path_params["team"])
        for document in self.store.decoded("team", project["id"] if project else None):
            if name.lower() in (document["id"], document["name"].lower()):
                return document
        raise ProblemError(404, f"The team with id '{name}' does not exist.", "TeamNotFoundException")

    def hidden_from(self, request: Request) -> int | None:
        """Epoch milliseconds from which a `hide` fault hides changes."""
        hidden = getattr(request.state, "hidden_seconds", None)
        return None if hidden is None else milliseconds(self.now) - round(1000 * hidden)


def chosen(document: bytes, names: Iterable[str] | None, *, with_identities: bool, with_long_texts: bool) -> bytes:
    """A revision with the named fields (None: all), people as objects or as `Name <mail>`."""
    revision = read_revision(document)
    wanted = None if names is None else {name.lower() for name in names}
    fields = {
        name: value
        for name, value in revision.fields.items()
        if (wanted is None or name.lower() in wanted) and (with_long_texts or name != "System.Description")
    }
    if not with_identities:
        for name in IDENTITY_FIELDS & fields.keys():
            person = _read_identity(fields[name])
            fields[name] = msgspec.Raw(_encode(f"{person.displayName} <{person.uniqueName}>"))
    revision.fields = fields
    return _encode(revision)


def flag(request: Request, name: str) -> bool:
    return request.query_params.get(name, "").lower() == "true"


def whole(request: Request, name: str, default: int) -> int:
    """A number of a query parameter. Raises ProblemError 400."""
    text = request.query_params.get(name)
    if not text:
        return default
    try:
        return int(text)
    except ValueError as error:
        raise ProblemError(400, f"The value '{text}' is not valid for parameter '{name}'.") from error


async def body_of(request: Request) -> dict[str, Any]:
    """A JSON body. Raises ProblemError 400."""
    try:
        value = msgspec.json.decode(await request.body() or b"{}")
    except msgspec.DecodeError as error:
        raise ProblemError(400, f"The request body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ProblemError(400, "TF400898: The request body must be an object.")
    return value
