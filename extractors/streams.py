"""The raw streams: the one place that says which tables exist and which columns they have.

Every stream is one append-only Delta table `$PMO_HOME/raw/<tool>/<stream>`. Sources build rows for
it, `landing.py` writes them, dbt's staging reads them, Great Expectations judges them. All of them
take names and types from here.

Each table starts with the key columns. `record_id` is unique per connection and stream; of several
rows of one record the one extracted last holds. A row with `is_deleted` says that the source no
longer has the record.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

TIMESTAMP = pa.timestamp("us", tz="UTC")
TEXT = pa.string()
TEXTS = pa.list_(pa.string())
WHOLE = pa.int64()
NUMBER = pa.float64()
FLAG = pa.bool_()
DATE = pa.date32()

KEY_COLUMNS: dict[str, pa.DataType] = {
    "connection_id": TEXT,
    "record_id": TEXT,  # unique per connection and stream
    "updated_at": TIMESTAMP,  # the record's own last change; NULL where the tool gives none
    "extracted_at": TIMESTAMP,  # when our request for it was sent
    "run_id": TEXT,
    "batch_id": TEXT,  # the ledger's batch; rows of batches that are not in the ledger are read by nobody
    "is_deleted": FLAG,
    "payload_hash": TEXT,  # 128-bit hex over the record as sent, history included
    "payload": TEXT,  # the record's JSON as sent, without the embedded history; NULL on deletions
}


@dataclass(frozen=True)
class Stream:
    """One raw table. `name` is `<tool>/<stream>`; `columns` come after the key columns."""

    name: str
    grain: str
    columns: dict[str, pa.DataType]

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([*KEY_COLUMNS.items(), *self.columns.items()])

    @property
    def tool(self) -> str:
        return self.name.split("/")[0]


def _streams(*streams: Stream) -> dict[str, Stream]:
    return {stream.name: stream for stream in streams}


JIRA = _streams(
    Stream(
        "jira/issues",
        "One row per version of an issue; record_id is the issue id.",
        {
            "issue_id": TEXT,
            "issue_key": TEXT,
            "project_id": TEXT,
            "project_key": TEXT,
            "issue_type_id": TEXT,
            "issue_type": TEXT,
            "is_subtask": FLAG,
            "status_id": TEXT,
            "status": TEXT,
            "status_category": TEXT,  # new, indeterminate, done
            "resolution_id": TEXT,
            "resolution": TEXT,
            "priority": TEXT,
            "summary": TEXT,
            "created_at": TIMESTAMP,
            "resolved_at": TIMESTAMP,
            "assignee_id": TEXT,
            "reporter_id": TEXT,
            "parent_id": TEXT,  # issue id of the parent (sub-task's story, or the epic where it is the parent)
            "parent_key": TEXT,
            "epic_ref": TEXT,  # value of the Epic Link field (an issue key), where there is one
            "points": NUMBER,
            "original_estimate_seconds": WHOLE,
            "remaining_estimate_seconds": WHOLE,
            "spent_seconds": WHOLE,
            "is_flagged": FLAG,
            "sprint_ids": TEXTS,
            "labels": TEXTS,
            "fix_version_ids": TEXTS,
            "component_names": TEXTS,
            "due_date": DATE,
            "change_count": WHOLE,  # histories that the tool says there are
            "landed_change_count": WHOLE,  # histories that we hold; equal, or the history is incomplete
            "comment_count": WHOLE,  # comments themselves are left out of the payload, unless include_comments
            "satisfaction": NUMBER,  # what the customer of a service request says: 1 to 5
            "satisfied_at": TIMESTAMP,  # when; NULL where the site keeps no such field
        },
    ),
    Stream(
        "jira/issue_changes",
        "One row per item of a history of an issue; record_id is <issue id>:<history id>:<item number>. "
        "payload is the history as sent, on its first item only.",
        {
            "issue_id": TEXT,
            "history_id": WHOLE,
            "item_number": WHOLE,  # from 0, the order of the items in the history
            "changed_at": TIMESTAMP,
            "author_id": TEXT,
            # What the field means to us, by id and schema: status, resolution, sprint, points, remaining (seconds),
            # project, key, item_type, parent, epic, flagged, assignee, priority, fix_version; NULL for any other.
            "attribute": TEXT,
            "field": TEXT,
            "field_id": TEXT,
            "from_id": TEXT,
            "from_text": TEXT,
            "to_id": TEXT,
            "to_text": TEXT,
        },
    ),
    Stream(
        "jira/worklogs",
        "One row per version of a worklog of a landed issue; record_id is the worklog id. No KPI counts logged hours "
        "(an issue's own spent_seconds does), so dbt does not read it.",
        {
            "worklog_id": TEXT,
            "issue_id": TEXT,
            "author_id": TEXT,
            "started_at": TIMESTAMP,  # the work
            "created_at": TIMESTAMP,  # the entry
            "spent_seconds": WHOLE,
        },
    ),
    Stream(
        "jira/issue_links",
        "One row per link as seen from its outward side; record_id is the link id.",
        {
            "source_issue_id": TEXT,
            "target_issue_id": TEXT,
            "link_type": TEXT,
            "outward_text": TEXT,
        },
    ),
    Stream(
        "jira/projects",
        "One row per version of a project; record_id is the project id.",
        {"project_id": TEXT, "project_key": TEXT, "name": TEXT, "is_archived": FLAG, "category": TEXT},
    ),
    Stream(
        "jira/boards",
        "One row per version of a board; record_id is the board id.",
        {
            "board_id": TEXT,
            "name": TEXT,
            "board_type": TEXT,  # scrum, kanban, simple
            "project_id": TEXT,
            "project_key": TEXT,
            "filter_id": TEXT,
            "filter_jql": TEXT,
            "is_filter_readable": FLAG,
            "points_field_id": TEXT,  # the estimation field of the board's configuration
        },
    ),
    Stream(
        "jira/board_columns",
        "One row per column of a board; record_id is <board id>:<column number>.",
        {
            "board_id": TEXT,
            "column_number": WHOLE,
            "name": TEXT,
            "status_ids": TEXTS,
            "minimum": WHOLE,
            "maximum": WHOLE,
        },
    ),
    Stream(
        "jira/board_items",
        "One row per board and issue that its filter holds; record_id is <board id>:<issue id>.",
        {"board_id": TEXT, "issue_id": TEXT},
    ),
    Stream(
        "jira/sprints",
        "One row per version of a sprint; record_id is the sprint id.",
        {
            "sprint_id": TEXT,
            "board_id": TEXT,  # originBoardId
            "name": TEXT,
            "goal": TEXT,
            "state": TEXT,  # future, active, closed
            "start_at": TIMESTAMP,
            "end_at": TIMESTAMP,
            "activated_at": TIMESTAMP,
            "complete_at": TIMESTAMP,
        },
    ),
    Stream(
        "jira/sprint_reports",
        "What Jira's own sprint report and velocity chart say of a closed sprint: one row per issue of the report, "
        "record_id <sprint id>:<issue id>, and one for the sprint itself, record_id <sprint id>:*.",
        {
            "sprint_id": TEXT,
            "board_id": TEXT,
            "complete_at": TIMESTAMP,  # close of the sprint that the report was read for; the sprint's own row
            "issue_id": TEXT,  # NULL on the sprint's own row, as are the next five
            "issue_key": TEXT,
            "outcome": TEXT,  # completed, not_completed, removed, completed_elsewhere
            "is_added": FLAG,  # during the sprint
            "estimate_at_start": NUMBER,  # in the board's estimation unit
            "estimate_at_close": NUMBER,
            "committed_points": NUMBER,  # of the velocity chart, on the sprint's own row; NULL: the chart lacks it
            "completed_points": NUMBER,
        },
    ),
    Stream(
        "jira/statuses",
        "One row per version of a status; record_id is the status id.",
        {"status_id": TEXT, "name": TEXT, "category": TEXT, "project_id": TEXT},  # project_id: team-managed scope
    ),
    Stream(
        "jira/resolutions",
        "One row per version of a resolution; record_id is the resolution id.",
        {"resolution_id": TEXT, "name": TEXT},
    ),
    Stream(
        "jira/issue_types",
        "One row per version of an issue type; record_id is the type id.",
        {"issue_type_id": TEXT, "name": TEXT, "is_subtask": FLAG, "hierarchy_level": WHOLE},
    ),
    Stream(
        "jira/versions",
        "One row per version of a release; record_id is the version id.",
        {
            "version_id": TEXT,
            "project_id": TEXT,
            "name": TEXT,
            "start_date": DATE,
            "release_date": DATE,
            "is_released": FLAG,
            "is_archived": FLAG,
        },
    ),
    Stream(
        "jira/fields",
        "One row per field; record_id is the field id.",
        {"field_id": TEXT, "name": TEXT, "custom_type": TEXT, "attribute": TEXT},  # attribute: what we use it as
    ),
    Stream(
        "jira/users",
        "One row per version of a user seen; record_id is the account id (Cloud) or user key (Data Center).",
        {"user_id": TEXT, "display_name": TEXT, "email": TEXT, "is_active": FLAG},
    ),
)

AZURE_DEVOPS = _streams(
    Stream(
        "azure_devops/revisions",
        "One row per revision of a work item; record_id is <item id>:<rev>.",
        {
            "item_id": TEXT,
            "rev": WHOLE,
            "changed_at": TIMESTAMP,
            "changed_by_id": TEXT,
            "created_at": TIMESTAMP,
            "project": TEXT,  # System.TeamProject
            "item_type": TEXT,
            "state": TEXT,
            "reason": TEXT,
            "resolved_reason": TEXT,
            "title": TEXT,
            "area_id": TEXT,
            "area_path": TEXT,
            "iteration_id": TEXT,  # System.IterationId, the node's number
            "iteration_path": TEXT,
            "points": NUMBER,  # StoryPoints, else Effort, else Size
            "original_estimate_hours": NUMBER,
            "remaining_hours": NUMBER,
            "completed_hours": NUMBER,
            "is_blocked": FLAG,  # Microsoft.VSTS.CMMI.Blocked = Yes, or the tag Blocked
            "tags": TEXTS,
            "priority": TEXT,
            "severity": TEXT,
            "assigned_to_id": TEXT,
            "board_column": TEXT,
            "is_board_column_done": FLAG,  # in the second half of a split column
            "board_lane": TEXT,
            "comment_count": WHOLE,
            "is_item_deleted": FLAG,  # System.IsDeleted of this revision
        },
    ),
    Stream(
        "azure_devops/links",
        "One row per link event; record_id is <source>:<target>:<type>:<changed at>:<active>.",
        {
            "source_id": TEXT,
            "target_id": TEXT,
            "link_type": TEXT,  # System.LinkTypes.Hierarchy-Reverse: the target is the parent of the source
            "changed_at": TIMESTAMP,
            "changed_by_id": TEXT,
            "is_active": FLAG,
            "source_project": TEXT,
            "target_project": TEXT,
        },
    ),
    Stream(
        "azure_devops/deleted_items",
        "One row per item that the tool no longer holds as live; record_id is the item id. is_deleted on this "
        "stream means restored.",
        {"item_id": TEXT, "project": TEXT, "deleted_at": TIMESTAMP, "deleted_by_id": TEXT, "is_destroyed": FLAG},
    ),
    Stream(
        "azure_devops/projects",
        "One row per version of a project; record_id is the project id.",
        {"project_id": TEXT, "name": TEXT, "state": TEXT, "visibility": TEXT},
    ),
    Stream(
        "azure_devops/teams",
        "One row per version of a team; record_id is the team id.",
        {
            "team_id": TEXT,
            "name": TEXT,
            "project_id": TEXT,
            "project": TEXT,
            "backlog_iteration_path": TEXT,
            "working_days": TEXTS,  # monday … sunday
        },
    ),
    Stream(
        "azure_devops/team_areas",
        "One row per team and area path that it owns; record_id is <team id>:<area path>.",
        {"team_id": TEXT, "area_path": TEXT, "includes_children": FLAG, "is_default": FLAG},
    ),
    Stream(
        "azure_devops/team_iterations",
        "One row per team and iteration that it subscribes to; record_id is <team id>:<iteration guid>.",
        {
            "team_id": TEXT,
            "iteration_guid": TEXT,
            "iteration_path": TEXT,
            "name": TEXT,
            "start_date": DATE,
            "finish_date": DATE,
        },
    ),
    Stream(
        "azure_devops/iterations",
        "One row per iteration node of a project; record_id is its guid.",
        {
            "iteration_id": TEXT,
            "iteration_guid": TEXT,
            "project": TEXT,
            "iteration_path": TEXT,  # as in System.IterationPath: Project\\Release 1\\Sprint 3
            "name": TEXT,
            "start_date": DATE,
            "finish_date": DATE,
        },
    ),
    Stream(
        "azure_devops/areas",
        "One row per area node of a project; record_id is its guid.",
        {"area_id": TEXT, "area_guid": TEXT, "project": TEXT, "area_path": TEXT, "name": TEXT},
    ),
    Stream(
        "azure_devops/states",
        "One row per project, work item type and state; record_id is <project>:<type>:<state>.",
        {"project": TEXT, "item_type": TEXT, "state": TEXT, "category": TEXT, "state_number": WHOLE},
    ),
    Stream(
        "azure_devops/item_types",
        "One row per project and work item type; record_id is <project>:<type>.",
        {"project": TEXT, "item_type": TEXT, "reference_name": TEXT, "is_disabled": FLAG},
    ),
    Stream(
        "azure_devops/boards",
        "One row per team board column; record_id is <team id>:<board id>:<column id>.",
        {
            "team_id": TEXT,
            "board_id": TEXT,
            "board": TEXT,
            "column_number": WHOLE,
            "column_name": TEXT,
            "column_type": TEXT,  # incoming, inProgress, outgoing
            "item_limit": WHOLE,
            "is_split": FLAG,
            "state_mappings": TEXTS,  # <work item type>=<state>
        },
    ),
    Stream(
        "azure_devops/capacities",
        "One row per team, iteration, member and activity; record_id joins the four with a colon.",
        {
            "team_id": TEXT,
            "iteration_guid": TEXT,
            "user_id": TEXT,
            "activity": TEXT,
            "capacity_hours_per_day": NUMBER,
            "days_off": TEXTS,  # ISO dates
        },
    ),
    Stream(
        "azure_devops/team_days_off",
        "One row per team and iteration with days off; record_id is <team id>:<iteration guid>.",
        {"team_id": TEXT, "iteration_guid": TEXT, "days_off": TEXTS},
    ),
    Stream(
        "azure_devops/users",
        "One row per version of an identity seen; record_id is its id, the same for one descriptor.",
        {"user_id": TEXT, "display_name": TEXT, "email": TEXT, "descriptor": TEXT, "is_active": FLAG},
    ),
)

SURVEYS = _streams(
    Stream(
        "surveys/responses",
        "One row per response and question; record_id is <survey>:<response id>:<question>.",
        {
            "survey": TEXT,
            "response_id": TEXT,
            "question": TEXT,
            "metric": TEXT,  # nps, csat, ces
            "score": NUMBER,  # NULL: left blank, which is not a response
            "scale_min": NUMBER,
            "scale_max": NUMBER,
            "submitted_at": TIMESTAMP,
            "respondent_key": TEXT,  # keyed hash; the address itself is never landed
            "scope_type": TEXT,  # team, project, product, release, all
            "scope_name": TEXT,
            "has_comment": FLAG,
            "comment": TEXT,  # only where include_comments
            "source_file": TEXT,
            "source_line": WHOLE,
            "repeat_days": WHOLE,  # an answer that its person repeats within so many days does not count; 0: all count
        },
    ),
    Stream(
        "surveys/invitations",
        "One row per survey and metric; record_id is <survey>:<metric>.",
        {"survey": TEXT, "metric": TEXT, "invited": WHOLE, "survey_date": DATE},
    ),
    Stream(
        "surveys/rejects",
        "One row per line of a file (record_id <file>:<line>; line 0: the whole file) or answer of a tool "
        "(<survey>:<response>:<question>) that could not be read.",
        {"source_file": TEXT, "source_line": WHOLE, "column": TEXT, "value": TEXT, "reason": TEXT},
    ),
)

PMO = _streams(
    Stream(
        "pmo/connections",
        "One row per version of a connection's own description; record_id is the connection id.",
        {
            "kind": TEXT,  # jira, azure_devops, survey_file …
            "tool": TEXT,  # jira, azure_devops, surveys
            "deployment": TEXT,  # cloud, data_center, services, server, file
            "name": TEXT,
            "url": TEXT,
            "time_zone": TEXT,
            "tool_version": TEXT,
        },
    ),
    Stream(
        "pmo/coverage",
        "One row per run, stream and project; record_id is <run id>:<stream>:<project>.",
        {
            "stream": TEXT,
            "project": TEXT,  # the project's key or name; '*' where the stream has no projects
            "expected": WHOLE,  # records that the source says it has; NULL: it does not say
            "got": WHOLE,  # records that we hold after the run
            "deleted": WHOLE,
            "skipped": WHOLE,
            "reason": TEXT,
        },
    ),
)

STREAMS: dict[str, Stream] = {**JIRA, **AZURE_DEVOPS, **SURVEYS, **PMO}

LEDGER = "pmo/batches"
LEDGER_SCHEMA = pa.schema(
    {
        "batch_id": TEXT,
        "run_id": TEXT,
        "run_started_at": TIMESTAMP,
        "connection_id": TEXT,
        "kind": TEXT,
        "sequence": WHOLE,  # grows by one with every batch of a connection
        "cursors": TEXT,  # JSON: where the source goes on after this batch
        "streams": TEXT,  # JSON: [{"stream", "rows", "files"}]; files: those that hold the batch now
        "committed_at": TIMESTAMP,
        "is_final": FLAG,  # the last batch of the connection's run: the source was read to the end
        "verdict": TEXT,  # pending, accepted, held
        "verdict_reason": TEXT,
        "judged_at": TIMESTAMP,
    }
)
