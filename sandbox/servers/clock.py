"""What time it is at a site."""

from __future__ import annotations

from datetime import UTC, datetime

from sandbox.store import Store


def present(store: Store) -> datetime:
    """The simulated present, which may run ahead of the wall clock; a story's and that of `--now` stand still."""
    wall, simulated = datetime.now(UTC), store.meta("now")
    if simulated is None:
        return wall
    told = datetime.fromisoformat(simulated)
    return told if store.meta("clock") == "stands" else max(wall, told)
