"""What every raw stream has to satisfy. `is_new`: the row belongs to a batch that waits for its verdict."""

from __future__ import annotations

from quality.suite import Measure, Suite, never, rows, warn_if

KEYS = ("record_id", "extracted_at", "run_id", "batch_id", "is_deleted", "payload_hash")


def raw_suite(
    stream: str,
    *measures: Measure,
    minimum: int = 0,
    has_payload: bool = True,
    is_required: str | None = None,
    may_lack_rows: bool = False,
) -> Suite:
    """The suite of one stream. `minimum`: live rows that a connection must have, and why (`is_required`).

    `may_lack_rows`: fewer are only reported.
    """
    meaning = is_required or "counts the live rows; the tool may have none"
    common = [
        rows(minimum, meaning, "not is_deleted", is_blocking=not may_lack_rows),
        never(
            "missing_keys",
            f"is_new and ({' or '.join(f'{key} is null' for key in KEYS)})",
            "every row says what it is, when and by which run it was read",
            examples="record_id",
        ),
        Measure(
            "repeated_records",
            "a batch holds each record once",
            "count(*) filter (where is_new)"
            " - count(distinct record_id || '|' || batch_id) filter (where is_new and record_id is not null)",
            0,
            0,
        ),
        warn_if(
            "from_the_future",
            "is_new and updated_at > now_at + interval 1 day",
            "no record was changed after the run that read it",
            examples="record_id",
        ),
    ]
    if has_payload:
        payload = never(
            "missing_payloads",
            "is_new and not is_deleted and payload is null",
            "every live record is kept as it was sent",
            examples="record_id",
        )
        common.append(payload)
    return Suite(f"raw.{stream.replace('/', '.')}", stream, (*common, *measures))


def present(*columns: str, is_blocking: bool = True) -> tuple[Measure, ...]:
    """These columns are never empty on a new, live row."""
    return tuple(
        never(
            f"missing_{column}",
            f"is_new and not is_deleted and {column} is null",
            f"{column} is never empty",
            examples="record_id",
            is_blocking=is_blocking,
        )
        for column in columns
    )


def one_of(column: str, *values: str, is_blocking: bool = True) -> Measure:
    """The column holds one of these values, or nothing."""
    listed = ", ".join(f"'{value}'" for value in values)
    return never(
        f"unknown_{column}",
        f"is_new and not is_deleted and {column} not in ({listed})",
        f"{column} is one of {', '.join(values)}",
        examples=f"record_id || ' = ' || {column}",
        is_blocking=is_blocking,
    )
