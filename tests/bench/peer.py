"""The peer connector's own environment: made in a folder that is thrown away, with a pinned version."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PACKAGE = "dlt[duckdb]==1.31.0"
_SECONDS = 600


class NoPeerError(Exception):
    """The peer cannot be had here; str() says why in one line."""


def install(folder: Path) -> Path:
    """The peer's Python. Raises NoPeerError."""
    try:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True, capture_output=True, timeout=_SECONDS)
        python = folder / "bin" / "python"
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_SECONDS)
    except subprocess.CalledProcessError as error:
        said = (error.stderr or b"").decode() if isinstance(error.stderr, bytes) else error.stderr or ""
        raise NoPeerError(
            f"{PACKAGE} cannot be installed: {(said.strip().splitlines() or ['no reason'])[-1]}"
        ) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoPeerError(f"{PACKAGE} cannot be installed: {error}") from error
    return python


def environment(folder: Path) -> dict[str, str]:
    """Nothing of it outlives the folder, and it tells nobody that it ran."""
    return {
        "HOME": str(folder), "DLT_DATA_DIR": str(folder), "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "CRITICAL", "PATH": os.environ.get("PATH", ""),
    }  # fmt: skip
