"""The end of every failed command: one readable paragraph, no traceback, no secret."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sys
import textwrap
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime

from orchestration.commands.interrupts import STATUS, STOPPED
from orchestration.errors import PmoError
from orchestration.paths import Home
from orchestration.terminal import plain

LOG_FILE = "pmo.log"
FULL_DISK = (
    "The disk cannot take more: the command stopped, and what was published before stays as it was. "
    "Free space where {root} lies (`pmo maintain` frees some), then run again: nothing that was landed is lost."
)


@contextlib.contextmanager
def readable_errors() -> Iterator[None]:
    """Turn whatever is raised into a paragraph and exit status 1 (130: interrupted)."""
    try:
        yield
    except KeyboardInterrupt:
        tell(STOPPED)
        sys.exit(STATUS)
    except PmoError as error:
        tell(str(error))
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - the last one to catch: a person gets a sentence, the log the traceback
        if type(error).__module__.startswith(("extractors.", "bi.", "sandbox.")):
            tell(str(error))
        elif is_full_disk(error):
            tell(FULL_DISK.format(root=Home.of().root))
        else:
            tell(unexpected(error))
        sys.exit(1)


def is_full_disk(error: BaseException) -> bool:
    """Whether the system refused to store more, whoever was told: Python, SQLite below Dagster, or DuckDB."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            return True
        if any(words in str(seen) for words in ("No space left", "disk is full", "disk I/O error", "File too large")):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def tell(text: str) -> None:
    """Print to standard error, each line of `text` as a wrapped paragraph, without secrets."""
    from extractors.redaction import redact

    for line in redact(text).strip().split("\n"):
        print(textwrap.fill(plain(line), 118, break_long_words=False, break_on_hyphens=False), file=sys.stderr)  # noqa: T201


def unexpected(error: BaseException) -> str:
    """Write the traceback to the log; the paragraph that says so."""
    from extractors.redaction import redact

    folder = Home.of().logs
    folder.mkdir(parents=True, exist_ok=True)
    text = redact("".join(traceback.format_exception(error)))
    with (folder / LOG_FILE).open("a", encoding="utf-8") as log:
        log.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n{text}\n")
    said = redact(" ".join(str(error).split()))[:300]
    return (
        f"An unexpected {type(error).__name__} stopped the command: {said}. This is a defect of the product; "
        f"the traceback is at the end of {folder / LOG_FILE}. What was published before stays as it was."
    )


def leave_at_once(end: SystemExit) -> None:
    """End the process with the status of `end`: taking thousands of modules apart would take seconds for nothing."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(end.code if isinstance(end.code, int) else int(end.code is not None))


def log_to_file() -> None:
    """Send what the product logs to $PMO_HOME/logs/pmo.log, without secrets; nothing of it to the terminal."""
    from extractors.redaction import RedactingFilter

    folder = Home.of().logs
    folder.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(folder / LOG_FILE, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    handler.addFilter(RedactingFilter())
    for name in ("pmo", "extractors", "quality", "bi"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.INFO)
        logger.propagate = False
