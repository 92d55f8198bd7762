"""Restated figures: each says what it was, what it is and why, and is the figure that the scorecard shows."""

from __future__ import annotations

from quality.suite import Measure, never, warn_if

_NAMED = "kpi_id || ' ' || coalesce(scope_name, scope_key, '') || ' ' || period_start_date"
_SAME = "({0} is not distinct from {1} or abs({0} - {1}) <= 1e-9 * greatest(1, abs({0}), abs({1})))"
_CAUSES = "'records', 'indirect', 'definition', 'policy', 'earlier_sprints', 'withdrawn', 'unknown'"
_OF_THIS_RUN = "run_id in (select run_id from marts.kpi_scorecard)"
_ELSEWHERE = f"""(
    select count(*) from records left join marts.kpi_scorecard as scorecard using (figure_key)
    where records.{_OF_THIS_RUN} and not {_SAME.format("records.new_value", "scorecard.value")}
)"""  # noqa: S608 - texts of this file
_LATEST = """(
    select count(*) from (select figure_key from records group by figure_key having count(*) filter (is_latest) <> 1)
)"""
_ITEMS = """(
    select count(*) from records left join (
        select restatement_key, count(*) as named from marts.kpi_restatement_item group by restatement_key
    ) using (restatement_key)
    where coalesce(named, 0) <> least(cause_items, 20)
)"""
_ORPHANS = "restatement_key not in (select restatement_key from marts.kpi_restatement)"
_TOO_MANY = "(select count(*) from (select 1 from records group by restatement_key having count(*) > 20))"

MEASURES: dict[str, tuple[Measure, ...]] = {
    "kpi_restatement": (
        never(
            "nothing_changed",
            _SAME.format("old_value", "new_value"),
            "a figure is restated only if its value is another",
            examples=_NAMED,
        ),
        never(
            "change_does_not_add_up",
            f"not {_SAME.format('change_value', 'new_value - old_value')}",
            "the change is new less old",
            examples=_NAMED,
        ),
        Measure(
            "another_value_than_the_scorecard",
            "what this run restated is what the scorecard of this run says",
            _ELSEWHERE,
            0,
            0,
        ),
        never("unknown_causes", f"coalesce(cause, '') not in ({_CAUSES})", "only the known causes", examples="cause"),
        never("wordless", "coalesce(cause_text, '') = ''", "every cause is said in words", examples=_NAMED),
        never(
            "causes_without_items",
            "cause in ('records', 'indirect') and coalesce(cause_items, 0) = 0",
            "who says that items made the difference names them",
            examples=_NAMED,
        ),
        Measure("items_that_are_not_named", "the items of each cause are named, up to twenty", _ITEMS, 0, 0),
        never(
            "published_before_it_was_published",
            "first_published_at > old_published_at",
            "the first publication is not later than the one before",
            examples=_NAMED,
        ),
        Measure("figures_without_one_latest", "of each figure one restatement is the latest", _LATEST, 0, 0),
        warn_if("without_a_known_cause", "cause = 'unknown'", "every cause is known", examples=_NAMED),
    ),
    "kpi_restatement_item": (
        never("orphans", _ORPHANS, "every item belongs to a restatement", examples="item_ref"),
        never(
            "nameless",
            "(item_key is null) = (response_key is null)",
            "the cause is an item or an answer to a survey",
            examples="restatement_key",
        ),
        never(
            "unknown_changes",
            "coalesce(change, '') not in ('came in', 'left', 'changed')",
            "only the three changes",
            examples="change",
        ),
        never(
            "contradictions",
            "(change = 'came in' and old_contribution is not null)"
            " or (change = 'left' and new_contribution is not null)",
            "what came in counted for nothing before, what left counts for nothing now",
            examples="coalesce(item_ref, response_key)",
        ),
        never(
            "records_not_named",
            "coalesce(len(raw_record_keys), 0) <> least(record_count, 20)",
            "the new raw records are named, up to twenty",
            examples="coalesce(item_ref, response_key)",
        ),
        Measure("too_many_items", "at most twenty items a restatement", _TOO_MANY, 0, 0),
    ),
}  # fmt: skip
