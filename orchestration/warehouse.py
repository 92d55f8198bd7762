"""Whether the warehouse file is the one that the last build left behind.

DuckDB drops the torn tail of a log without a word and does not notice every flipped bit, so it is not asked. A seal
beside the file holds size and hash; while dbt builds there is none. All of the warehouse comes from raw, so a file
that is in doubt is not mended: it is removed, and dbt builds it anew.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from extractors.decoding import decode
from orchestration.paths import Home


class Seal(msgspec.Struct, frozen=True):
    """Of a warehouse file that dbt has closed."""

    size: int
    blake2b: str


def seal(home: Home) -> None:
    """Say that the warehouse is whole as it is now. Without one, or with a log that was not taken in, say nothing."""
    if not home.warehouse.exists() or _log(home).exists():
        return
    part = _seal_file(home).with_suffix(".part")
    part.write_bytes(msgspec.json.encode(_measured(home.warehouse)))
    part.replace(_seal_file(home))


def unseal(home: Home) -> None:
    """Before anything writes: a build that is killed leaves no seal."""
    _seal_file(home).unlink(missing_ok=True)


def doubt(home: Home) -> str | None:
    """Why the warehouse cannot be trusted; None if it can, or if there is none."""
    if not home.warehouse.exists():
        return None
    try:
        known = decode(_seal_file(home).read_bytes(), Seal)
    except FileNotFoundError:
        return "the last build did not come to its end"
    except msgspec.DecodeError:
        return f"{_seal_file(home).name} cannot be read"
    if _log(home).exists():
        return "somebody wrote to it after the last build"
    if home.warehouse.stat().st_size != known.size:
        return f"it has {home.warehouse.stat().st_size:,} bytes where the last build left {known.size:,}"
    if _measured(home.warehouse) != known:
        return "its content is not what the last build left"
    return None


def forget(home: Home) -> None:
    """Remove the warehouse and everything that belongs to the file."""
    for path in (_seal_file(home), _log(home), home.warehouse):
        path.unlink(missing_ok=True)


def _measured(file: Path) -> Seal:
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "blake2b")
        return Seal(content.tell(), digest.hexdigest())


def _log(home: Home) -> Path:
    return home.warehouse.with_name(home.warehouse.name + ".wal")


def _seal_file(home: Home) -> Path:
    return home.warehouse.with_name(home.warehouse.name + ".seal")
