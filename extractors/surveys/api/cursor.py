"""What is remembered between runs of an online survey tool, and what makes it forget."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from extractors.connection import SurveyApiConnection
from extractors.decoding import convert
from extractors.landing import Run
from extractors.surveys.api.model import Survey

CURSOR_VERSION = 1
CENSUS_EVERY = timedelta(hours=24)
SHORTEST_OVERLAP = timedelta(hours=1)  # the tools' own indexes lag by up to half an hour
ONLY_ACCESS = (
    "ca_bundle",
    "overlap_hours",
    "max_deleted_ratio",
    "pseudonym_key",
    "survey_ids",
    "token",
    "token_env",
    "url",
)


class SurveyMemory(msgspec.Struct):
    """Of one survey. `declaration` is a hash of everything that decides how its responses become rows.

    `read_from`: start of the last run that read it to its end. `reached`: how far a first reading got that was cut
    off. `gap`: by how many responses the tool's own count exceeded ours when everything had just been read, and
    `repeated`: how many entries of its list were there twice then.
    """

    declaration: str = ""
    read_from: datetime | None = None
    census_at: datetime | None = None
    reached: datetime | None = None
    gap: int = 0
    repeated: int = 0

    def is_census_due(self, run: Run) -> bool:
        if self.read_from is None:
            return False  # the first reading sees everything anyhow
        is_old = self.census_at is None or run.started_at - self.census_at >= CENSUS_EVERY
        return run.is_full or run.is_census or is_old

    def since(self, run: Run, overlap: timedelta) -> datetime | None:
        """From which change on to read; None: everything."""
        if self.is_census_due(run):
            return None
        if self.read_from is None:
            return None if self.reached is None or run.is_full else self.reached - SHORTEST_OVERLAP
        return self.read_from - max(overlap, SHORTEST_OVERLAP)


class SurveyCursor(msgspec.Struct):
    """Of a connection: its surveys by id, those no longer selected included."""

    version: int = CURSOR_VERSION
    surveys: dict[str, SurveyMemory] = {}

    @classmethod
    def read(cls, stored: Mapping[str, Any] | None) -> SurveyCursor:
        if stored is None or stored.get("version") != CURSOR_VERSION:
            return cls()
        return convert(stored, cls)

    def memory(self, survey_id: str, declaration: str) -> SurveyMemory:
        """What is known of a survey; nothing if its responses are now read otherwise than before."""
        known = self.surveys.get(survey_id)
        if known is None or known.declaration != declaration:
            known = SurveyMemory(declaration=declaration)
        return known


def declaration_of(connection: SurveyApiConnection, survey: Survey) -> str:
    """Changes with the settings, the survey's definition and the pseudonym key (which goes in as a keyed hash)."""
    settings = {name: value for name, value in dataclasses.asdict(connection).items() if name not in ONLY_ACCESS}
    key = connection.pseudonym_key.reveal().encode()
    text = msgspec.json.encode([settings, dataclasses.asdict(survey)], order="sorted", enc_hook=str)
    return hmac.new(key, text, hashlib.sha256).hexdigest()[:32]
