"""`pmo sandbox serve|advance`, and the sandbox that `pmo run` brings up for itself."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from orchestration.config.default import sandbox_port
from orchestration.errors import PmoError
from orchestration.paths import Home
from orchestration.pipeline.reporting import reporter

STOP_SECONDS = 10.0
_own: set[int] = set()  # the processes of sandboxes that this one started


@dataclass(frozen=True)
class ServeOptions:
    """The options of `pmo sandbox serve`. `seed` and `items` None: the organisation that is there, or the usual one."""

    seed: int | None
    items: int | None
    port_base: int
    latency_ms: float
    faults: Path | None
    replay: Path | None
    flavour: str | None
    port: int | None
    story: Path | None = None


def serve_forever(options: ServeOptions) -> int:
    """Serve until SIGINT or SIGTERM."""
    from sandbox.serve import serve, serve_replay

    console = Console()

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    if options.flavour not in {None, "cloud", "dc"}:
        raise PmoError(f"--flavour {options.flavour} is not known. Allowed: cloud, dc.")
    if options.story and (options.replay or options.seed is not None or options.items is not None):
        raise PmoError("--story tells all that happened. Leave out --replay, --seed and --items.")
    if options.replay:
        serve_replay(
            options.replay,
            flavour=options.flavour,
            port=options.port or options.port_base,
            latency_ms=options.latency_ms,
            faults=options.faults,
            say=say,
        )
    else:
        serve(
            Home.of().sandbox,
            seed=options.seed,
            items=options.items,
            story=options.story,
            port_base=options.port_base,
            latency_ms=options.latency_ms,
            faults=options.faults,
            say=say,
        )
    return 0


def advance_clock(days: int) -> int:
    """Let `days` happen; a sandbox that is being served shows them at once."""
    from sandbox.serve import advance

    now = advance(Home.of().sandbox, days)
    Console().print(f"{days} days happened; in the simulated organisation it is now {now}.", highlight=False)
    return 0


@contextlib.contextmanager
def served_sandbox(home: Home) -> Iterator[None]:
    """A sandbox that answers: the one that is served already, or one of our own, stopped at the end."""
    from sandbox.serve import running, start_background

    if running(home.sandbox):
        reporter().note("A sandbox is being served already; it is used and left running.")
        yield
        return
    serving = start_background(home.sandbox, port_base=sandbox_port(os.environ))
    _own.add(serving.pid)
    try:
        yield
    finally:
        stop_own_sandbox()


def stop_own_sandbox() -> None:
    """Stop what `served_sandbox` started, if it did."""
    while _own:
        _stop(_own.pop())


def _stop(pid: int) -> None:
    """End the server that we started, and wait for it, so that its ports are free for the next run."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        try:
            if os.waitpid(pid, os.WNOHANG)[0] == pid:
                return
        except ChildProcessError:
            return
        time.sleep(0.05)
