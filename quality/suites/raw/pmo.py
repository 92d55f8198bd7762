"""Raw suites of what every source tells about itself: freshness and coverage, the first things to judge."""

from __future__ import annotations

from quality.suite import Measure, Suite, never, warn_if
from quality.suites.raw.common import raw_suite

MAXIMUM_AGE_HOURS = 24

FRESHNESS = Suite(
    "raw.pmo.freshness",
    "pmo/batches",
    (
        Measure(
            "hours_fallen_behind",
            "the source's clock goes on: it is not further behind ours than it was when it was read before",
            "max(fallen_behind_hours)",
            maximum=MAXIMUM_AGE_HOURS,
        ),
        Measure(
            "hours_since_last_complete_read",
            "the source was read to its end, and lately",
            # A connection that was never read to its end is infinitely old.
            "coalesce(max(age_hours), 1e9)",
            maximum=MAXIMUM_AGE_HOURS,
            is_blocking=False,
        ),
    ),
)

CONNECTIONS = raw_suite(
    "pmo/connections",
    minimum=1,
    is_required="every connection describes itself",
    has_payload=False,
)

_ANSWERS = "run_id = this_run_id and stream = 'surveys/responses'"

COVERAGE = raw_suite(
    "pmo/coverage",
    Measure(
        "rows_of_this_run",
        "the run says what it covered",
        "count(*) filter (where run_id = this_run_id)",
        minimum=1,
    ),
    never(
        "unexplained_gaps",
        "run_id = this_run_id and got < expected and reason is null",
        "as many records are held as the source says it has, per stream and project",
        examples="stream || ' of ' || project || ': ' || got || ' of ' || expected",
    ),
    warn_if(
        "explained_gaps",
        "run_id = this_run_id and reason is not null and (coalesce(skipped, 0) > 0 or got < expected or got is null)",
        "nothing had to be left out, and everything could be counted",
        examples="stream || ' of ' || project || ': ' || reason",
    ),
    Measure(
        "surveys_without_answers",
        # A wrong path or column gives no answers either; where the source itself counts none, there are none.
        "a survey connection without a single answer is one whose source says that there are none",
        f"case when coalesce(sum(got) filter (where {_ANSWERS}), 0) = 0"
        f" then count(*) filter (where {_ANSWERS} and coalesce(expected, 1) > 0) else 0 end",
        0,
        0,
    ),
    Measure(
        "projects_no_longer_covered",
        # What explained itself and holds nothing (a deleted project, a former key) may go without another word.
        "every project that the run before covered is covered again, or the run says why not",
        "len(list_filter(coalesce(list(distinct stream || ' of ' || project) filter (where run_id = previous_run_id"
        " and not (coalesce(got, 0) = 0 and reason is not null)), []), lambda covered: not list_contains("
        "coalesce(list(distinct stream || ' of ' || project) filter (where run_id = this_run_id), []), covered)))",
        0,
        0,
        where="run_id = previous_run_id and not (coalesce(got, 0) = 0 and reason is not null) and not exists ("
        "from records as now where now.run_id = records.this_run_id and now.stream = records.stream"
        " and now.project = records.project)",
        examples="stream || ' of ' || project",
    ),
    minimum=1,
    is_required="every run says what it covered",
    has_payload=False,
)

SUITES = (CONNECTIONS, COVERAGE)
