"""Progress in the terminal: live bars with counts and rates, or plain lines where the output is no terminal."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from orchestration.pipeline.reporting import Reporter
from orchestration.terminal import escape, plain

PLAIN_SECONDS = 5.0  # between two lines of the same stream


@contextmanager
def terminal_reporter(console: Console) -> Iterator[Reporter]:
    """The reporter that fits the terminal."""
    if not console.is_terminal:
        yield PlainReporter(console)
        return
    progress = Progress(
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        _Counts(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    with progress:
        yield LiveReporter(progress)


class _Counts(ProgressColumn):
    """`1,200 / 5,000 · 310/s`."""

    def render(self, task: Task) -> Text:
        total = f" / {task.total:,.0f}" if task.total is not None else ""
        rate = f" · {task.speed:,.0f}/s" if task.speed else ""
        return Text(f"{task.completed:,.0f}{total}{rate}" if task.completed else "", style="cyan")


class LiveReporter:
    """One bar per connection with its present stream, one for the present part of the run."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        self._streams: dict[str, str] = {}
        self._lock = threading.Lock()
        self._stage: TaskID | None = None

    def stage(self, title: str) -> None:
        with self._lock:
            self._end_stage()
            self._stage = self._progress.add_task(f"[bold]{escape(title)}[/]", total=None)

    def _end_stage(self) -> None:
        if self._stage is not None:
            task = self._progress.tasks[self._progress.task_ids.index(self._stage)]
            self._progress.console.print(f"[green]✓[/] {task.description} [dim]{task.elapsed or 0:.1f} s")
            self._progress.remove_task(self._stage)
            self._stage = None

    def advance(self, connection_id: str, stream: str, done: int, total: int | None) -> None:
        with self._lock:
            if connection_id not in self._tasks:
                self._tasks[connection_id] = self._progress.add_task(escape(connection_id), total=None)
            task = self._tasks[connection_id]
            if self._streams.get(connection_id) != stream:
                self._streams[connection_id] = stream
                self._progress.reset(task, description=_described(connection_id, stream), total=total)
            self._progress.update(task, completed=done, total=total)

    def connection_done(self, connection_id: str, text: str, *, is_good: bool) -> None:
        with self._lock:
            if (task := self._tasks.pop(connection_id, None)) is not None:
                self._progress.remove_task(task)
            mark = "[green]✓[/]" if is_good else "[red]✗[/]"
            self._progress.console.print(f"  {mark} {escape(connection_id)} [dim]{escape(text)}[/]", highlight=False)

    def step(self, title: str, done: int, total: int | None) -> None:  # noqa: ARG002 - the stage names it
        with self._lock:
            if self._stage is not None:
                self._progress.update(self._stage, completed=done, total=total)

    def note(self, text: str) -> None:
        self._progress.console.print(plain(text), highlight=False, markup=False)

    def close(self) -> None:
        with self._lock:
            self._end_stage()


def _described(connection_id: str, stream: str) -> str:
    return f"  {escape(connection_id)} [dim]{escape(stream)}[/]"


class PlainReporter:
    """A line when a part begins or ends, and every few seconds in between."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()
        self._last: dict[str, float] = {}
        self._begun: dict[str, float] = {}
        self._lock = threading.Lock()

    def stage(self, title: str) -> None:
        self._line(title)

    def advance(self, connection_id: str, stream: str, done: int, total: int | None) -> None:
        key = f"{connection_id} {stream}"
        with self._lock:
            now = time.monotonic()
            begun = self._begun.setdefault(key, now)
            if now - self._last.setdefault(connection_id, now) < PLAIN_SECONDS:
                return
            self._last[connection_id] = now
        of = f" of {total:,}" if total is not None else ""
        rate = f", {done / (now - begun):,.0f}/s" if now - begun > 1 else ""
        self._line(f"  {key}: {done:,}{of}{rate}")

    def connection_done(self, connection_id: str, text: str, *, is_good: bool) -> None:
        self._line(f"  {connection_id}: {text}" if is_good else f"  {connection_id} FAILED: {text}")

    def step(self, title: str, done: int, total: int | None) -> None:
        with self._lock:
            now = time.monotonic()
            if now - self._last.setdefault(title, now) < PLAIN_SECONDS:
                return
            self._last[title] = now
        self._line(f"  {title}: {done:,}" + (f" of {total:,}" if total else ""))

    def note(self, text: str) -> None:
        self._line(text)

    def close(self) -> None:
        """Nothing is open."""

    def _line(self, text: str) -> None:
        seconds = time.monotonic() - self._started
        self._console.print(f"{seconds:6.1f} s  {plain(text)}", highlight=False, markup=False, soft_wrap=True)
