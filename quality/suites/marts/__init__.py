"""Suites of the published tables: what holds for each beyond its key. One file per subject."""

from __future__ import annotations

from quality.suite import Measure
from quality.suites.marts import core, coverage, flow, hygiene, parity, restatement, satisfaction, scorecard, sprints

MART_SUITES: dict[str, tuple[Measure, ...]] = {
    **core.MEASURES,
    **flow.MEASURES,
    **sprints.MEASURES,
    **satisfaction.MEASURES,
    **scorecard.MEASURES,
    **hygiene.MEASURES,
    **parity.MEASURES,
    **coverage.MEASURES,
    **restatement.MEASURES,
}
