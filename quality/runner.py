"""Great Expectations: suites made from our declarations, run over small frames, with Data Docs.

Errors inside a result count as failures: Great Expectations can report success although a metric raised.
A measure that is missing or not a number fails too, as map expectations skip empty cells.
"""

from __future__ import annotations

import logging
import os
import shutil
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from quality.result import CheckResult
from quality.suite import Measure, Suite

os.environ.setdefault("GX_ANALYTICS_ENABLED", "False")

# Data Docs name what is out of bounds.
_NAMES = ["measure", "connection"]
_COMPLETE = {
    "result_format": "COMPLETE", "include_unexpected_rows": False, "unexpected_index_column_names": _NAMES,
}  # fmt: skip


@dataclass(frozen=True)
class Judged:
    """A suite and its measures: one column per measure, one row per connection (raw) or one row (marts)."""

    suite: Suite
    frame: pd.DataFrame


@dataclass(frozen=True)
class _Bound:
    """The measures of a suite that have the same bounds: one expectation, as each costs some 15 ms."""

    measures: tuple[Measure, ...]

    @property
    def column(self) -> str:
        first = self.measures[0]
        return first.expected if first.is_blocking else f"{first.expected} (warning)"

    def expectation(self, gx: Any) -> Any:
        first = self.measures[0]
        return gx.expectations.ExpectColumnValuesToBeBetween(
            column=self.column,
            min_value=first.minimum,
            max_value=first.maximum,
            severity="critical" if first.is_blocking else "warning",
            notes=[f"{measure.name}: {measure.meaning}" for measure in self.measures],
            meta={"measures": [measure.name for measure in self.measures]},
        )


def _bounds(suite: Suite) -> list[_Bound]:
    found: dict[tuple[float | None, float | None, bool], list[Measure]] = {}
    for measure in suite.measures:
        found.setdefault((measure.minimum, measure.maximum, measure.is_blocking), []).append(measure)
    return [_Bound(tuple(measures)) for measures in found.values()]


def _long(judged: Judged) -> pd.DataFrame:
    """One row per measure and row of the frame, one column per bound; each value stands in its bound's column."""
    frame = judged.frame
    connections = frame["connection_id"].tolist() if "connection_id" in frame else [""] * len(frame)
    columns = {measure.name: bound.column for bound in _bounds(judged.suite) for measure in bound.measures}
    rows = [
        {"measure": measure.name, "connection": connection, columns[measure.name]: value}
        for measure in judged.suite.measures
        for connection, value in zip(connections, frame[measure.name].tolist(), strict=True)
    ]
    types = {"measure": "object", "connection": "object", **dict.fromkeys(columns.values(), "float64")}
    return pd.DataFrame(rows, columns=list(types)).astype(types)


class Runner:
    """One Great Expectations context for a run; its results become the Data Docs."""

    def __init__(self) -> None:
        logging.getLogger("great_expectations").setLevel(logging.ERROR)
        warnings.filterwarnings("ignore", module="great_expectations")
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        self._gx = gx
        self._context = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = ProgressBarsConfig(globally=False)
        self._source = self._context.data_sources.add_pandas("measures")
        # Ours, because asking the context for one deserialises all of them.
        self._definitions: dict[str, Any] = {}

    def judge(self, title: str, judged: Sequence[Judged]) -> list[CheckResult]:
        """Run every suite over its frame; one result per measure and row."""
        return [result for each in judged for result in self._judge(title, each)]

    def _judge(self, title: str, judged: Judged) -> list[CheckResult]:
        suite = judged.suite
        frame = judged.frame
        definition = self._definition(suite)
        run = definition.run(
            batch_parameters={"dataframe": _long(judged)},
            result_format=_COMPLETE,
            run_id=self._gx.RunIdentifier(run_name=title),
        )
        found: dict[str, Any] = {}
        for result in run.results:
            told = result.to_json_dict()
            found |= dict.fromkeys(result.expectation_config.meta["measures"], told)
        return [result for measure in suite.measures for result in _results(suite, measure, frame, found)]

    def _definition(self, suite: Suite) -> Any:
        """The validation definition of a suite; made once per run."""
        if suite.name not in self._definitions:
            self._definitions[suite.name] = self._new_definition(suite)
        return self._definitions[suite.name]

    def _new_definition(self, suite: Suite) -> Any:
        gx = self._gx
        asset = self._source.add_dataframe_asset(suite.name)
        batch = asset.add_batch_definition_whole_dataframe("measures")
        expectations = [bound.expectation(gx) for bound in _bounds(suite)]
        named = self._context.suites.add(gx.ExpectationSuite(name=suite.name, expectations=expectations))
        definition = gx.ValidationDefinition(name=suite.name, data=batch, suite=named)
        return self._context.validation_definitions.add(definition)

    def write_docs(self, folder: Path) -> Path:
        """Write the Data Docs of everything judged so far to `folder`, in place of what was there; the index page."""
        part = folder.with_name(folder.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        site: Any = {
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(part)},
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        }
        name = f"site_{len(self._context.get_site_names())}"
        self._context.add_data_docs_site(name, site)
        self._context.build_data_docs(site_names=[name])
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
        return folder / "index.html"


def _results(suite: Suite, measure: Measure, frame: pd.DataFrame, found: dict[str, Any]) -> Iterator[CheckResult]:
    """One result per row of the frame, from Great Expectations' one per bound."""
    told = found.get(measure.name)
    raised = _raised(told)
    named = (told or {}).get("result", {}).get("unexpected_index_list") or []
    unexpected = {(each["measure"], each["connection"]) for each in named}
    has_failed = told is None or not told["success"]
    connections = frame["connection_id"].tolist() if "connection_id" in frame else [""] * len(frame)
    for connection, value in zip(connections, frame[measure.name].tolist(), strict=True):
        is_missing = value is None or value != value
        is_named = (measure.name, connection) in unexpected
        passed = not (raised or is_missing or (has_failed and (is_named or not unexpected)))
        reason = raised or ("could not be computed" if is_missing else f"{value:,.6g}, expected {measure.expected}")
        yield CheckResult(
            suite=suite.name,
            asset=suite.asset,
            name=measure.name,
            passed=passed,
            is_blocking=measure.is_blocking,
            observed="" if is_missing else f"{value:,.6g}",
            expected=measure.expected,
            detail="" if passed else f"{measure.name.replace('_', ' ')}: {reason}; {measure.meaning}",
            connection_id=str(connection) if "connection_id" in frame else None,
        )


def _raised(told: dict[str, Any] | None) -> str | None:
    """What an expectation raised, however deep it hides; None if it ran."""
    if told is None:
        return "was not judged"
    info = told.get("exception_info") or {}
    infos = [info, *(value for value in info.values() if isinstance(value, dict))]
    for each in infos:
        if each.get("raised_exception"):
            return f"could not be judged ({each.get('exception_message')})"
    return None
