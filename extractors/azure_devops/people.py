"""Identities: one id for each person, however the tool names them.

The feeds give an identity as an object, or as `Name <mail>` where it was removed from the organisation;
the recycle bin names people by text alone; a person who was removed and came back has another id but the
descriptor of before. Names and addresses change; they are dated attributes of the person, never the key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from extractors.landing import Landing

USERS = "azure_devops/users"
_NAME_AND_MAIL = re.compile(r"\s*(?P<name>[^<]*?)\s*<(?P<mail>[^>]*)>\s*")


class People:
    """Identities seen in this run, the latest form of each. `known`: rows of azure_devops/users, oldest first."""

    def __init__(self, known: Iterable[Mapping[str, Any]] = ()) -> None:
        self._ids: set[str] = set()
        self._by_mail: dict[str, str] = {}
        self._by_descriptor: dict[str, str] = {}
        self._seen: dict[str, dict[str, Any]] = {}
        self._by_json: dict[bytes, str | None] = {}
        for row in known:
            self._remember(row["user_id"], row["email"], row["descriptor"])

    def see(self, identity: Any, *, is_hint: bool = False) -> str | None:
        """The person's id; None for nobody. A hint says who it is, but changes nothing that is known of them."""
        identity = _plain(identity)
        if not identity:
            return None
        name, mail = _name_and_mail(identity)
        descriptor = None if isinstance(identity, str) else identity.get("descriptor")
        user_id = self._id_of(identity, mail, descriptor)
        if user_id is None:
            return None
        if not is_hint or user_id not in self._ids:
            has_state = not isinstance(identity, str) and "inactive" in identity
            self._seen[user_id] = {
                "user_id": user_id,
                "display_name": name,
                "email": mail,
                "descriptor": descriptor,
                "is_active": not identity["inactive"] if has_state else None,
            }
        self._remember(user_id, mail, descriptor)
        return user_id

    def see_json(self, identity: msgspec.Raw) -> str | None:
        """The same of an identity's JSON; each of the few forms that come again and again is decoded once."""
        content = bytes(identity)
        if content not in self._by_json:
            self._by_json[content] = self.see(msgspec.json.decode(content))
        return self._by_json[content]

    def id_of(self, text: str | None) -> str | None:
        """The id of somebody who is only named, as in `Ann Lee <ann@example.org>`; None if never seen."""
        _, mail = _name_and_mail(text or "")
        return self._by_mail.get((mail or text or "").casefold())

    def rows(self) -> list[dict[str, Any]]:
        """Rows of azure_devops/users."""
        return [
            {"record_id": user_id, "payload": msgspec.json.encode(user).decode(), **user}
            for user_id, user in sorted(self._seen.items())
        ]

    def _id_of(self, identity: Any, mail: str | None, descriptor: str | None) -> str | None:
        by_mail = self._by_mail.get(mail.casefold()) if mail else None
        if isinstance(identity, str):
            return by_mail or self._by_mail.get(identity.casefold()) or (mail.casefold() if mail else identity)
        own = identity.get("id") or descriptor
        if descriptor in self._by_descriptor:
            return self._by_descriptor[descriptor]
        if own not in self._ids and by_mail is not None and mail and by_mail == mail.casefold():
            return by_mail  # so far only known by the address
        return own or by_mail or identity.get("uniqueName")

    def _remember(self, user_id: str, mail: str | None, descriptor: str | None) -> None:
        self._ids.add(user_id)
        if mail:
            self._by_mail[mail.casefold()] = user_id
        if descriptor:
            self._by_descriptor.setdefault(descriptor, user_id)


def known_people(landing: Landing, connection_id: str) -> People:
    """With everybody whom earlier runs have seen, under every address that they ever had."""
    sequences = landing.ledger.sequences(connection_id)
    table = landing.table(USERS)
    found = table.scan(table.files(connection_id), ["user_id", "email", "descriptor", "batch_id"], connection_id)
    rows = found.filter(pc.is_in(found["batch_id"], pa.array(list(sequences), pa.string()))).to_pylist()
    return People(sorted(rows, key=lambda row: sequences[row["batch_id"]]))


def _plain(identity: Any) -> Any:
    """A text, or an object of texts and flags; None for what is neither: nobody can be known by it."""
    if isinstance(identity, Mapping):
        return {key: value for key, value in identity.items() if isinstance(value, (str, bool))}
    return identity if isinstance(identity, str) else None


def _name_and_mail(identity: Any) -> tuple[str | None, str | None]:
    if isinstance(identity, str):
        match = _NAME_AND_MAIL.fullmatch(identity)
        name, mail = (match["name"], match["mail"]) if match else (identity, identity)
        return name or mail, mail if "@" in mail else None
    name, unique = identity.get("displayName") or identity.get("name"), identity.get("uniqueName")
    match = _NAME_AND_MAIL.fullmatch(unique or "") or _NAME_AND_MAIL.fullmatch(name or "")
    if match:
        return match["name"] or name, match["mail"] or None
    return name or unique, unique if unique and "@" in unique else None
