"""Raw suites of surveys."""

from __future__ import annotations

from quality.suite import never, warn_if
from quality.suites.raw.common import one_of, present, raw_suite

SUITES = (
    raw_suite(
        "surveys/responses",
        *present("survey", "response_id", "question", "metric"),
        one_of("metric", "nps", "csat", "ces"),
        one_of("scope_type", "team", "project", "product", "release", "all"),
        never(
            "scores_off_scale",
            "is_new and not is_deleted and (score < scale_min or score > scale_max)",
            "a score lies on its scale",
            examples="record_id || ' = ' || score",
        ),
        never(
            "readable_addresses",
            "is_new and respondent_key like '%@%'",
            "respondents are hashed, their addresses are never landed",
        ),
        warn_if("without_date", "is_new and not is_deleted and submitted_at is null", "a response has a date"),
        minimum=1,
        is_required="somebody has answered; a new survey may be empty, then the coverage says 0 of 0",
        has_payload=False,
        may_lack_rows=True,  # what nobody can explain is blocked by the coverage: surveys_without_answers
    ),
    raw_suite(
        "surveys/invitations",
        *present("survey", "metric"),
        never("negative_invitations", "is_new and invited < 0", "a number of people"),
        has_payload=False,
    ),
    raw_suite(
        "surveys/rejects",
        warn_if(
            "unread_lines",
            "is_new and not is_deleted",
            "every line of every file can be read",
            examples="source_file || ' line ' || source_line || ': ' || coalesce(reason, '')",
        ),
        has_payload=False,
    ),
)
