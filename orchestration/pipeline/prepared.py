"""A publication that is written aside while the marts are being judged, and shown only once they have passed.

Writing and judging both only read the warehouse, and each takes seconds. The thread that writes waits before the last
step, the one that makes the publication visible, for a word; a run that ends without it drops what was written.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

from bi.publication import Publication

STOP_SECONDS = 10.0

Publish = Callable[[Callable[[], None]], Publication]  # publishes; calls its argument before anything is visible


class Withheld(Exception):  # noqa: N818 - no error: the verdict was no
    """The run ended without showing what was prepared."""


class Prepared:
    """One publication in the making, in a thread of its own."""

    def __init__(self, publish: Publish) -> None:
        self._answered = threading.Event()
        self._may_show = False
        self._outcome: Future[Publication] = Future()
        self._thread = threading.Thread(target=self._run, args=(publish,), name="publish", daemon=True)
        self._thread.start()

    def _run(self, publish: Publish) -> None:
        try:
            self._outcome.set_result(publish(self._wait))
        except BaseException as error:  # noqa: BLE001 - handed to whoever asks for the outcome
            self._outcome.set_exception(error)

    def _wait(self) -> None:
        self._answered.wait()
        if not self._may_show:
            raise Withheld

    def show(self) -> Publication:
        """Make it visible. Raises what the publication raised."""
        self._may_show = True
        self._answered.set()
        return self._outcome.result()

    def drop(self) -> None:
        """Nobody will see it."""
        self._answered.set()
        self._thread.join(STOP_SECONDS)


_prepared: dict[str, Prepared] = {}


def prepare(run_id: str, publish: Publish) -> None:
    """Begin to write the publication of a run."""
    _prepared[run_id] = Prepared(publish)


def show(run_id: str, publish: Publish) -> Publication:
    """Show what was prepared for the run; else write and show it now."""
    prepared = _prepared.pop(run_id, None)
    return prepared.show() if prepared else publish(lambda: None)


def drop_prepared() -> None:
    """At the end of a run: what it has not shown goes."""
    while _prepared:
        _prepared.popitem()[1].drop()
