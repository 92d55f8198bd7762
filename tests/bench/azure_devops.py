"""A first load of Azure DevOps beside the typed `azure-devops` client, and beside the least that it can cost.

The same server, the same revisions, by turns: ours into Delta tables; the typed client's own calls, as its user would
write them; the same client with the reporting feeds driven by hand through its transport, because its own calls of
them return empty objects; and the component limit. The client's models are counted and thrown away.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import requests

from extractors.azure_devops.records import FIELDS
from extractors.landing import Landing
from sandbox.model import Tool
from tests.bench import azure_site
from tests.bench.measure import Sample, SideFailedError, measured, module, spread, table
from tests.bench.recorded import answering
from tests.bench.side_ours_azure import CONNECTION

HEADER = ("", "wall s", "CPU s", "CPU us/revision", "peak MB")
NAMES = {
    "feed": "ours, the feeds into Delta",
    "own": "typed client, its own calls (get_revisions item by item)",
    "by hand": "typed client, the feeds through its transport by hand",
    "limit": "component limit: inflate, decode, write",
    "whole": "ours, a whole first load",
    "again": "ours again, nothing changed",
}
Samples = dict[str, list[Sample]]


def compare(work: Path, items: int, seed: int, runs: int, far_ms: float, *, with_own: bool) -> Iterator[str]:
    """The lines of the report: without latency, and then far away.

    `with_own`: also the client's own calls. A request for each item takes long, and far away nobody would wait for it.
    """
    store = azure_site.build(work, items, seed)
    size = dict(azure_site.sizes(store))
    for latency_ms in (0.0, far_ms):
        with answering(Tool.AZURE_DEVOPS, store, latency_ms) as address:
            samples = _sides(f"{address}/pmo", work / "azure-home", runs, with_own=with_own and not latency_ms)
        yield (
            f"First load of Azure DevOps: {size['items']:,.0f} work items, {size['revisions']:,.0f} revisions, "
            f"{size['links']:,.0f} links, {size['teams']:.0f} teams, {latency_ms:g} ms a request, {runs} runs a side"
        )
        yield table([_row(name, samples[name], int(size["revisions"])) for name in NAMES if samples[name]], HEADER)
        yield from _ratios(samples)


def _sides(url: str, home: Path, runs: int, *, with_own: bool) -> Samples:
    names = _known_fields(url)
    shutil.rmtree(home, ignore_errors=True)
    landed = _land(url, home, "whole").said["landed"]  # not counted: from now on the server answers from memory
    live = landed["revisions"] - _revisions_of_deleted(home)
    samples: Samples = {name: [] for name in NAMES}
    for _ in range(runs):
        shutil.rmtree(home)
        samples["whole"].append(_land(url, home, "whole"))
        samples["again"].append(_land(url, home, "whole"))
        _expect_nothing_new(samples["again"][-1])
        shutil.rmtree(home)
        samples["feed"].append(_land(url, home, "feed"))
        samples["limit"].append(_limit(measured(module("side_components_azure", url, home, names))))
        samples["by hand"].append(measured(module("side_peer_azure", url, "feed", names)))
        _expect(samples["by hand"][-1], {name: landed[name] for name in ("revisions", "links")})
        if with_own:
            samples["own"].append(measured(module("side_peer_azure", url, "items", names)))
            _expect(samples["own"][-1], {"revisions": live})
    return samples


def _row(name: str, samples: list[Sample], revisions: int) -> tuple[str, ...]:
    said = samples[-1].said
    requests_made = f" ({said['requests']} requests)" if "requests" in said else ""
    return (
        NAMES[name] + requests_made,
        spread([sample.wall for sample in samples]),
        spread([sample.cpu for sample in samples]),
        spread([1e6 * sample.cpu / revisions for sample in samples]),
        spread([sample.peak_mb for sample in samples]),
    )


def _ratios(samples: Samples) -> Iterator[str]:
    def middle(side: str, kind: str) -> float:
        return median(getattr(sample, kind) for sample in samples[side])

    for side, words in (("own", "the typed client's own calls"), ("by hand", "its transport driven by hand")):
        if samples[side]:
            yield f"wall: {middle(side, 'wall') / middle('feed', 'wall'):.1f} times as fast as {words}"
    limit = middle("limit", "cpu")
    work = median(sample.said["cpu"] for sample in samples["feed"])
    yield (
        f"CPU: {work / limit:.1f} times the component limit, "
        f"{middle('feed', 'cpu') / limit:.1f} times with the start of the program"
    )


def _limit(sample: Sample) -> Sample:
    """Only what it says itself counts: fetching and reading back are no part of it."""
    return Sample(sample.said["cpu"], sample.said["cpu"], {}, sample.peak_mb)


def _land(url: str, home: Path, kind: str) -> Sample:
    return measured(module("side_ours_azure", url, home, kind))


def _known_fields(url: str) -> str:
    """Those of our fields that the sandbox has: all sides ask for the same."""
    answer = requests.get(f"{url}/_apis/wit/fields", auth=("", "sandbox"), timeout=60)
    known = {record["referenceName"] for record in answer.json()["value"]}
    return ",".join(name for name in FIELDS.values() if name in known)


def _expect(sample: Sample, expected: dict[str, int]) -> None:
    if sample.said != expected:
        raise SideFailedError(f"The typed client read {sample.said}, expected {expected}")


def _expect_nothing_new(sample: Sample) -> None:
    if changed := {name: count for name, count in sample.said["landed"].items() if count}:
        raise SideFailedError(f"Nothing changed, yet a run landed {changed}")


def _revisions_of_deleted(home: Path) -> int:
    """The client's queries find live items only."""
    landing = Landing(home)
    gone = {row["item_id"] for row in landing.latest("azure_devops/deleted_items", CONNECTION, ["item_id"]).to_pylist()}
    ids = landing.latest("azure_devops/revisions", CONNECTION, ["item_id"])["item_id"].to_pylist()
    return sum(item_id in gone for item_id in ids)
