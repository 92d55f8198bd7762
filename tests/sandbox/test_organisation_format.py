"""An organisation of another version must not be taken up: the version grows with whatever it keeps."""

from __future__ import annotations

import hashlib
import json

import msgspec

from sandbox.model import Answer, Item, Person, Project, Release, Site, Sprint, Team
from sandbox.organisation.books import ItemBook, PeriodBook, SprintBook, SurveyBook
from sandbox.organisation.plan import Plan
from sandbox.organisation.state import CellState
from sandbox.organisation.storage import FORMAT

KEPT = (Answer, Item, Person, Project, Release, Site, Sprint, Team, ItemBook, PeriodBook, SprintBook, SurveyBook, Plan)
FINGERPRINTS = {3: "82c97ca332745f23"}


def test_the_format_grows_with_what_is_kept() -> None:
    shapes = msgspec.json.schema_components((*KEPT, CellState))[1]
    for shape in shapes.values():
        shape.pop("description", None)  # docstrings may change
    found = hashlib.sha256(json.dumps(shapes, sort_keys=True).encode()).hexdigest()[:16]
    assert FINGERPRINTS.get(FORMAT) == found, (
        f"What organisation.sqlite keeps has changed: raise storage.FORMAT and note its fingerprint {found} here, so "
        "that an organisation of the earlier version is refused and not misread."
    )
