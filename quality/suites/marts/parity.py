"""Our sprint figures beside the tool's. The tool's report is unpublished and optional: nothing here stops anything."""

from __future__ import annotations

from quality.suite import Measure, warn_if
from quality.suites.marts.core import foreign_connections

MEASURES: dict[str, tuple[Measure, ...]] = {
    "kpi_parity": (
        warn_if(
            "unexplained",
            "abs(unexplained_difference) > 1e-6",
            "every difference from the tool's own report is accounted for by items",
            examples="sprint_name || ' ' || measure",
        ),
        foreign_connections(),
    ),
    "kpi_parity_item": (
        warn_if("without_a_reason", "reason_id = 'unexplained'", "a rule explains every item", examples="item_ref"),
        foreign_connections(),
    ),
}
