"""One tool's part of a run: extract its connections, judge what was landed, note both in the run's record.

`pmo run` starts all tools ahead in threads while Dagster and the definitions are still being loaded; the Dagster steps
then take what is ready. A run that Dagster launches by itself does the same work inside its steps.
"""

from __future__ import annotations

import dataclasses
from concurrent.futures import Future, ThreadPoolExecutor

from extractors.errors import ExtractError
from orchestration.pipeline.context import Pipeline
from orchestration.pipeline.extraction import extract_tool
from orchestration.pipeline.judging import judge
from orchestration.pipeline.record import CheckOutcome, ConnectionResult

TOOLS = ("azure_devops", "jira", "surveys")


@dataclasses.dataclass(frozen=True)
class Landed:
    """What became of a tool's connections. `transient`: failures that another attempt may cure."""

    connections: list[ConnectionResult]
    checks: list[CheckOutcome]
    transient: list[ExtractError]


_started: dict[tuple[str, str], Future[Landed]] = {}


def land(pipeline: Pipeline, tool: str, *, may_retry: bool = False) -> Landed:
    """Extract and judge. With `may_retry`, transient failures leave the judging to the next attempt."""
    if not pipeline.options.extract or pipeline.options.as_of is not None:
        return Landed([], [], [])
    results, transient = extract_tool(pipeline, tool)
    results += _waiting(pipeline, tool, {result.connection_id for result in results})
    checks = [] if transient and may_retry else judge(pipeline, tool, results)
    pipeline.records.add(pipeline.run.run_id, connections=results, checks=checks)
    return Landed(results, checks, transient)


def _waiting(pipeline: Pipeline, tool: str, known: set[str]) -> list[ConnectionResult]:
    """Connections that an earlier attempt of this run has read, and whose batches still wait for their verdict."""
    return [
        result
        for key, result in pipeline.record.connections.items()
        if result.tool == tool and key not in known and result.is_good and pipeline.landing.pending(key)
    ]


def start_ahead(pipeline: Pipeline) -> ThreadPoolExecutor:
    """Begin with all tools now, each in a thread; shut the pool down when the run has ended."""
    pool = ThreadPoolExecutor(len(TOOLS), thread_name_prefix="land")
    for tool in TOOLS:
        own = dataclasses.replace(pipeline)  # with a landing of its own: its caches are not made for several threads
        _started[(pipeline.run.run_id, tool)] = pool.submit(land, own, tool)
    return pool


def landed(pipeline: Pipeline, tool: str, *, may_retry: bool) -> Landed:
    """What was started ahead, waited for; else done now."""
    ahead = _started.pop((pipeline.run.run_id, tool), None)
    return ahead.result() if ahead is not None else land(pipeline, tool, may_retry=may_retry)
