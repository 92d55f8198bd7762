"""The pipeline of a run over survey files, as the commands open it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestration.pipeline.context import Pipeline, RunOptions
from quality.worker import stop_worker

SURVEY = """
[[connections]]
id = "{id}"
kind = "survey_file"
path = "nowhere.csv"
survey = "NPS"
metric = "nps"
score_column = "score"
survey_date = 2024-06-30
"""


@pytest.fixture(scope="module")
def one_worker() -> Iterator[None]:
    """One process of Great Expectations for a file's tests."""
    yield
    stop_worker()


@pytest.fixture
def survey_pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Pipeline]:
    """Opens the first run of survey connections with these ids."""

    def opened(*connection_ids: str) -> Pipeline:
        (tmp_path / "pmo.toml").write_text("".join(SURVEY.format(id=each) for each in connection_ids))
        (tmp_path / "nowhere.csv").write_text("score\n9\n")
        monkeypatch.setenv("PMO_HOME", str(tmp_path / "home"))
        return Pipeline.open(RunOptions(config=tmp_path / "pmo.toml"), "run-1")

    return opened
