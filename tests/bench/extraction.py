"""Extraction beside its peer: a first load of both Jira flavours into Delta, and the plain `jira` client reading them.

Same server, same fields, same issues and histories, one side after the other by turns. Ours does more: it lands
everything with hashes in Delta tables, reads boards, sprints and users, and proves that it is complete.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow.compute as pc

from extractors.landing import Landing
from tests.bench.measure import Sample, SideFailedError, measured, module, ratios, row, table
from tests.bench.side_ours import CONNECTION

CONNECTION_FIELDS = ("status", "issuetype", "project", "updated")  # on every issue, and so never missing


def compare(name: str, url: str, work: Path, runs: int) -> Iterator[str]:
    """The lines of the report. `work` keeps the last landing as `work`/home."""
    home = work / "home"
    _land(url, home)  # not counted: what both read is in the server's cache from now on
    fields, expected = what_is_there(home)
    ours: list[Sample] = []
    peer: list[Sample] = []
    for _ in range(runs):
        shutil.rmtree(home)
        ours.append(_land(url, home))
        peer.append(measured(module("side_peer", url, ",".join(fields))))
        if peer[-1].said != expected:
            raise SideFailedError(f"{name}: the jira client read {peer[-1].said}, we landed {expected}")
    again = [_land(url, home) for _ in range(runs)]
    landed = {stream: count for stream, count in again[-1].said["landed"].items() if count}
    yield f"Extraction, {name}: {expected['issues']:,} issues, {expected['histories']:,} histories, {runs} runs a side"
    yield table(
        [
            row("ours, first load into Delta", ours),
            row("jira client, read and counted only", peer),
            ratios("ours / jira client", ours, peer),
            row(f"ours again, nothing changed ({again[-1].said['requests']} requests)", again),
        ]
    )
    if landed:
        raise SideFailedError(f"{name}: nothing changed, yet a run landed {landed}")


def _land(url: str, home: Path) -> Sample:
    return measured(module("side_ours", url, home))


def what_is_there(home: Path) -> tuple[list[str], dict[str, int]]:
    """The fields that we ask for, and how many issues and histories were landed."""
    landing = Landing(home)
    issues = landing.latest("jira/issues", CONNECTION, ["payload", "is_deleted"])
    issues = issues.filter(pc.invert(issues["is_deleted"]))
    if not issues.num_rows:
        raise SideFailedError("The site has no issues; ask for more --items")
    fields = {name for payload in issues["payload"].to_pylist() for name in json.loads(payload)["fields"]}
    changes = landing.latest("jira/issue_changes", CONNECTION, ["issue_id", "history_id"])
    histories = changes.group_by(["issue_id", "history_id"]).aggregate([]).num_rows
    return sorted(fields), {"issues": issues.num_rows, "histories": histories}
