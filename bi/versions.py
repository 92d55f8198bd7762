"""Publications as versions: built aside, made visible by one rename of a link, swept when left over.

    $PMO_HOME/published -> publications/20240318T100000Z-run      the stable path, a relative link
    $PMO_HOME/published-as-of/2024-03-01 -> ../publications/...
    $PMO_HOME/publications/.building-...                          a publication in the making

A set of files can only be replaced as a whole through one name, so the stable path is a link, and
`os.replace` of a link is atomic. Who has a file open keeps the old version; the version before the
current one stays, so that somebody who resolved the link a moment ago still finds all of it. A kill
leaves an unlinked folder at most, which the next publication removes.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from filelock import FileLock, Timeout

from bi.publication import PublicationRun, PublishError

BUILDING = ".building-"
LOCK_SECONDS = 120


class Versions:
    """The publications of one PMO_HOME. Use `locked()` around everything that writes."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "publications"

    def stable_path(self, as_of: date | None) -> Path:
        return self.home / "published-as-of" / as_of.isoformat() if as_of else self.home / "published"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One publication at a time; clears what killed ones left behind."""
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.folder / ".lock", timeout=LOCK_SECONDS):
                self.sweep()
                yield
        except Timeout as error:
            raise PublishError(
                f"Nothing was published: another publication into {self.home} has been running for more than "
                f"{LOCK_SECONDS} seconds. Wait for it to end, or end it, then publish again."
            ) from error

    @contextmanager
    def building(self, run: PublicationRun, as_of: date | None) -> Iterator[Path]:
        """A fresh folder to build in. On success it becomes the version behind the stable path; else it goes."""
        folder = self.folder / f"{BUILDING}{self._name(run, as_of)}"
        folder.mkdir()
        try:
            yield folder
            self._make_visible(folder, self.stable_path(as_of))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def sweep(self) -> None:
        """Remove unfinished builds, stray links and versions that neither are linked nor precede a linked one."""
        for link in [*self.home.glob(".published.*"), *(self.home / "published-as-of").glob(".*.new")]:
            link.unlink(missing_ok=True)
        for folder in self._unneeded():
            shutil.rmtree(folder, ignore_errors=True)

    def _unneeded(self) -> Iterator[Path]:
        links = [self.home / "published", *(self.home / "published-as-of").glob("*")]
        linked = {link.resolve().name for link in links if link.is_symlink()}
        current = (self.home / "published").resolve().name if (self.home / "published").is_symlink() else ""
        versions = sorted(path.name for path in self.folder.iterdir() if path.is_dir())
        finished = [name for name in versions if not name.startswith(BUILDING) and "-as-of-" not in name]
        previous = max((name for name in finished if name < current), default=None)
        for name in versions:
            if name not in linked and name != previous:
                yield self.folder / name

    def _name(self, run: PublicationRun, as_of: date | None) -> str:
        """Sorts by time; unique even if one run publishes twice within a second."""
        stamp = f"{run.published_at_utc:%Y%m%dT%H%M%SZ}-{re.sub(r'[^A-Za-z0-9_]+', '-', run.run_id)[:40]}"
        stem = f"{stamp}-as-of-{as_of.isoformat()}" if as_of else stamp
        taken = {path.name for path in self.folder.iterdir()}
        number = 1
        while (name := stem if number == 1 else f"{stem}.{number}") in taken:
            number += 1
        return name

    def _make_visible(self, folder: Path, link: Path) -> None:
        version = folder.with_name(version_name(folder))
        _flush_to_disk(folder)
        folder.rename(version)
        link.parent.mkdir(parents=True, exist_ok=True)
        if link.is_dir() and not link.is_symlink():
            # A copy of PMO_HOME that followed links left a real folder here; it becomes the previous version.
            shutil.rmtree(self.folder / "0-copied", ignore_errors=True)
            link.rename(self.folder / "0-copied")
        temporary = link.with_name(f".{link.name}.new")
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(os.path.relpath(version, link.parent))
        temporary.replace(link)
        self.sweep()


def version_name(folder: Path) -> str:
    """The name under which a folder that is being built will be published."""
    return folder.name.removeprefix(BUILDING)


def _flush_to_disk(folder: Path) -> None:
    """Bytes first, names after them: a power cut may cost this publication, never the one before."""
    for path in [*folder.rglob("*"), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
