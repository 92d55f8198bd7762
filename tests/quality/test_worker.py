"""The process that judges: its Data Docs are written once for all that was judged, and a failure is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from quality.raw import RawConnection, RawRequest
from quality.worker import Worker

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def request(folder: Path) -> RawRequest:
    return RawRequest("jira", "run", (RawConnection("cloud"),), NOW, {"jira/issues": ()}, folder / "spill")


@pytest.fixture
def worker() -> Iterator[Worker]:
    own = Worker()
    yield own
    own.close()


def test_data_docs_are_there_although_nobody_asked_for_them_before(worker: Worker, tmp_path: Path):
    folder = tmp_path / "data_docs"
    assert worker.docs_problem(folder) is None
    assert not folder.exists(), "nothing was judged, so the docs of the run before stay"
    worker.judge_raw(request(tmp_path))
    assert worker.docs_problem(folder) is None
    assert (folder / "index.html").is_file()
    worker.judge_raw(request(tmp_path))
    (folder / "index.html").unlink()
    worker.write_docs(folder)
    assert worker.docs_problem(folder) is None
    assert (folder / "index.html").is_file()


def test_data_docs_that_cannot_be_written_are_told(worker: Worker, tmp_path: Path):
    (tmp_path / "file").touch()
    worker.judge_raw(request(tmp_path))
    worker.write_docs(tmp_path / "file" / "data_docs")
    problem = worker.docs_problem(tmp_path / "file" / "data_docs") or ""
    assert "could not be written (FileExistsError" in problem
