"""The runner: what Great Expectations swallows counts as a failure, and Data Docs are written as a whole."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from quality.runner import Judged, Runner, _raised
from quality.suite import Measure, Suite


def suite(name: str, *measures: Measure) -> Suite:
    return Suite(name, "core/thing", measures)


def test_bounds_are_inclusive(runner: Runner):
    measures = (
        Measure("low", "l", "1", minimum=1),
        Measure("high", "h", "1", maximum=1),
        Measure("both", "b", "1", 1, 1),
    )
    frame = pd.DataFrame({"low": [1.0, 0.9], "high": [1.0, 1.1], "both": [1.0, 2.0], "connection_id": ["a", "b"]})
    results = runner.judge("run", [Judged(suite("bounds", *measures), frame)])
    assert [(each.name, each.connection_id) for each in results if not each.passed] == [
        ("low", "b"), ("high", "b"), ("both", "b"),
    ]  # fmt: skip


def test_measures_of_one_bound_are_one_expectation_and_keep_their_names(runner: Runner):
    measures = (
        Measure("first", "f", "1", 0, 0),
        Measure("second", "s", "1", 0, 0),
        Measure("warned", "w", "1", 0, 0, is_blocking=False),
        Measure("third", "t", "1", 0, 0),
    )
    frame = pd.DataFrame(
        {"first": [0.0, 0.0], "second": [0.0, 4.0], "warned": [7.0, 0.0], "third": [float("nan"), 0.0],
         "connection_id": ["a", "b"]}
    )  # fmt: skip
    judged = Judged(suite("bounds together", *measures), frame)
    results = runner.judge("run", [judged])
    assert len(results) == 8
    assert {(each.name, each.connection_id, each.is_blocking) for each in results if not each.passed} == {
        ("second", "b", True), ("warned", "a", False), ("third", "a", True),
    }  # fmt: skip
    (told,) = [each for each in results if each.name == "second" and not each.passed]
    assert "second: 4, expected 0; s" in told.detail


@pytest.mark.parametrize("value", [None, float("nan")])
def test_a_measure_that_could_not_be_computed_fails(runner: Runner, value: float | None):
    """Expectations over columns skip empty cells, so an empty cell would pass."""
    frame = pd.DataFrame({"empty": pd.Series([value], dtype="float64")})
    (result,) = runner.judge("run", [Judged(suite(f"empty {value}", Measure("empty", "m", "1", 0, 0)), frame)])
    assert not result.passed
    assert "could not be computed" in result.detail


def test_an_exception_inside_a_result_is_a_failure():
    flat = {
        "success": True,
        "exception_info": {"raised_exception": True, "exception_message": "list index out of range"},
    }
    nested = {"success": True, "exception_info": {"('column.max', 'x')": flat["exception_info"]}}
    good = {"success": True, "exception_info": {"raised_exception": False}}
    assert "list index out of range" in str(_raised(flat))
    assert "list index out of range" in str(_raised(nested))
    assert _raised(good) is None
    assert _raised(None) == "was not judged"


def test_a_name_cannot_stand_twice_in_a_suite():
    with pytest.raises(ValueError, match="twice"):
        suite("double", Measure("a", "m", "1"), Measure("a", "m", "2"))


def test_data_docs_replace_those_of_the_run_before(tmp_path: Path):
    folder = tmp_path / "data_docs"
    (folder / "old").mkdir(parents=True)
    own = Runner()
    frame = pd.DataFrame({"rows": [0.0]})
    own.judge(
        "run <img src=x>", [Judged(suite("core.thing", Measure("rows", "<b>at least one</b>", "1", minimum=1)), frame)]
    )
    index = own.write_docs(folder)
    assert index.is_file()
    assert not (folder / "old").exists()
    assert not folder.with_name("data_docs.part").exists()
    pages = list(folder.rglob("validations/**/*.html"))
    assert len(pages) == 1
    own.judge("second", [Judged(suite("core.other", Measure("rows", "m", "1", minimum=1)), frame)])
    assert own.write_docs(folder).is_file()
    assert len(list(folder.rglob("validations/**/*.html"))) == 2
