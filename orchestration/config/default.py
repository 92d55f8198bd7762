"""Which settings hold: the file that was asked for, else pmo.toml, else the built-in sandbox's."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from extractors.connection import AzureDevOpsConnection, Connection, JiraConnection
from orchestration.errors import PmoError
from orchestration.paths import Home
from orchestration.pseudonym import PseudonymKey, pseudonym_key
from orchestration.settings import Settings, load_settings

SANDBOX_FILE = Path(__file__).with_name("sandbox.toml")
SANDBOX_TOKEN = {"PMO_SANDBOX_TOKEN": "sandbox"}  # the stand-ins take any token
USER_FILE = "pmo.toml"
SANDBOX_PORT = 8771


def config_file(asked: Path | None) -> Path:
    """The settings file to read; SANDBOX_FILE if there is none of the user's."""
    if asked is not None:
        return asked
    return Path(USER_FILE).resolve() if Path(USER_FILE).exists() else SANDBOX_FILE


def is_sandbox(asked: Path | None) -> bool:
    return config_file(asked) == SANDBOX_FILE


def load(asked: Path | None, home: Home, environ: Mapping[str, str]) -> tuple[Settings, PseudonymKey]:
    """The settings that hold, and the key for pseudonyms."""
    file = config_file(asked)
    if asked is not None and not asked.is_file():
        raise PmoError(f"--config {asked}: there is no such file. Copy pmo.example.toml to pmo.toml and edit it.")
    key = pseudonym_key(home.root, environ)
    if file != SANDBOX_FILE:
        return load_settings(file, environ, key.key), key
    (home.sandbox / "seeds").mkdir(parents=True, exist_ok=True)  # the sandbox fills it when it comes up
    settings = load_settings(file, {**SANDBOX_TOKEN, **environ}, key.key, folder=home.sandbox)
    return _moved(settings, sandbox_port(environ)), key


def sandbox_port(environ: Mapping[str, str]) -> int:
    """The first of the sandbox's four ports. PMO_SANDBOX_PORT moves them where others hold the usual ones."""
    given = environ.get("PMO_SANDBOX_PORT", str(SANDBOX_PORT))
    if not given.isdecimal() or not 1 <= int(given) <= 65_532:
        raise PmoError(f"PMO_SANDBOX_PORT is {given}. Allowed: a port from 1 to 65532; three more follow it.")
    return int(given)


def _moved(settings: Settings, port: int) -> Settings:
    """The sandbox's connections with their addresses at `port` and the ports after it."""
    moved = tuple(_moved_connection(connection, port - SANDBOX_PORT) for connection in settings.connections)
    return dataclasses.replace(settings, connections=moved, is_sandbox=True)


def _moved_connection(connection: Connection, distance: int) -> Connection:
    if not isinstance(connection, JiraConnection | AzureDevOpsConnection):
        return connection
    parts = urlsplit(connection.url)
    address = f"{parts.hostname}:{(parts.port or SANDBOX_PORT) + distance}"
    return dataclasses.replace(connection, url=parts._replace(netloc=address).geturl())
