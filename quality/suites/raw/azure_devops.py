"""Raw suites of Azure DevOps."""

from __future__ import annotations

from quality.suite import never, warn_if
from quality.suites.raw.common import one_of, present, raw_suite

SUITES = (
    raw_suite(
        "azure_devops/revisions",
        *present("item_id", "rev", "changed_at", "created_at", "project", "item_type", "state"),
        never(
            "foreign_record_ids",
            "is_new and record_id is distinct from item_id || ':' || rev",
            "a revision is named by its item and number",
            examples="record_id",
        ),
        never(
            "revisions_below_one", "is_new and rev < 1", "revisions count from 1", examples="record_id"
        ),
        warn_if(
            "changed_before_created", "is_new and changed_at < created_at", "no change comes before the creation",
            examples="record_id",
        ),
        warn_if("negative_points", "is_new and points < 0", "an estimate is not negative", examples="record_id"),
        minimum=1,
        is_required="an organisation without a single readable revision means a lost permission",
    ),
    raw_suite("azure_devops/links", *present("source_id", "target_id", "link_type", "changed_at", "is_active")),
    raw_suite("azure_devops/deleted_items", *present("item_id"), has_payload=False),
    raw_suite(
        "azure_devops/projects",
        *present("project_id", "name"),
        minimum=1,
        is_required="the token may read at least one project",
    ),
    raw_suite("azure_devops/teams", *present("team_id", "name", "project_id")),
    raw_suite("azure_devops/team_areas", *present("team_id", "area_path"), has_payload=False),
    raw_suite(
        "azure_devops/team_iterations",
        *present("team_id", "iteration_guid", "iteration_path"),
        warn_if(
            "finishes_before_start", "is_new and finish_date < start_date", "an iteration ends after it starts",
            examples="iteration_path",
        ),
    ),
    raw_suite("azure_devops/iterations", *present("iteration_guid", "project", "iteration_path")),
    raw_suite("azure_devops/areas", *present("area_guid", "project", "area_path")),
    raw_suite(
        "azure_devops/states",
        *present("project", "item_type", "state"),
        one_of("category", "Proposed", "InProgress", "Resolved", "Completed", "Removed", is_blocking=False),
        minimum=1,
        is_required="every project has states",
    ),
    raw_suite(
        "azure_devops/item_types",
        *present("project", "item_type"),
        minimum=1,
        is_required="every project has work item types",
    ),
    raw_suite("azure_devops/boards", *present("team_id", "board_id"), has_payload=False),
    raw_suite("azure_devops/capacities", *present("team_id", "iteration_guid"), has_payload=False),
    raw_suite("azure_devops/team_days_off", *present("team_id", "iteration_guid"), has_payload=False),
    raw_suite("azure_devops/users", *present("user_id"), has_payload=False),
)  # fmt: skip
