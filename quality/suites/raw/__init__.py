"""Raw suites: one per stream."""

from __future__ import annotations

from quality.suite import Suite
from quality.suites.raw import azure_devops, jira, pmo, surveys
from quality.suites.raw.pmo import FRESHNESS

__all__ = ["FRESHNESS", "RAW_SUITES"]

RAW_SUITES: dict[str, Suite] = {
    suite.asset: suite for suite in (*jira.SUITES, *azure_devops.SUITES, *surveys.SUITES, *pmo.SUITES)
}
