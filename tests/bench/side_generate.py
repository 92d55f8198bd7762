"""Simulates and renders an organisation: `python -m tests.bench.side_generate HOME SEED ITEMS`. Says how far it is."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from sandbox.model import Tool
from sandbox.organisation import Organisation
from sandbox.rendering import ensure, store_path
from sandbox.store import Store


def main(home: str, seed: str, items: str) -> None:
    began = time.monotonic()
    simulated: list[float] = []

    def say(text: str) -> None:
        if text.startswith("Rendering") and not simulated:
            simulated.append(time.monotonic() - began)
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    folder = Path(home)
    ensure(folder, int(seed), int(items), say=say)
    seconds = time.monotonic() - began
    with Organisation(folder) as organised:
        counts = {tool.value: organised.item_count(tool) for tool in Tool}
    said = {
        "simulated_s": simulated[0] if simulated else 0.0, "seconds": seconds, "items": counts,
        "disk": sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()), **_sizes(folder),
    }  # fmt: skip
    sys.stdout.write(json.dumps(said) + "\n")


def _sizes(folder: Path) -> dict[str, int]:
    """Histories or revisions of each site, and the bytes of its documents as they are served."""
    found: dict[str, int] = {}
    for tool in Tool:
        if tool is Tool.AZURE_DEVOPS:
            store = Store.azure_devops(store_path(folder, tool))
            changes = store.value("select count(*) from packed_revisions")
            size = store.value("select avg(length(doc)) from revisions where number % 97 = 0") * changes
        else:
            store = Store.jira(store_path(folder, tool))
            changes = store.value("select sum(history_count) from packed_documents")
            count = store.value("select count(*) from packed_documents")
            size = store.value("select avg(length(doc) + length(histories)) from documents where id % 97 = 0") * count
        found |= {f"{tool.value}_changes": int(changes), f"{tool.value}_bytes": int(size)}
        store.close()
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
