"""Extract connections: each one alone, so that one that fails stops no other."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from extractors.connection import (
    AzureDevOpsConnection,
    CheckLine,
    Connection,
    ExtractReport,
    JiraConnection,
    Progress,
    QualtricsConnection,
    SurveyFileConnection,
    SurveyMonkeyConnection,
    TypeformConnection,
)
from extractors.errors import ExtractError, HistoryCut
from extractors.landing import Landing, Run
from extractors.redaction import redact
from orchestration.pipeline.context import Pipeline
from orchestration.pipeline.record import ConnectionResult, CoverageResult, StreamResult
from orchestration.pipeline.reporting import reporter

LOG = logging.getLogger("pmo.extraction")


class Source(Protocol):
    """What every source offers."""

    def extract(self, landing: Landing, run: Run) -> ExtractReport: ...

    def check(self) -> list[CheckLine]: ...


class _Progress:
    def __init__(self, connection_id: str) -> None:
        self._connection_id = connection_id

    def advance(self, stream: str, done: int, total: int | None) -> None:
        reporter().advance(self._connection_id, stream, done, total)


def source_of(connection: Connection) -> Source:
    """The source of a connection, by its kind."""
    progress: Progress = _Progress(connection.id)
    match connection:
        case JiraConnection():
            from extractors.jira.source import JiraSource

            return JiraSource(connection, progress=progress)
        case AzureDevOpsConnection():
            from extractors.azure_devops.source import AzureDevOpsSource

            return AzureDevOpsSource(connection, progress=progress)
        case SurveyFileConnection():
            from extractors.surveys.source import SurveyFileSource

            return SurveyFileSource(connection, progress=progress)
        case QualtricsConnection():
            from extractors.surveys.qualtrics.source import QualtricsSource

            return QualtricsSource(connection, progress=progress)
        case SurveyMonkeyConnection():
            from extractors.surveys.surveymonkey.source import SurveyMonkeySource

            return SurveyMonkeySource(connection, progress=progress)
        case TypeformConnection():
            from extractors.surveys.typeform.source import TypeformSource

            return TypeformSource(connection, progress=progress)
    raise TypeError(f"no source for the kind {connection.kind}")


def extract_tool(pipeline: Pipeline, tool: str) -> tuple[list[ConnectionResult], list[ExtractError]]:
    """Extract the tool's connections side by side; also the transient errors, which another attempt may cure.

    A connection that this run has already read is not read again.
    """
    done = {key for key, result in pipeline.record.connections.items() if result.is_good}
    todo = [each for each in pipeline.settings.connections if each.tool == tool and each.id not in done]
    if not todo:
        return [], []
    with ThreadPoolExecutor(max_workers=len(todo), thread_name_prefix=f"extract-{tool}") as pool:
        pairs = list(pool.map(lambda connection: _extract(pipeline, connection), todo))
    transient = [error for _, error in pairs if error is not None and error.is_transient]
    return [result for result, _ in pairs], transient


def _extract(pipeline: Pipeline, connection: Connection) -> tuple[ConnectionResult, ExtractError | None]:
    """Never raises: what went wrong is in the result."""
    result = ConnectionResult(connection.id, connection.kind, connection.tool)
    if before := pipeline.record.connections.get(connection.id):  # an attempt before this one, whose rows wait too
        result.cut_histories = before.cut_histories
    if pipeline.options.only and connection.id not in pipeline.options.only:
        result.is_asked = False
        return result, None
    begun = time.monotonic()
    failure: ExtractError | None = None
    try:
        # A landing of its own: its caches are not made for several threads.
        _take(result, source_of(connection).extract(Landing(pipeline.home.root), pipeline.run))
    except ExtractError as error:
        failure = error
        result.held_reason = redact(str(error))
    except Exception as error:
        # Whatever a library throws: this connection is held, the traceback is in the log, the others go on.
        LOG.exception("extraction of %s", connection.id)
        kind = type(error).__name__
        result.held_reason = (
            f"Connection '{connection.id}': an unexpected {kind} stopped the extraction. This is a defect of the "
            f"product: the traceback is in {pipeline.home.logs / 'pmo.log'}. Its last good state stays."
        )
    result.seconds = time.monotonic() - begun
    reporter().connection_done(connection.id, _told(result), is_good=result.is_good)
    return result, failure


def _told(result: ConnectionResult) -> str:
    if result.held_reason:
        return result.held_reason
    seen = sum(stream.seen for stream in result.streams.values())
    rate = f", {seen / result.seconds:,.0f} records/s" if seen and result.seconds else ""
    failed = f"; {len(result.failures)} parts failed" if result.failures else ""
    return f"{result.landed:,} new rows of {seen:,} records in {result.seconds:.1f} s{rate}{failed}"


def _take(result: ConnectionResult, report: ExtractReport) -> None:
    result.streams = {
        name: StreamResult(count.seen, count.landed, count.deleted) for name, count in report.streams.items()
    }
    result.failures = [redact(str(failure)) for failure in report.failures]
    cuts = [failure.record_id for failure in report.failures if isinstance(failure, HistoryCut)]
    result.cut_histories = [*result.cut_histories, *cuts]
    result.warnings = [redact(warning) for warning in report.warnings]
    result.requests = report.requests
    result.waited_seconds = report.waited_seconds
    result.coverage = [
        CoverageResult(row.stream, row.project, row.expected, row.got, row.deleted, row.skipped, _plain(row.reason))
        for row in report.coverage
    ]
    known = [row for row in report.coverage if row.expected is not None]
    result.expected = sum(row.expected or 0 for row in known) if known else None
    result.got = sum(row.got or 0 for row in known) if known else None


def _plain(reason: str | None) -> str | None:
    return None if reason is None else redact(reason)
