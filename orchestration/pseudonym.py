"""The key that turns people into pseudonyms: from PMO_PSEUDONYM_KEY, else a generated file."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from extractors.connection import Secret
from orchestration.errors import PmoError

VARIABLE = "PMO_PSEUDONYM_KEY"


@dataclass(frozen=True)
class PseudonymKey:
    """The key, and a notice if it was made just now."""

    key: Secret
    notice: str | None = None

    @property
    def salt(self) -> str:
        """What dbt puts into the hashes of people. Derived, so that the key itself lies in no data file."""
        return hmac.new(self.key.reveal().encode(), b"agile-pmo person key", hashlib.sha256).hexdigest()


def pseudonym_key(root: Path, environ: Mapping[str, str]) -> PseudonymKey:
    """The key to use. Another key gives every person another pseudonym, so it has to stay."""
    if value := environ.get(VARIABLE):
        if len(value) < 16:
            raise PmoError(f"{VARIABLE} has {len(value)} characters; use 16 or more, or people could be guessed.")
        return PseudonymKey(Secret(value))
    file = root / "pseudonym.key"
    if file.exists():
        return PseudonymKey(Secret(file.read_text("utf-8").strip()))
    root.mkdir(parents=True, exist_ok=True)
    value = secrets.token_hex(32)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(value + "\n")
    notice = (
        f"A key for pseudonyms was made in {file}. Keep it: with another key every person gets another pseudonym. "
        f"To bring your own, set {VARIABLE}."
    )
    return PseudonymKey(Secret(value), notice)
