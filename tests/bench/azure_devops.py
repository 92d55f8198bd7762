"""Azure DevOps beside the typed client: `python -m tests.bench.azure_devops [--items N] [--runs N] [--latency-ms N]`.

Same server, same records. Ours lands Delta tables; the client's models are counted and thrown away.
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
from statistics import median

from extractors.azure_devops.records import FIELDS
from extractors.landing import Landing
from sandbox.serve import SandboxError, start_background
from tests.bench.measure import Sample, SideFailedError, machine, measured, module, ratios, row, table
from tests.bench.side_ours_azure import CONNECTION
from tests.ports import free_ports


def compare(url: str, work: Path, runs: int, *, is_slow_peer_too: bool = True) -> Iterator[str]:
    """The lines of the report. `is_slow_peer_too`: also the client item by item, a request for each."""
    home = work / "home"
    first = _land(url, home, "whole")  # not counted: what all read is in the server's cache from now on
    landed = first.said["landed"]
    deleted = _revisions_of_deleted(home)
    samples: dict[str, list[Sample]] = {"whole": [], "again": [], "feed": [], "peer": [], "items": []}
    for _ in range(runs):
        shutil.rmtree(home)
        samples["whole"].append(_land(url, home, "whole"))
        samples["again"].append(_land(url, home, "whole"))
        shutil.rmtree(home)
        samples["feed"].append(_land(url, home, "feed"))
        samples["peer"].append(_peer(url, "feed"))
        _expect(samples["peer"][-1].said, {name: landed[name] for name in ("revisions", "links")})
        if is_slow_peer_too:
            samples["items"].append(_peer(url, "items"))
            _expect(samples["items"][-1].said, {"revisions": landed["revisions"] - deleted})
    requests = {kind: samples[kind][-1].said["requests"] for kind in ("whole", "again", "feed")}
    yield f"Azure DevOps: {landed['revisions']:,} revisions, {landed['links']:,} links, {runs} runs a side"
    rows = [
        row(f"ours, the feeds into Delta ({requests['feed']} requests)", samples["feed"]),
        row("typed client, the feeds through its transport, counted", samples["peer"]),
        ratios("ours / typed client", samples["feed"], samples["peer"]),
        row(f"ours, a whole first load ({requests['whole']} requests)", samples["whole"]),
        row(f"ours again, nothing changed ({requests['again']} requests)", samples["again"]),
    ]
    if is_slow_peer_too:
        rows += [
            row("typed client, its own calls: get_revisions of each live item", samples["items"]),
            ratios("ours, the feeds / typed client", samples["feed"], samples["items"]),
        ]
    yield table(rows)
    peak = median(sample.said["peak_mb"] for sample in samples["whole"])
    yield f"Peak memory of ours, a whole first load: {peak:.0f} MB"
    again = samples["again"][-1].said["landed"]
    if changed := {name: count for name, count in again.items() if count}:
        raise SideFailedError(f"nothing changed, yet a run landed {changed}")


def _land(url: str, home: Path, kind: str) -> Sample:
    return measured(module("side_ours_azure", url, home, kind))


def _peer(url: str, kind: str) -> Sample:
    return measured(module("side_peer_azure", url, kind, ",".join(_known_fields(url))))


def _known_fields(url: str) -> list[str]:
    """Those of our fields that the sandbox has: both sides ask for the same."""
    import requests

    answer = requests.get(f"{url}/_apis/wit/fields", auth=("", "sandbox"), timeout=60)
    known = {record["referenceName"] for record in answer.json()["value"]}
    return [name for name in FIELDS.values() if name in known]


def _expect(said: dict[str, int], expected: dict[str, int]) -> None:
    if said != expected:
        raise SideFailedError(f"the typed client read {said}, expected {expected}")


def _revisions_of_deleted(home: Path) -> int:
    """The client's queries find live items only."""
    landing = Landing(home)
    gone = {row["item_id"] for row in landing.latest("azure_devops/deleted_items", CONNECTION, ["item_id"]).to_pylist()}
    ids = landing.latest("azure_devops/revisions", CONNECTION, ["item_id"])["item_id"].to_pylist()
    return sum(item_id in gone for item_id in ids)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.azure_devops", description=__doc__)
    parser.add_argument("--items", type=int, default=3_000, help="work items of the whole sandbox (default 3000)")
    parser.add_argument("--runs", type=int, default=5, help="runs of each side (default 5)")
    parser.add_argument("--latency-ms", type=float, default=0, help="what the sandbox waits per request (default 0)")
    parser.add_argument("--without-items", action="store_true", help="not item by item, which takes long")
    given = parser.parse_args()
    sys.stdout.write(f"Machine: {machine()}\nSandbox: {given.items:,} items, {given.latency_ms:g} ms latency\n")
    with tempfile.TemporaryDirectory(prefix="pmo-bench-") as folder:
        try:
            serving = start_background(
                Path(folder) / "sandbox", seed=1, items=given.items, port_base=free_ports(4),
                latency_ms=given.latency_ms,
            )  # fmt: skip
            try:
                url = serving.urls["azure_devops"]
                slow = not given.without_items
                for line in compare(url, Path(folder), given.runs, is_slow_peer_too=slow):
                    sys.stdout.write(line + "\n")
            finally:
                os.kill(serving.pid, signal.SIGTERM)
                os.waitpid(serving.pid, 0)
        except (SideFailedError, SandboxError) as error:
            sys.stderr.write(f"{error}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
