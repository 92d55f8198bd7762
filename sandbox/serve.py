"""The sandbox as a program: simulates, renders, serves and advances one organisation, or replays real records.

    python -m sandbox.serve --home DIR [--seed 1] [--items 2000] [--port-base 8771] [--latency-ms 0] [--faults FILE]
                            [--now INSTANT]
    python -m sandbox.serve --home DIR --story FILE
    python -m sandbox.serve --replay DIR [--flavour cloud|dc] [--port 8771]

`home` is the sandbox's folder, `$PMO_HOME/sandbox`. It holds the organisation's own books, one store a
site, the survey files, and while it is served `serving.json` with the process id and the ports.
"""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from datetime import datetime
from pathlib import Path

import msgspec

from sandbox.model import Tool
from sandbox.rendering import USUAL_ITEMS, SandboxError, Say, advance, ensure, silent, store_path
from sandbox.replay import ReplayError, replay_store
from sandbox.servers.azure_app import azure_app, azure_door
from sandbox.servers.azure_site import AzureSite
from sandbox.servers.faults import FaultError, load_faults
from sandbox.servers.gate import Control
from sandbox.servers.jira_app import cloud_door, data_center_door, jira_app
from sandbox.servers.jira_site import JiraSite
from sandbox.servers.run import HOST, PortInUseError, Served, run_sites
from sandbox.servers.survey_app import open_door, survey_app
from sandbox.servers.survey_desk import OrganisationDesk
from sandbox.store import Store

__all__ = ["SandboxError", "Serving", "advance", "ensure", "running", "serve", "serve_replay", "start_background"]

PORT_BASE = 8771
_OFFSETS = {Tool.JIRA_CLOUD: 0, Tool.JIRA_DC: 1, Tool.AZURE_DEVOPS: 2}
_SURVEYS = 3
_START_SECONDS, _START_ITEMS_PER_SECOND = 120.0, 500
_END_SECONDS = 10.0


_started: list[subprocess.Popen[bytes]] = []  # their standard input stays open as long as this process lives


class Serving(msgspec.Struct):
    """A sandbox that answers."""

    pid: int
    port_base: int

    @property
    def urls(self) -> dict[str, str]:
        names = {tool.value: offset for tool, offset in _OFFSETS.items()} | {"surveys": _SURVEYS}
        urls = {name: f"http://{HOST}:{self.port_base + offset}" for name, offset in names.items()}
        urls[Tool.AZURE_DEVOPS.value] += "/pmo"
        return urls


def serve(
    home: Path,
    *,
    seed: int | None = None,
    items: int | None = None,
    now: datetime | None = None,
    story: Path | None = None,
    port_base: int = PORT_BASE,
    latency_ms: float = 0,
    faults: Path | None = None,
    say: Say = silent,
) -> None:
    """Simulates and renders what is missing, then serves until SIGTERM or SIGINT.

    `seed` and `items` None: the organisation that `home` holds, else the usual one; `now`: where the clock of a new one
    stands; `story`: a file that tells what happened instead (see `ensure`).
    Raises SandboxError, FaultError or PortInUseError; each says in one paragraph what to do.
    """
    control = Control(load_faults(faults), latency_ms)
    ensure(home, seed, items, now=now, story=story, say=say)
    stores = {tool: _open(home, tool) for tool in _OFFSETS if store_path(home, tool).exists()}
    sites = [_served(tool, store, port_base + _OFFSETS[tool]) for tool, store in stores.items()]
    first = next(site.now for site in sites)
    sites.append(
        Served("surveys", port_base + _SURVEYS, survey_app(home / "surveys", OrganisationDesk(home)), open_door, first)
    )
    serving = Serving(os.getpid(), port_base)

    def ready() -> None:
        _note(home).write_bytes(msgspec.json.encode(serving))
        say("\n".join([*(f"{name}: {url}" for name, url in serving.urls.items()), "ready"]))

    try:
        run_sites(sites, control, ready)
    finally:
        _forget(home, serving)
        for store in stores.values():
            store.close()


def _open(home: Path, tool: Tool) -> Store:
    path = store_path(home, tool)
    return Store.azure_devops(path) if tool is Tool.AZURE_DEVOPS else Store.jira(path)


def _served(tool: Tool, store: Store, port: int) -> Served:
    base = f"http://{HOST}:{port}"
    if tool is Tool.AZURE_DEVOPS:
        azure = AzureSite(store, base)
        return Served(tool.value, port, azure_app(azure), azure_door, lambda: azure.now)
    jira = JiraSite(store, base)
    door = cloud_door if tool is Tool.JIRA_CLOUD else data_center_door
    return Served(tool.value, port, jira_app(store, base), door, lambda: jira.now)


def serve_replay(
    folder: Path,
    *,
    flavour: str | None = None,
    port: int = PORT_BASE,
    latency_ms: float = 0,
    faults: Path | None = None,
    say: Say = silent,
) -> None:
    """Serves the real records in `folder` as one Jira site until SIGTERM or SIGINT.

    Raises ReplayError, FaultError or PortInUseError.
    """
    control = Control(load_faults(faults), latency_ms)
    with tempfile.TemporaryDirectory(prefix="pmo-replay-") as scratch:
        store = replay_store(folder, Path(scratch) / "replay.sqlite", flavour)
        tool = Tool(store.meta("flavour") or Tool.JIRA_DC)
        site = _served(tool, store, port)
        url = f"http://{HOST}:{port}"
        try:
            run_sites([site], control, lambda: say(f"{tool.value} (replay of {folder}): {url}\nready"))
        finally:
            store.close()


_serving = msgspec.json.Decoder(Serving)


def _note(home: Path) -> Path:
    return home / "serving.json"


def _forget(home: Path, serving: Serving) -> None:
    note = _note(home)
    if note.exists() and _serving.decode(note.read_bytes()) == serving:
        note.unlink()


def running(home: Path) -> Serving | None:
    """The sandbox that serves this folder, if one does: its process is alive and answers."""
    try:
        serving = _serving.decode(_note(home).read_bytes())
        os.kill(serving.pid, 0)
        url = f"http://{HOST}:{serving.port_base}/_sandbox/stats"
        with urllib.request.urlopen(url, timeout=5):
            return serving
    except (OSError, msgspec.MsgspecError, urllib.error.URLError):
        return None


def start_background(
    home: Path,
    *,
    seed: int | None = None,
    items: int | None = None,
    now: datetime | None = None,
    port_base: int = PORT_BASE,
    latency_ms: float = 0,
) -> Serving:
    """Starts a sandbox of its own process and waits until it answers; one that serves already is taken as it is.

    `seed`, `items` and `now` as for `serve`. It ends with this process, however that ends.
    Its messages go to `home/serve.log`. Raises SandboxError with the last of them if it does not come up.
    """
    if found := running(home):
        return found
    home.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable, "-m", "sandbox.serve", "--home", str(home), "--port-base", str(port_base),
        "--latency-ms", str(latency_ms), "--until-stdin-ends",
    ]  # fmt: skip
    command += [] if seed is None else ["--seed", str(seed)]
    command += [] if items is None else ["--items", str(items)]
    command += [] if now is None else ["--now", now.isoformat()]
    log = home / "serve.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=output, start_new_session=True)
    _started.append(process)
    deadline = time.monotonic() + _START_SECONDS + (items or USUAL_ITEMS) / _START_ITEMS_PER_SECOND
    try:
        while time.monotonic() < deadline:
            if found := running(home):
                return found
            if process.poll() is not None:
                break
            time.sleep(0.05)
    except KeyboardInterrupt:
        _end(process)
        raise
    _end(process)
    last = log.read_text(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
    raise SandboxError(f"The sandbox did not come up: {last[0]} (all of it: {log})")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Nobody waits for it any more: it shall not hold the ports later on."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _end_with_stdin() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _instant(text: str) -> datetime:
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        told = None
    if told is None or told.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text} is no instant with a time zone; write 2026-11-20T12:00:00+00:00")
    return told


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.serve", description="Serves the sandbox on loopback.")
    parser.add_argument("--home", type=Path, default=Path(os.environ.get("PMO_HOME", ".pmo")) / "sandbox")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--items", type=int)
    parser.add_argument("--port-base", type=int, default=PORT_BASE)
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--faults", type=Path)
    parser.add_argument("--now", type=_instant, help="with a time zone; a new organisation's clock stands there")
    parser.add_argument("--story", type=Path)
    parser.add_argument("--replay", type=Path)
    parser.add_argument("--flavour", choices=["cloud", "dc"])
    parser.add_argument("--port", type=int, default=PORT_BASE)
    parser.add_argument(
        "--until-stdin-ends", action="store_true", help="end when the program that started this one ends"
    )
    given = parser.parse_args(arguments)
    if given.now and (given.story or given.replay):
        parser.error("--now is for a simulated organisation: a story tells its own time, and real records have theirs")
    if given.until_stdin_ends:
        threading.Thread(target=_end_with_stdin, daemon=True).start()

    def say(text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    common = {"latency_ms": given.latency_ms, "faults": given.faults, "say": say}
    try:
        if given.replay:
            serve_replay(given.replay, flavour=given.flavour, port=given.port, **common)
        else:
            asked = {"seed": given.seed, "items": given.items, "now": given.now, "story": given.story}
            serve(given.home, port_base=given.port_base, **asked, **common)
    except (SandboxError, ReplayError, FaultError, PortInUseError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except sqlite3.Error as error:
        sys.stderr.write(f"The sandbox's state in {given.home} cannot be used: {error}. Remove the folder.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
