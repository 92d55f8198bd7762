"""Coverage in Dagster: per connection, stream and project what the source has, what was got, what is missing and why.

The same rows lie in the raw stream `pmo/coverage`. Its suite decides: a gap that nobody explains is blocking and holds
its connection at the last good state. It does not block the assets behind it, as the other connections go on.
"""

from __future__ import annotations

import dagster as dg

from orchestration.pipeline.context import Pipeline
from orchestration.pipeline.record import ConnectionResult

NAME = "coverage"
_TEXTS = ("connection", "stream", "project", "reason", "last_good")
_COUNTS = ("expected", "got", "missing", "deleted", "skipped")
SCHEMA = dg.TableSchema(
    [*(dg.TableColumn(name, "string") for name in _TEXTS), *(dg.TableColumn(name, "int") for name in _COUNTS)]
)


def coverage_spec(asset: dg.AssetKey) -> dg.AssetCheckSpec:
    """The check of one tool: everything that its sources have is here, and every connection is at its present state."""
    text = "Everything that the sources say they have is here. An unexplained gap holds its connection."
    return dg.AssetCheckSpec(NAME, asset=asset, description=text)


def coverage_table(
    pipeline: Pipeline, results: list[ConnectionResult], stream: str | None = None, *, gaps_only: bool = False
) -> dg.TableMetadataValue | None:
    """The rows of this run (of one stream), and one for every connection that is held; None if there are none."""
    records = [
        _record(
            pipeline,
            result,
            (row.stream, row.project, row.reason),
            (row.expected, row.got, row.missing, row.deleted, row.skipped),
        )
        for result in results
        for row in result.coverage
        if stream in {None, row.stream} and (row.missing or not gaps_only)
    ]
    if stream is None:
        held = [result for result in results if result.is_held]
        records += [
            _record(pipeline, result, ("*", "*", result.held_reason), (None,) * len(_COUNTS)) for result in held
        ]
    return dg.MetadataValue.table(records, SCHEMA) if records else None


def _record(
    pipeline: Pipeline, result: ConnectionResult, texts: tuple[str | None, ...], counts: tuple[int | None, ...]
) -> dg.TableRecord:
    last_good = pipeline.landing.watermark(result.connection_id)
    told = (result.connection_id, *texts, f"{last_good:%Y-%m-%d %H:%M} UTC" if last_good else "never")
    filled = dict(zip(_TEXTS, told, strict=True)) | dict(zip(_COUNTS, counts, strict=True))
    return dg.TableRecord({name: "" if value is None else value for name, value in filled.items()})


def coverage_check(pipeline: Pipeline, asset: dg.AssetKey, results: list[ConnectionResult]) -> dg.AssetCheckResult:
    """Red if a connection is held or records are missing without a reason, yellow if the reason is known."""
    gaps = [gap for result in results for gap in result.gaps]
    is_error = any(result.is_held for result in results) or any(gap.reason is None for gap in gaps)
    known = [row for result in results for row in result.coverage if row.expected is not None]
    metadata: dict[str, dg.MetadataValue | int] = {
        "expected": sum(row.expected or 0 for row in known),
        "got": sum(row.got or 0 for row in known),
        "missing": sum(gap.missing for gap in gaps),
    }
    if table := coverage_table(pipeline, results, gaps_only=True):
        metadata["gaps"] = table
    return dg.AssetCheckResult(
        passed=not gaps and not is_error,
        asset_key=asset,
        check_name=NAME,
        severity=dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
        metadata=metadata,
    )
