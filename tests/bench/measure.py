"""Measuring one side of a comparison: a program of its own, its wall clock, and the CPU time that it used."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

_LOOK_SECONDS = 0.02
ROOT = Path(__file__).resolve().parents[2]


class SideFailedError(Exception):
    """A side did not do its work, so there is nothing to compare."""


@dataclass(frozen=True)
class Sample:
    """One run of one side: seconds, and seconds of CPU (user and system, of it and its children).

    Both hold the start of the program and its imports, which a small number of items does not outweigh.
    `said` is the JSON object that it printed as its last line.
    """

    wall: float
    cpu: float
    said: dict[str, Any]
    peak_mb: float = 0.0  # memory resident at most


def measured(command: Sequence[str], environ: Mapping[str, str] | None = None, cwd: Path = ROOT) -> Sample:
    """Run `command` to its end. Raises SideFailedError with its last words if it fails."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=cwd, env={**os.environ, **(environ or {})}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    watch = _Memory(process.pid)
    watch.start()
    with process.stdout:
        output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    watch.ended.set()
    process.returncode = os.waitstatus_to_exitcode(status)  # it is reaped; Popen shall not wait for it
    if process.returncode:
        raise SideFailedError(f"{' '.join(command[:4])} … ended with {process.returncode}:\n{output[-2000:]}")
    last = (output.strip().splitlines() or [""])[-1]
    said = json.loads(last) if last.startswith("{") else {}
    return Sample(wall, usage.ru_utime + usage.ru_stime, said, watch.peak_mb)


class _Memory(threading.Thread):
    """Looks at what a process and its children hold. (`ru_maxrss` would count what we held when we began it.)"""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self.ended = threading.Event()
        self.peak_mb = 0.0

    def run(self) -> None:
        while not self.ended.wait(_LOOK_SECONDS):
            with contextlib.suppress(OSError, ValueError):
                self.peak_mb = max(self.peak_mb, _resident_mb(self._pid))


def _resident_mb(pid: int) -> float:
    """Megabytes of a process and all below it; 0 where the system does not tell."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20 + sum(_resident_mb(int(child)) for child in children)


def module(name: str, *arguments: object) -> list[str]:
    """The command that runs a module of this folder with this environment's Python."""
    return [sys.executable, "-m", f"tests.bench.{name}", *map(str, arguments)]


def row(name: str, samples: Sequence[Sample]) -> tuple[str, ...]:
    """A side in the table: median and spread."""
    return (name, *(spread([getattr(sample, kind) for sample in samples]) for kind in ("wall", "cpu")))


def spread(values: Sequence[float]) -> str:
    """Median and, of several, the least and the greatest."""
    digits = 0 if median(values) >= 100 else 2
    shown = f"{median(values):.{digits}f}"
    return shown if len(values) == 1 else f"{shown} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def ratios(name: str, ours: Sequence[Sample], other: Sequence[Sample]) -> tuple[str, ...]:
    """Median of ours over median of the other; below 1 means that ours needs less."""
    kinds = ("wall", "cpu")
    medians = [(median(getattr(s, kind) for s in ours), median(getattr(s, kind) for s in other)) for kind in kinds]
    return (name, *(f"{mine / theirs:.2f}x" for mine, theirs in medians))


HEADER = ("", "wall s", "CPU s")


def table(rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> str:
    """Plain columns; the first one to the left."""
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.rjust(width) if column else cell.ljust(width)
                  for column, (cell, width) in enumerate(zip(line, widths, strict=True)))
        for line in lines
    )  # fmt: skip


def machine() -> str:
    """What ran it. A load above the number of cores before we begin makes every figure a bad one."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{os.cpu_count()} cores, load average {load}, Python {sys.version.split()[0]}, {sys.platform}"
