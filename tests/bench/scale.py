"""The sandbox at any size: `python -m tests.bench.scale [--items 20000] [--seed 1] [--projects 3] [--home DIR]`.

How long it takes to make an organisation, how fast its bulk pages are served, and what a page costs the server beside
what it costs our extractor that reads it. The server must need clearly less, or nobody could measure the extractor.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import requests

from sandbox.serve import SandboxError, Serving, start_background
from tests.bench.bulk import HEADER, READERS, cpu_seconds
from tests.bench.measure import Sample, SideFailedError, machine, measured, module, table
from tests.ports import free_ports

GB = 2**30
TITLES = {"jira_cloud": "Jira Cloud", "jira_dc": "Jira Data Center", "azure_devops": "Azure DevOps"}
WHOLE = 60_000  # up to so many items the Azure DevOps organisation is extracted too: it can only be read whole


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale", description=__doc__.split("\n")[0])
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--projects", type=int, default=3, help="projects of each Jira site that are extracted")
    parser.add_argument("--home", type=Path, help="where the sandbox is made (and kept); default: a temporary folder")
    given = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="pmo-scale-"))
    home = given.home or scratch / "sandbox"
    try:
        for line in bench(home, scratch, given.items, given.seed, given.projects):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
    except (SideFailedError, SandboxError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        shutil.rmtree(scratch)
    return 0


def bench(home: Path, scratch: Path, items: int, seed: int, projects: int) -> Iterator[str]:
    yield f"Machine: {machine()}"
    made = measured(module("side_generate", home, seed, items))
    yield from _generated(made)
    serving = start_background(home, seed=seed, items=items, port_base=free_ports(4))
    try:
        yield from _served(serving)
        yield from _extracted(serving, scratch, projects, items)
    finally:
        os.kill(serving.pid, signal.SIGTERM)
        os.waitpid(serving.pid, 0)
    yield f"Machine at the end: {machine()}"


def _generated(made: Sample) -> Iterator[str]:
    said = made.said
    count, documents = sum(said["items"].values()), sum(said[f"{tool}_bytes"] for tool in TITLES)
    changes = sum(said[f"{tool}_changes"] for tool in TITLES)
    rendered = said["seconds"] - said["simulated_s"]
    yield (
        f"Made {count:,} items with {changes:,} histories and revisions: {documents / GB:.1f} GB of documents, "
        f"{said['disk'] / GB:.1f} GB on disk with the organisation itself"
    )
    yield (
        f"  simulated in {said['simulated_s']:,.0f} s, rendered in {rendered:,.0f} s, {made.cpu:,.0f} CPU-seconds in "
        f"all ({1e3 * made.cpu / count:.2f} ms an item)"
    )


def _served(serving: Serving) -> Iterator[str]:
    rows = [tally.row() for tool, read in READERS.items() for tally in read(serving.urls[tool], serving.pid)]
    yield "Served, one process for all sites; the callers share the machine with it:"
    yield table(rows, HEADER)


def _extracted(serving: Serving, scratch: Path, projects: int, items: int) -> Iterator[str]:
    rows = []
    for tool, title in TITLES.items():
        if tool == "azure_devops" and items > WHOLE:
            continue
        url, keys = serving.urls[tool], [] if tool == "azure_devops" else _projects(serving.urls[tool], tool)[:projects]
        before = cpu_seconds(serving.pid)
        ours = measured(module("side_extract", tool, url, scratch / tool, *keys))
        server = cpu_seconds(serving.pid) - before
        stream = "azure_devops/revisions" if tool == "azure_devops" else "jira/issues"
        count = ours.said["landed"][stream]
        rows.append(
            (
                f"{title}, {count:,} {stream.partition('/')[2]}", f"{1e6 * ours.cpu / count:,.0f}",
                f"{1e6 * server / count:,.0f}", f"{server / ours.cpu:.2f}x",
            )
        )  # fmt: skip
    yield "CPU of our extractor and of the server for the same first load, start and imports included:"
    yield table(rows, ("", "extractor us each", "server us each", "server / extractor"))


def _projects(url: str, tool: str) -> list[str]:
    path = "/rest/api/3/project" if tool == "jira_cloud" else "/rest/api/2/project"
    answer = requests.get(url + path, auth=("me@example.com", "sandbox"), timeout=60).json()
    return sorted(project["key"] for project in answer)


if __name__ == "__main__":
    sys.exit(main())
