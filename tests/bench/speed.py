"""A first load of Jira Cloud at the latency of a far-away server, beside who reads the same issues in other ways.

The same server, the same issues with their whole histories, by turns: ours into Delta tables; the plain `jira` client
paging the search, which counts and stores nothing; a peer connector from the package index in an environment of its
own; and the component limit, which is what inflating, decoding and writing cost alone.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from sandbox.model import Tool
from tests.bench import peer, site
from tests.bench.extraction import CONNECTION_FIELDS, what_is_there
from tests.bench.measure import ROOT, Sample, SideFailedError, measured, module, spread, table
from tests.bench.recorded import answering

HEADER = ("", "wall s", "CPU s", "CPU us/issue", "peak MB")


def compare(work: Path, issues: int, seed: int, latency_ms: float, runs: int, *, with_peer: bool) -> Iterator[str]:
    """The lines of the report."""
    store = site.build(work, Tool.JIRA_CLOUD, issues, seed)
    size = dict(site.sizes(store))
    with answering(Tool.JIRA_CLOUD, store, latency_ms) as url:
        home = work / "speed-home"
        shutil.rmtree(home, ignore_errors=True)
        _ours(url, home)  # not counted: from now on the server answers from memory
        fields, expected = what_is_there(home)
        names = ",".join(sorted({*fields, *CONNECTION_FIELDS}))
        client = module("side_peer", url, names)
        connector = _connector(work, url, names) if with_peer else "not asked for"
        sides: dict[str, list[Sample]] = {"ours": [], "client": [], "limit": [], "peer": []}
        if measured(client).said != expected:
            raise SideFailedError("The jira client does not read what we land")
        for number in range(runs):
            shutil.rmtree(home)
            sides["ours"].append(_ours(url, home))
            sides["client"].append(measured(client))
            sides["limit"].append(_limit(measured(module("side_components", url, home, names))))
            if isinstance(connector, list):
                sides["peer"].append(_peer(work, connector, expected, number))
        again = [_ours(url, home) for _ in range(runs)]
    with answering(Tool.JIRA_CLOUD, store, 0) as url:
        _ours(url, home)  # not counted: the answers name another address now
        near = [_ours(url, home) for _ in range(runs)]
    if landed := [sample.said["landed"] for sample in [*again, *near] if any(sample.said["landed"].values())]:
        raise SideFailedError(f"Nothing changed, yet a run landed {landed[0]}")
    yield from _report(sides, again, near, size, latency_ms)
    if isinstance(connector, str):
        yield f"Peer connector left out: {connector}"


def _report(
    sides: dict[str, list[Sample]], again: list[Sample], near: list[Sample], size: dict[str, float], latency_ms: float
) -> Iterator[str]:
    issues = int(size["issues"])
    yield (
        f"First load of Jira Cloud: {issues:,} issues of {size['bytes'] / 1024:.1f} kB with "
        f"{size['histories']:,.0f} histories, {size['projects']:.0f} projects, {size['boards']:.0f} boards, "
        f"{latency_ms:g} ms a request, {len(again)} runs a side"
    )
    rows = [
        *_rows(sides, issues),
        _row(f"ours again, nothing changed ({again[-1].said['requests']} requests)", again, issues),
        _row("ours again, nothing changed, 0 ms a request", near, issues),
    ]
    yield table(rows, HEADER)
    yield from _ratios(sides)
    own = spread([sample.wall for sample in near])
    work = spread([sample.cpu - sample.said["start_cpu"] for sample in near])
    yield f"nothing changed: {own} s of our own time (wall at 0 ms), of which {work} s are CPU after the start"


def _rows(sides: dict[str, list[Sample]], issues: int) -> Iterator[tuple[str, ...]]:
    names = {
        "ours": "ours, into Delta",
        "begun": "ours, without the start of the program",
        "client": "jira client, read and counted only",
        "peer": f"peer connector ({peer.PACKAGE}), into DuckDB",
        "limit": "component limit: inflate, decode, write",
    }
    sides["begun"] = [_begun(sample) for sample in sides["ours"]]
    for key, name in names.items():
        if samples := sides[key]:
            yield _row(name, samples, issues)


def _begun(sample: Sample) -> Sample:
    """Without the CPU that the interpreter and the imports took; the wall clock is that of the whole."""
    return Sample(sample.wall, sample.cpu - sample.said["start_cpu"], sample.said, sample.peak_mb)


def _row(name: str, samples: list[Sample], issues: int) -> tuple[str, ...]:
    return (
        name,
        spread([sample.wall for sample in samples]),
        spread([sample.cpu for sample in samples]),
        spread([1e6 * sample.cpu / issues for sample in samples]),
        spread([sample.peak_mb for sample in samples]),
    )


def _ratios(sides: dict[str, list[Sample]]) -> Iterator[str]:
    def middle(side: str, kind: str) -> float:
        return median(getattr(sample, kind) for sample in sides[side])

    yield f"wall: {middle('client', 'wall') / middle('ours', 'wall'):.1f} times as fast as the jira client"
    whole, begun = (middle(side, "cpu") / middle("limit", "cpu") for side in ("ours", "begun"))
    yield f"CPU: {whole:.1f} times the component limit, {begun:.1f} times without the start of the program"
    if sides["peer"]:
        yield (
            f"CPU: 1/{middle('peer', 'cpu') / middle('ours', 'cpu'):.0f} of the peer connector, "
            f"{middle('peer', 'wall') / middle('ours', 'wall'):.0f} times as fast"
        )


def _limit(sample: Sample) -> Sample:
    """Only what it says itself counts: fetching and reading back are no part of it."""
    return Sample(sample.said["cpu"], sample.said["cpu"], sample.said, sample.peak_mb)


def _ours(url: str, home: Path) -> Sample:
    return measured(module("side_ours", url, home))


def _connector(work: Path, url: str, names: str) -> list[str] | str:
    """The command of the peer connector, or why there is none. Its last word is the folder to work in."""
    try:
        python = peer.install(work / "peer")
    except peer.NoPeerError as error:
        return str(error)
    return [str(python), str(ROOT / "tests" / "bench" / "side_dlt.py"), url, names]


def _peer(work: Path, command: list[str], expected: dict[str, int], number: int) -> Sample:
    folder = work / f"peer-run-{number}"
    folder.mkdir()
    python, program, url, names = command
    sample = measured([python, program, url, str(folder), names], peer.environment(folder))
    shutil.rmtree(folder)
    if sample.said != expected:
        raise SideFailedError(f"The peer connector read {sample.said}, we landed {expected}")
    return sample
