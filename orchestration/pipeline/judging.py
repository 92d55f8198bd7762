"""Verdicts: what was landed counts only after the quality suites of its stream have passed."""

from __future__ import annotations

from extractors.redaction import redact
from orchestration.pipeline.context import Pipeline
from orchestration.pipeline.record import CheckOutcome, ConnectionResult
from quality.result import CheckResult


def judge(pipeline: Pipeline, tool: str, results: list[ConnectionResult]) -> list[CheckOutcome]:
    """Judge the pending batches of the connections that were read to their end; a failure holds its connection.

    A connection whose extraction broke off keeps its pending batches: the next run goes on behind them.
    """
    read = [result for result in results if result.is_asked and not result.is_held]
    if not read:
        return []
    found = raw_checks(pipeline, tool, [result.connection_id for result in read])
    for result in read:
        blocking = [
            check
            for check in found
            if check.connection_id == result.connection_id and check.is_blocking and not check.passed
        ]
        if blocking:
            reason = "; ".join(f"{check.asset} {check.name}: {check.detail}" for check in blocking[:5])
            result.held_reason = (
                f"Connection '{result.connection_id}': its new data was not accepted, because {redact(reason)}. "
                "Its last good state stays. `pmo doctor` checks the connection; Data Docs show the rows."
            )
            pipeline.landing.judge(result.connection_id, "held", result.held_reason)
        else:
            pipeline.landing.judge(result.connection_id, "accepted", None)
    return [
        CheckOutcome(f"{check.connection_id}: {check.name}", check.asset, check.passed, check.is_blocking, check.detail)
        for check in found
    ]


def raw_checks(pipeline: Pipeline, tool: str, connection_ids: list[str]) -> list[CheckResult]:
    """The results of the raw suites of `tool` over the rows that count and the pending ones."""
    from quality.raw import RawRequest
    from quality.worker import worker

    ledger = pipeline.landing.batches()
    request = RawRequest(
        tool=tool,
        run_id=pipeline.run.run_id,
        connection_ids=tuple(connection_ids),
        now=pipeline.run.started_at,
        files={name: tuple(pipeline.landing.table(name).file_uris()) for name in _streams(tool)},
        visible_batches=tuple(batch.batch_id for batch in ledger if batch.is_visible),
        new_batches=tuple(batch.batch_id for batch in ledger if batch.verdict == "pending"),
        data_docs=pipeline.home.root / "data_docs",
    )
    return worker().judge_raw(request)


def _streams(tool: str) -> list[str]:
    from extractors.streams import PMO, STREAMS

    return [name for name, stream in STREAMS.items() if stream.tool == tool or name in PMO]
