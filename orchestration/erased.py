"""Erased persons stay erased, also where somebody restores a backup from before."""

from __future__ import annotations

from pathlib import Path

from extractors.erasing import apply, is_applied
from extractors.landing import Landing
from extractors.maintenance import alone


def keep_erased(root: Path) -> bool:
    """Clean the raw tables of everybody on the list if they are not; whether that was needed. Needs the run lock."""
    landing = Landing(root)
    if is_applied(landing):
        return False
    with alone(landing):
        apply(landing)
    return True
