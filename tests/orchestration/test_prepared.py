"""What is written aside while the marts are judged: shown with a word, and only then."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from bi.publication import Publication, PublishError
from orchestration.pipeline.prepared import drop_prepared, prepare, show


class Writer:
    """Publishes one file, in the two steps of a publication."""

    def __init__(self, folder: Path) -> None:
        self.aside, self.visible = folder / "aside", folder / "visible"
        self.written = threading.Event()

    def __call__(self, before_visible: Callable[[], None]) -> Publication:
        self.aside.touch()
        self.written.set()
        try:
            before_visible()
            self.visible.touch()
        finally:
            self.aside.unlink()
        return Publication(self.visible, "1", {}, None)


def test_it_is_written_at_once_and_shown_with_a_word(tmp_path: Path):
    writer = Writer(tmp_path)
    prepare("run", writer)
    assert writer.written.wait(10)
    assert writer.aside.exists()
    assert not writer.visible.exists()
    assert show("run", writer).folder == writer.visible
    assert writer.visible.exists()


def test_a_run_that_ends_without_the_word_leaves_nothing(tmp_path: Path):
    writer = Writer(tmp_path)
    prepare("run", writer)
    drop_prepared()
    assert not writer.aside.exists()
    assert not writer.visible.exists()


def test_what_was_not_prepared_is_published_now(tmp_path: Path):
    assert show("another run", Writer(tmp_path)).folder == tmp_path / "visible"


def test_the_error_of_the_publication_reaches_the_step():
    def fail(_before_visible: Callable[[], None]) -> Publication:
        raise PublishError("the disk is full")

    prepare("run", fail)
    with pytest.raises(PublishError, match="the disk is full"):
        show("run", fail)
