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
        warn_if(
            "difference_does_not_add_up",
            "abs(difference - (our_value - tool_value)) > 1e-6 or is_equal <> (abs(our_value - tool_value) <= 1e-6)",
            "the difference is ours less the tool's",
            examples="sprint_name || ' ' || measure",
        ),
        Measure(
            "items_that_are_not_named",
            "as many items are named as are counted",
            """(
                select count(*) from records left join (
                    select sprint_key, policy_id, measure, count(*) as named from marts.kpi_parity_item group by all
                ) using (sprint_key, policy_id, measure)
                where coalesce(named, 0) <> differing_items
            )""",
            0,
            0,
            is_blocking=False,
        ),
        foreign_connections(),
    ),
    "kpi_parity_item": (
        warn_if("without_a_reason", "reason_id = 'unexplained'", "a rule explains every item", examples="item_ref"),
        warn_if("wordless", "coalesce(reason, '') = ''", "every reason is said in words", examples="item_ref"),
        warn_if(
            "no_difference",
            "our_value is not distinct from tool_value",
            "only items that count differently are listed",
            examples="item_ref",
        ),
        foreign_connections(),
    ),
}
