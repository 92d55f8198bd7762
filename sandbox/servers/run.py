"""Runs the sandbox's sites as HTTP servers in one process until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import uvicorn
import uvloop
from starlette.types import ASGIApp

from sandbox.servers.gate import Control, Door, Gate

HOST = "127.0.0.1"


class PortInUseError(Exception):
    """str() is the one line to show."""


@dataclass(frozen=True)
class Served:
    """One site to serve. `now` is its clock."""

    name: str
    port: int
    app: ASGIApp
    door: Door
    now: Callable[[], datetime]


class _Server(uvicorn.Server):
    """Leaves signals to us: each of several servers would take them from the others."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(port: int) -> socket.socket:
    """Raises PortInUseError."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise PortInUseError(
            f"Port {port} on {HOST} is taken ({error.strerror}). Stop what listens there, or choose another port."
        ) from error
    listener.setblocking(False)
    return listener


def run_sites(sites: Sequence[Served], control: Control, ready: Callable[[], None]) -> None:
    """Blocks until SIGTERM or SIGINT. `ready` is called once all sites listen. Raises PortInUseError."""
    listeners: list[socket.socket] = []
    try:
        listeners.extend(listen(site.port) for site in sites)
        uvloop.run(_serve(sites, listeners, control, ready))
    finally:
        for listener in listeners:
            listener.close()


async def _serve(
    sites: Sequence[Served], listeners: Sequence[socket.socket], control: Control, ready: Callable[[], None]
) -> None:
    servers = [_Server(_config(site, control)) for site in sites]

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    running = [
        asyncio.ensure_future(server.serve(sockets=[listener]))
        for server, listener in zip(servers, listeners, strict=True)
    ]
    while not all(server.started for server in servers):  # noqa: ASYNC110 - uvicorn offers a flag, no event
        await asyncio.sleep(0.01)
    ready()
    await asyncio.gather(*running)


def _config(site: Served, control: Control) -> uvicorn.Config:
    return uvicorn.Config(
        Gate(site.name, site.app, site.door, control, site.now),
        log_level="critical", access_log=False, lifespan="off", http="httptools", ws="none",
        server_header=False, date_header=False, timeout_graceful_shutdown=2, timeout_keep_alive=75,
    )  # fmt: skip
