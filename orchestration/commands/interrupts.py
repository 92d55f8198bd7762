"""Ctrl+C, as `pmo` meets it: one sentence and exit status 130, at once.

What is being read may be dropped at any time: a batch counts only with its commit to the ledger.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

STATUS = 130
GRACE_SECONDS = 5.0
STOPPED = "Stopped. What was landed stays; the next run goes on from there."
NAMES = {"KeyboardInterrupt", "DagsterExecutionInterruptedError"}  # by name: importing Dagster takes seconds


def is_interrupt(error: BaseException) -> bool:
    """Whether a person stopped the command; also in the middle of a Dagster step."""
    return type(error).__name__ in NAMES


@contextlib.contextmanager
def certain_end(clean_up: Callable[[], None]) -> Iterator[None]:
    """Ctrl+C ends the process even where the exception is lost, as inside Python's own import locks.

    `clean_up` then ends the processes that this one started. While Dagster runs a job it handles the signal itself.
    """

    def handle(*_: object) -> NoReturn:
        watch = threading.Timer(GRACE_SECONDS, end)
        watch.daemon = True
        watch.start()
        raise KeyboardInterrupt

    def end() -> None:
        from orchestration.commands.failing import tell

        clean_up()
        tell(STOPPED)
        os._exit(STATUS)

    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # ignored, as in a background job
        yield
        return
    signal.signal(signal.SIGINT, handle)
    sys.unraisablehook = _tell_unraisable
    try:
        yield
    finally:
        sys.unraisablehook = sys.__unraisablehook__
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _tell_unraisable(lost: sys.UnraisableHookArgs) -> None:
    """What Python cannot raise, but for a lost Ctrl+C: that is told in our own words."""
    if not issubclass(lost.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(lost)


class Commands(TyperGroup):
    """Typer itself would end with status 130 and say nothing."""

    def invoke(self, ctx: Any) -> Any:
        from orchestration.commands.failing import tell

        try:
            return super().invoke(ctx)
        except BaseException as error:
            if not is_interrupt(error):
                raise
            tell(STOPPED)
            raise typer.Exit(STATUS) from None
