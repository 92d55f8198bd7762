"""Verdicts: what was landed counts, and what was built is published, only after the quality suites have passed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from extractors.ledger import ACCEPTED, PENDING
from extractors.redaction import redact
from extractors.streams import PMO, STREAMS
from orchestration.pipeline.context import Pipeline
from orchestration.pipeline.record import CheckOutcome, ConnectionResult
from quality.marts import MartRequest, MartTable
from quality.raw import RawConnection, RawRequest
from quality.result import CheckResult
from quality.worker import worker

SHOWN = 3
DATA_DOCS = "data_docs"


def judge(pipeline: Pipeline, tool: str, results: list[ConnectionResult]) -> list[CheckOutcome]:
    """Judge the pending batches of the connections that were read to their end; a failure holds its connection.

    A connection whose extraction broke off keeps its pending batches: the next run goes on behind them.
    """
    if not results:
        return []
    read = [result for result in results if _is_read(result)]
    found = worker().judge_raw(raw_request(pipeline, tool, results))
    for result in read:
        own = [check for check in found if check.connection_id == result.connection_id]
        blocking = [check for check in own if check.is_blocking and not check.passed]
        if blocking:
            result.held_reason = _held(result.connection_id, blocking)
            pipeline.landing.judge(result.connection_id, "held", result.held_reason)
        else:
            pipeline.landing.judge(result.connection_id, "accepted", None)
    return [_outcome(check) for check in found]


def _is_read(result: ConnectionResult) -> bool:
    return result.is_asked and not result.is_held


def _held(connection_id: str, blocking: list[CheckResult]) -> str:
    reasons = "; ".join(f"{check.asset}: {redact(check.detail)}" for check in blocking[:SHOWN])
    more = f"; and {len(blocking) - SHOWN} more" if len(blocking) > SHOWN else ""
    return (
        f"Connection '{connection_id}': its new data was not accepted. {reasons}{more}. Its last good state stays; "
        "the next run reads it again. Data Docs show every check, `pmo doctor` what the connection may read."
    )


def raw_request(pipeline: Pipeline, tool: str, results: list[ConnectionResult]) -> RawRequest:
    """The raw suites of `tool` over the rows that count and the pending ones; of unread connections the freshness."""
    ledger = pipeline.landing.ledger.table()
    streams = [name for name, stream in STREAMS.items() if stream.tool == tool or name in PMO]
    return RawRequest(
        tool=tool,
        run_id=pipeline.run.run_id,
        connections=tuple(_raw_connection(pipeline, ledger, each) for each in results),
        now=pipeline.run.started_at,
        files={name: tuple(pipeline.landing.table(name).file_uris()) for name in streams},
        spill=pipeline.home.dbt_spill,
        visible_batches=_batch_ids(ledger, (PENDING, ACCEPTED)),
        new_batches=_batch_ids(ledger, (PENDING,)),
    )


def _batch_ids(ledger: pa.Table, verdicts: Sequence[str]) -> tuple[str, ...]:
    return tuple(ledger.filter(pc.is_in(ledger["verdict"], pa.array(verdicts)))["batch_id"].to_pylist())


def _raw_connection(pipeline: Pipeline, ledger: pa.Table, result: ConnectionResult) -> RawConnection:
    """What the ledger says of a connection. A batch's start is by the source's clock, its commit by ours.

    In Arrow: after a year of hourly runs a connection has ten thousand batches.
    """
    run_id, column = pa.scalar(pipeline.run.run_id), pc.field
    own = ledger.filter((column("connection_id") == result.connection_id) & column("is_final"))
    before = own.filter((column("run_id") != run_id) & (column("verdict") == ACCEPTED))
    is_now = (column("run_id") == run_id) & column("verdict").isin([PENDING, ACCEPTED])
    now = own.filter(is_now) if _is_read(result) else own.slice(0, 0)
    lag = pc.min(pc.subtract(before["committed_at"], before["run_started_at"]).cast(pa.int64())).as_py()
    last = before.sort_by([("sequence", "descending")]).slice(0, 1)["run_id"].to_pylist()
    return RawConnection(
        result.connection_id,
        last_complete_read=pc.max((now if now.num_rows else before)["run_started_at"]).as_py(),
        previous_run_id=last[0] if last else None,
        is_read=_is_read(result),
        usual_lag=None if lag is None else timedelta(microseconds=lag),
        reported_cuts=tuple(result.cut_histories),
    )


_begun: dict[str, Future[list[CheckResult]]] = {}  # by run


def begin_judging_marts(pipeline: Pipeline) -> None:
    """Let the worker begin as soon as the warehouse stands; `judge_marts` waits for what it finds."""
    request = MartRequest(pipeline.home.warehouse, pipeline.run.run_id, mart_tables(pipeline))
    _begun[pipeline.run.run_id] = worker().judge_marts(request)


def judge_marts(pipeline: Pipeline) -> list[CheckOutcome]:
    """The mart suites over the warehouse of this run; Data Docs are written while the run goes on."""
    if pipeline.run.run_id not in _begun:
        begin_judging_marts(pipeline)
    found = _begun.pop(pipeline.run.run_id).result()
    write_docs(pipeline)
    return [_outcome(check) for check in found]


def write_docs(pipeline: Pipeline) -> None:
    """Begin with the Data Docs of everything that this run has judged so far."""
    worker().write_docs(pipeline.home.root / DATA_DOCS)


def mart_tables(pipeline: Pipeline) -> tuple[MartTable, ...]:
    """The tables of core and marts with their grain, from the manifest of this build."""
    nodes = json.loads(pipeline.home.manifest.read_bytes())["nodes"].values()
    return tuple(
        MartTable(node["schema"], node["name"], tuple(node["config"].get("meta", {}).get("grain") or ()))
        for node in nodes
        if node["resource_type"] == "model"
        and node["schema"] in {"core", "marts"}
        and node["config"]["materialized"] != "ephemeral"
    )


def _outcome(check: CheckResult) -> CheckOutcome:
    prefix = f"{check.connection_id}: " if check.connection_id else ""
    return CheckOutcome(f"{prefix}{check.name}", check.asset, check.passed, check.is_blocking, redact(check.detail))
