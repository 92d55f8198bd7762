"""Raw suites of Jira."""

from __future__ import annotations

from quality.suite import never, warn_if
from quality.suites.raw.common import one_of, present, raw_suite

CATEGORIES = ("new", "indeterminate", "done", "undefined")
_INCOMPLETE = "is_new and not is_deleted and (landed_change_count is null or change_count <> landed_change_count)"
_OF = "issue_key || ': ' || coalesce(landed_change_count, 0) || ' of ' || coalesce(change_count, 0)"

SUITES = (
    raw_suite(
        "jira/issues",
        *present("issue_id", "issue_key", "project_id", "issue_type_id", "status_id", "created_at"),
        one_of("status_category", *CATEGORIES),
        never(
            "incomplete_histories",
            # Cloud's bulk answers do not say how many there are; then the source has replayed the history instead.
            f"{_INCOMPLETE} and not list_contains(reported_cuts, record_id)",
            "as many histories are held as the tool says there are, or the run says which it did not get",
            examples=_OF,
        ),
        warn_if(
            "histories_cut_by_the_tool",
            # Asked for twice, and the tool has no more: holding the site would not bring them back.
            f"{_INCOMPLETE} and list_contains(reported_cuts, record_id)",
            "the tool gives every history that it counts",
            examples=_OF,
        ),
        warn_if(
            "resolved_before_created",
            "is_new and resolved_at < created_at",
            "no issue is resolved before it is created (imports do that)",
            examples="issue_key",
        ),
        warn_if(
            "negative_points", "is_new and points < 0", "an estimate is not negative", examples="issue_key"
        ),
        warn_if(
            "without_update", "is_new and not is_deleted and updated_at is null", "the tool dates every change",
            examples="issue_key",
        ),
        minimum=1,
        is_required="a site without a single readable issue means a lost permission or a wrong project list",
    ),
    raw_suite(
        "jira/issue_changes",
        *present("issue_id", "history_id", "item_number", "changed_at"),
        never("negative_item_numbers", "is_new and item_number < 0", "items of a history count from 0"),
        has_payload=False,
    ),
    raw_suite(
        "jira/worklogs",
        *present("worklog_id", "issue_id"),
        never("negative_time", "is_new and spent_seconds < 0", "logged work is not negative", examples="worklog_id"),
    ),
    raw_suite("jira/issue_links", *present("source_issue_id", "target_issue_id", "link_type")),
    raw_suite(
        "jira/projects",
        *present("project_id", "project_key", "name"),
        minimum=1,
        is_required="the token may read at least one project",
    ),
    raw_suite("jira/boards", *present("board_id", "name", "board_type")),
    raw_suite("jira/board_columns", *present("board_id", "column_number"), has_payload=False),
    raw_suite("jira/board_items", *present("board_id", "issue_id"), has_payload=False),
    raw_suite(
        "jira/sprints",
        *present("sprint_id", "name", "state"),
        one_of("state", "future", "active", "closed"),
        warn_if(
            "ends_before_start", "is_new and end_at < start_at", "a sprint ends after it starts", examples="name"
        ),
        warn_if(
            "closed_without_dates",
            "is_new and state = 'closed' and (start_at is null or coalesce(complete_at, end_at) is null)",
            "a closed sprint has dates; without them it has no measures",
            examples="name",
        ),
    ),
    raw_suite(
        "jira/sprint_reports",  # optional: a site that does not offer them has no rows, and the coverage says so
        *present("sprint_id", "board_id"),
        never(
            "issue_rows_without_outcome",
            "is_new and not is_deleted and issue_id is not null and outcome is null",
            "every issue of a report is in one of its lists",
            examples="record_id",
        ),
    ),
    raw_suite(
        "jira/statuses",
        *present("status_id", "name"),
        one_of("category", *CATEGORIES),
        minimum=1,
        is_required="every site has statuses",
    ),
    raw_suite("jira/resolutions", *present("resolution_id", "name")),
    raw_suite(
        "jira/issue_types",
        *present("issue_type_id", "name"),
        minimum=1,
        is_required="every site has issue types",
    ),
    raw_suite("jira/versions", *present("version_id", "name")),
    raw_suite("jira/fields", *present("field_id"), minimum=1, is_required="every site has fields"),
    raw_suite("jira/users", *present("user_id"), has_payload=False),
)  # fmt: skip
