"""Failure case 39: a person stays one person, whatever happens to the name, the address and the account."""

from __future__ import annotations

from typing import Any

import pytest

from extractors.azure_devops.people import People
from tests.extractors.azure_devops_server import ANN, BOB, Organisation
from tests.extractors.azure_devops_site import Site

CAT = {
    "id": "11111111-0000-0000-0000-000000000003", "descriptor": "aad.cat", "displayName": "Cat Roe",
    "uniqueName": "cat@example.org",
}  # fmt: skip
REMOVED = {"displayName": "Cat Roe", "uniqueName": "cat@example.org", "inactive": True}
LATER: dict[str, Any] = {
    "renamed": {**CAT, "displayName": "Cat Poe"},
    "deactivated": {**CAT, "inactive": True},
    "without an address": {key: value for key, value in CAT.items() if key != "uniqueName"},
    "removed, an object without an id": REMOVED,
    "removed, only a text": "Cat Roe <cat@example.org>",
    "removed and added again": {**CAT, "id": "22222222-0000-0000-0000-000000000009"},
    "renamed and moved to another address": {**CAT, "displayName": "Cat Poe", "uniqueName": "poe@example.org"},
}


@pytest.mark.parametrize("form", LATER)
def test_one_person_stays_one_row(site: Site, organisation: Organisation, form: str) -> None:
    organisation.change(1, **{"System.AssignedTo": CAT})
    site.run()
    organisation.change(2, **{"System.AssignedTo": LATER[form]})
    site.run()
    revisions = site.rows("revisions")
    assert revisions["1:3"]["assigned_to_id"] == revisions["2:3"]["assigned_to_id"] == CAT["id"]
    users = site.rows("users")
    assert set(users) == {ANN["id"], BOB["id"], CAT["id"]}


def test_names_are_dated_and_the_last_one_holds(site: Site, organisation: Organisation) -> None:
    organisation.change(1, **{"System.AssignedTo": CAT})
    site.run()
    organisation.change(2, **{"System.AssignedTo": {**LATER["renamed"], "inactive": True}})
    site.run()
    cat = site.rows("users")[CAT["id"]]
    assert (cat["display_name"], cat["email"], cat["is_active"]) == ("Cat Poe", "cat@example.org", False)
    versions = [file.rows for file in site.landing.table("azure_devops/users").files("ado")]
    assert sum(versions) == 4  # three persons, and one of them in two forms


def test_a_text_that_becomes_an_account_again_keeps_its_id() -> None:
    first = People()
    text = first.see("Cat Roe <cat@example.org>")
    second = People(first.rows())
    assert second.see(CAT) == text == "cat@example.org"
    assert second.see({**CAT, "uniqueName": "poe@example.org"}) == text


def test_two_persons_who_shared_an_address_stay_two() -> None:
    people = People()
    one = people.see({"id": "1", "uniqueName": "office@example.org"})
    other = people.see({"id": "2", "uniqueName": "office@example.org"})
    assert (one, other) == ("1", "2")


def test_what_only_names_a_person_changes_nothing_that_is_known() -> None:
    people = People()
    people.see({**CAT, "inactive": True})
    people.see({**CAT, "displayName": "as a team's capacity has it"}, is_hint=True)
    (row,) = people.rows()
    assert (row["display_name"], row["is_active"]) == ("Cat Roe", False)
