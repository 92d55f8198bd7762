"""Find survey files, read them safely, open them. All file access of this source is here.

A drop folder is written by others, so names and contents are suspect: links are refused, files are
read within the folder only and once only (what is hashed is what is parsed), and size is checked first.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path, PurePath

from extractors.connection import SurveyFileConnection
from extractors.errors import ConfigError, ExtractError, NotFound
from extractors.surveys.csv_table import open_csv
from extractors.surveys.parquet_table import open_parquet
from extractors.surveys.tables import FileRefused, Table
from extractors.surveys.xlsx_table import open_xlsx

MAX_FILE_BYTES = {".csv": 128 * 2**20, ".tsv": 128 * 2**20, ".txt": 128 * 2**20, ".xlsx": 64 * 2**20}
MAX_FILE_BYTES |= {".xlsm": MAX_FILE_BYTES[".xlsx"], ".parquet": MAX_FILE_BYTES[".csv"]}
MAX_NAME = 200
RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Drop:
    """One survey file. `name` is its path below the folder, with slashes: the same wherever the folder lies."""

    name: str
    path: Path
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Found:
    """What the pattern names: files to read, and by name those that are a trick or too large and are not opened."""

    drops: list[Drop]
    refused: dict[str, ExtractError]


def find_drops(connection: SurveyFileConnection) -> Found:
    """The files that the connection's pattern names, by name. Raises if there is none."""
    base, pattern = split_pattern(connection)
    if not base.is_dir():
        raise NotFound(connection.id, f"folder {base}", remedy="Correct the connection's path.")
    literal = base / pattern  # a name may hold brackets and mean them
    found = [literal] if os.path.lexists(literal) else sorted(base.glob(pattern))
    paths = [path for path in found if not _is_scratch(path) and not _is_folder(path)]
    if not paths:
        raise NotFound(
            connection.id,
            f"any file that matches {pattern} in {base}",
            remedy="Put the survey files there or correct the connection's path.",
        )
    drops: list[Drop] = []
    refused: dict[str, ExtractError] = {}
    for path in paths:
        try:
            drops.append(_drop(connection, base, path))
        except FileRefused as error:
            refused[path.relative_to(base).as_posix()] = error
    return Found(drops, refused)


def split_pattern(connection: SurveyFileConnection) -> tuple[Path, str]:
    """`/data/nps/2026/*.csv` -> (`/data/nps/2026`, `*.csv`). The folder may lie anywhere; the files only in it."""
    if CONTROL.search(connection.path):
        raise _bad_path(connection, "It holds a control character.")
    parts = PurePath(connection.path).parts
    if any(len(part) > MAX_NAME for part in parts):
        raise _bad_path(connection, f"A part of it is longer than {MAX_NAME} characters.")
    fixed = 0
    while fixed < len(parts) - 1 and _is_fixed(parts, fixed):
        fixed += 1
    pattern = parts[fixed:]
    if not pattern or ".." in pattern:
        raise _bad_path(connection, "After the first wildcard no step upwards is allowed.")
    return Path(*parts[:fixed]).resolve(), "/".join(pattern)


def _is_fixed(parts: tuple[str, ...], index: int) -> bool:
    """Whether a step of the path is a folder's own name, not a pattern for names."""
    return not any(mark in parts[index] for mark in "*?[") or Path(*parts[: index + 1]).is_dir()


def read_drop(connection: SurveyFileConnection, drop: Drop) -> bytes:
    """The whole file as it is now; a link or a device put in its place meanwhile is refused."""
    try:
        handle = os.open(drop.path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(handle, "rb") as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise _refused(connection, drop.name, "It is no ordinary file.")
            _check_size(connection, drop.name, facts.st_size)
            data = file.read(facts.st_size)
            if len(data) != facts.st_size or file.read(1):
                raise _refused(connection, drop.name, "It is being written just now; the next run will find it whole.")
            return data
    except OSError as error:
        raise _refused(connection, drop.name, f"It cannot be opened ({error.strerror}).") from None


def open_table(connection: SurveyFileConnection, name: str, data: bytes, wanted: frozenset[str]) -> Table:
    """The file as a table, by the kind that its name says; a name that lies is an error."""
    suffix = PurePath(name).suffix.lower()
    is_zip, is_parquet = data.startswith(b"PK\x03\x04"), data.startswith(b"PAR1")
    if suffix in {".xlsx", ".xlsm"}:
        return open_xlsx(connection, name, data)
    if suffix == ".parquet":
        return open_parquet(connection, name, data, wanted)
    if is_zip or is_parquet or data.startswith(b"\xd0\xcf\x11\xe0"):
        raise _refused(connection, name, "Its content is not text; its name should end as its content is.")
    return open_csv(connection, name, data)


def _drop(connection: SurveyFileConnection, base: Path, path: Path) -> Drop:
    name = path.relative_to(base).as_posix()
    steps = [base.joinpath(*path.relative_to(base).parts[:count]) for count in range(1, len(Path(name).parts) + 1)]
    if any(step.is_symlink() for step in steps):
        raise _refused(connection, name, "It is a link, or lies behind one; only files of the folder itself are read.")
    if not path.resolve().is_relative_to(base):
        raise _refused(connection, name, "It lies outside the folder.")
    if any(RESERVED.fullmatch(part) or CONTROL.search(part) or len(part) > MAX_NAME for part in Path(name).parts):
        raise _refused(connection, repr(name), "Its name is not one that every system can store.")
    if path.suffix.lower() not in MAX_FILE_BYTES:
        allowed = ", ".join(sorted(MAX_FILE_BYTES))
        raise _refused(connection, name, f"Its kind is not known; the name has to end in one of {allowed}.")
    facts = path.lstat()
    if not stat.S_ISREG(facts.st_mode):
        raise _refused(connection, name, "It is no ordinary file.")
    _check_size(connection, name, facts.st_size)
    return Drop(name=name, path=path, size=facts.st_size, mtime_ns=facts.st_mtime_ns)


def _limit(name: str) -> int:
    return MAX_FILE_BYTES[PurePath(name).suffix.lower()]


def _check_size(connection: SurveyFileConnection, name: str, size: int) -> None:
    if size > _limit(name):
        raise _refused(connection, name, f"It has {size / 2**20:,.0f} MB; {_limit(name) >> 20} MB are allowed.")


def _is_scratch(path: Path) -> bool:
    """Lock files of Excel and half-copied or hidden files are nobody's answers."""
    return path.name.startswith(("~$", "."))


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _refused(connection: SurveyFileConnection, name: str, detail: str) -> ExtractError:
    return FileRefused(
        connection.id, f"file {name}", remedy="Nothing of it was read. Remove or replace it.", detail=detail
    )


def _bad_path(connection: SurveyFileConnection, detail: str) -> ConfigError:
    return ConfigError(connection.id, f"path {connection.path!r}", remedy="Correct the path.", detail=detail)
