"""Loopback ports for servers that a test starts as another process."""

import fcntl
import os
import socket
import tempfile
from pathlib import Path
from typing import IO

_HELD: list[IO[str]] = []


def free_ports(count: int) -> int:
    """The first of `count` ports in a row that nobody listens on and no other process of the tests gets.

    A lock file keeps the ports for this process until it ends: test workers run side by side, and a port that is only
    looked at is free for both. All lie below the range from which the system takes ports for outgoing connections.
    """
    folder = Path(tempfile.gettempdir()) / f"pmo-test-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for base in range(19_000, 32_000, 4 * ((count + 3) // 4)):
        lock = (folder / str(base)).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        _HELD.append(lock)
        if all(_is_free(port) for port in range(base, base + count)):
            return base
    raise RuntimeError("no free ports in a row on loopback")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
