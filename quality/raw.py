"""The request for a judgement of raw streams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True)
class RawRequest:
    """What to judge: the landed files of one tool's streams (and pmo/*), and which batches of them count.

    `visible_batches`: accepted and pending ones; `new_batches`: the pending ones alone. `now`: start of the run.
    """

    tool: str
    run_id: str
    connection_ids: tuple[str, ...]
    now: datetime
    files: Mapping[str, tuple[str, ...]]
    visible_batches: tuple[str, ...]
    new_batches: tuple[str, ...]
    data_docs: Path
