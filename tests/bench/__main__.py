"""Benchmarks against the sandbox: `python -m tests.bench [--items 3000] [--runs 3] [--latency-ms 20]`.

Each figure stands beside a peer or a limit that was measured in the same run on the same machine. Ends with a status
other than 0 only if a side fails; no figure is a threshold.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from sandbox.serve import SandboxError, start_background
from tests.bench import azure_devops, extraction, server, speed, transform
from tests.bench.measure import SideFailedError, machine
from tests.ports import free_ports

PARTS = ("speed", "azure", "extraction", "server", "transform")
FAR_MS = 150  # latency of the parts speed and azure
TITLES = {"jira_cloud": "Jira Cloud", "jira_dc": "Jira Data Center"}


def say(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    sys.stdout.write("\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Benchmarks against the sandbox.")
    parser.add_argument("--items", type=int, default=3_000, help="work items of the whole sandbox (default 3000)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each side (default 3)")
    parser.add_argument("--latency-ms", type=float, default=20, help="what the sandbox waits per request (default 20)")
    parser.add_argument("--only", choices=PARTS, help="one part; server needs the extraction for its data")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--transform-items", type=int, default=1_000_000, help="work items of the part transform (default 1000000)"
    )
    parser.add_argument("--issues", type=int, default=10_000, help="issues of the part speed (default 10000)")
    parser.add_argument(
        "--no-peer", action="store_true", help="part speed without the connector from the package index"
    )
    parser.add_argument(
        "--azure-items", type=int, default=5_000, help="work items of the part azure, some ten revisions each"
    )
    parser.add_argument("--no-own-calls", action="store_true", help="part azure without the client's own calls")
    given = parser.parse_args()
    say(
        [f"Machine: {machine()}", f"Sandbox: {given.items:,} items, seed {given.seed}, {given.latency_ms:g} ms latency"]
    )
    say(["Median of the runs (least-most). A ratio below 1.00x means that we need less."])
    with tempfile.TemporaryDirectory(prefix="pmo-bench-") as folder:
        try:
            if given.only in (None, "speed"):
                work, peer = Path(folder) / "speed", not given.no_peer
                say(speed.compare(work, given.issues, given.seed, FAR_MS, given.runs, with_peer=peer))
            if given.only in (None, "azure"):
                work, with_own = Path(folder) / "azure", not given.no_own_calls
                say(azure_devops.compare(work, given.azure_items, given.seed, given.runs, FAR_MS, with_own=with_own))
            if given.only in (None, "transform"):
                say(transform.compare(Path(folder) / "transform", given.transform_items))
            if given.only not in ("speed", "azure", "transform"):
                bench(Path(folder), given.items, given.seed, given.runs, given.latency_ms, given.only)
        except (SideFailedError, SandboxError) as error:
            sys.stderr.write(f"{error}\n")
            return 1
    say([f"Machine at the end: {machine()}"])
    return 0


def bench(work: Path, items: int, seed: int, runs: int, latency_ms: float, only: str | None) -> None:
    serving = start_background(work / "sandbox", seed=seed, items=items, port_base=free_ports(4), latency_ms=latency_ms)
    try:
        for site, title in TITLES.items():
            say(extraction.compare(title, serving.urls[site], work / site, runs))
        cloud = "jira_cloud"
        if only in (None, "server"):
            say(server.bulkfetch(serving.urls[cloud], work / cloud / "home"))
    finally:
        os.kill(serving.pid, signal.SIGTERM)
        os.waitpid(serving.pid, 0)


if __name__ == "__main__":
    sys.exit(main())
