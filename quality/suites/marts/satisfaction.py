"""Satisfaction marts."""

from __future__ import annotations

from quality.suite import Measure, never

MEASURES: dict[str, tuple[Measure, ...]] = {
    "fct_survey_response": (
        never("off_scale", "score < scale_min or score > scale_max", "a score lies on its scale"),
        never("readable_respondents", "respondent_key like '%@%'", "respondents are pseudonyms"),
    ),
    "kpi_satisfaction": (
        never(
            "impossible_nps",
            "nps not between -100 and 100 or nps_margin < 0",
            "the score lies between -100 and 100",
            examples="scope_key || ' ' || period_start_date",
        ),
        never(
            "groups_do_not_add_up",
            "metric = 'nps' and promoters + passives + detractors <> nps_responses",
            "every answer to the NPS question is a promoter, a passive or a detractor",
            examples="scope_key || ' ' || period_start_date",
        ),
        never(
            "impossible_ratios",
            "csat_ratio not between 0 and 1 or response_ratio < 0",
            "a share lies between 0 and 1",
            examples="scope_key || ' ' || period_start_date",
        ),
        never(
            "not_suppressed",
            "is_suppressed and (nps is not null or csat_ratio is not null or csat_mean is not null)",
            "too few responses show no figure",
            examples="scope_key || ' ' || period_start_date",
        ),
    ),
}
