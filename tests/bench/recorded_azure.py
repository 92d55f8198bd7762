"""An Azure DevOps organisation that answers from memory: `python -m tests.bench.recorded_azure STORE PORT MS`.

As `recorded.py`: what was asked before costs the server nothing, answers are compressed, each waits MS milliseconds.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sandbox.servers.azure_app import azure_app, azure_door
from sandbox.servers.azure_site import AzureSite
from sandbox.servers.gate import Control
from sandbox.servers.run import HOST, Served, run_sites
from sandbox.store import Store
from tests.bench.recorded import Recorded


def main(path: str, port: str, latency_ms: str) -> None:
    store = Store.azure_devops(Path(path))
    site = AzureSite(store, f"http://{HOST}:{port}")
    served = Served("bench", int(port), Recorded(azure_app(site)), azure_door, lambda: site.now)

    def ready() -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    try:
        run_sites([served], Control(latency_ms=float(latency_ms)), ready)
    finally:
        store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
