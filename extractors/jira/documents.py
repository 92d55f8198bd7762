"""The forms of Jira's answers, as far as we read them. `msgspec` checks them while it decodes.

Records that are landed as sent stay `Raw`; they are decoded typed from there. What a first load makes by the
million is left out of Python's garbage collection (`gc=False`): none of it refers back to itself.
"""

from __future__ import annotations

from msgspec import Raw, Struct
from msgspec import field as wire

NOTHING = Raw(b"null")


class IssueFields(Struct):
    """Fields of a search that asks for `updated`."""

    updated: str | None = None


class FoundIssue(Struct):
    id: str
    fields: IssueFields | None = None


class TokenPage(Struct):
    """Cloud: search/jql."""

    issues: list[FoundIssue]
    next_page_token: str | None = wire(default=None, name="nextPageToken")
    is_last: bool | None = wire(default=None, name="isLast")


class KeyedIssue(Struct):
    id: str
    key: str
    fields: IssueFields | None = None


class OffsetPage(Struct):
    """Data Center: search, ids and keys."""

    issues: list[KeyedIssue]
    total: int


class RawIssues(Struct):
    """Cloud: issue/bulkfetch. Data Center: search with all fields."""

    issues: list[Raw]


class IssueChangeLog(Struct):
    issue_id: str = wire(name="issueId")
    histories: list[Raw] = wire(default_factory=list, name="changeHistories")


class ChangeLogPage(Struct):
    """Cloud: changelog/bulkfetch; one issue may be split over pages."""

    logs: list[IssueChangeLog] = wire(name="issueChangeLogs")
    next_page_token: str | None = wire(default=None, name="nextPageToken")


class HistoryPage(Struct):
    """Cloud: issue/{id}/changelog."""

    values: list[Raw]
    total: int
    is_last: bool | None = wire(default=None, name="isLast")


class EmbeddedChangelog(Struct):
    """`changelog` of an issue that was asked for with expand=changelog."""

    histories: list[Raw] | None = None
    total: int | None = None


class Person(Struct, gc=False):
    """Who somebody is. Cloud has accountId, Data Center key and name."""

    account_id: str | None = wire(default=None, name="accountId")
    key: str | None = None
    name: str | None = None

    @property
    def user_id(self) -> str | None:
        return self.account_id or self.key or self.name


class User(Person, gc=False):
    """What is known of somebody. It comes with every history, but is read once in a run."""

    display_name: str | None = wire(default=None, name="displayName")
    email: str | None = wire(default=None, name="emailAddress")
    active: bool | None = None


class HistoryAuthor(Struct):
    """A history for its author's sake."""

    author: User | None = None


class PeopleOfFields(Struct):
    assignee: User | None = None
    reporter: User | None = None
    creator: User | None = None


class PeopleOfIssue(Struct):
    """An issue for the sake of the people in it."""

    fields: PeopleOfFields


class HistoryItem(Struct, gc=False):
    field: str
    fieldtype: str | None = None
    field_id: str | None = wire(default=None, name="fieldId")
    from_id: str | None = wire(default=None, name="from")
    from_text: str | None = wire(default=None, name="fromString")
    to_id: str | None = wire(default=None, name="to")
    to_text: str | None = wire(default=None, name="toString")


class History(Struct, gc=False):
    """`created` is ISO text, or a number of epoch seconds or milliseconds in the bulk answer."""

    id: str
    created: str | int | float
    author: Person | None = None
    items: list[HistoryItem] = []


class Named(Struct, gc=False):
    id: str
    name: str | None = None
    key: str | None = None


class StatusCategory(Struct, gc=False):
    key: str | None = None


class IssueStatus(Struct, gc=False):
    id: str
    name: str
    category: StatusCategory | None = wire(default=None, name="statusCategory")


class IssueType(Struct, gc=False):
    id: str
    name: str
    subtask: bool = False


class IssueProject(Struct, gc=False):
    id: str
    key: str


class LinkType(Struct, gc=False):
    name: str
    outward: str | None = None


class LinkedIssue(Struct, gc=False):
    id: str | None = None
    key: str | None = None


class IssueLink(Struct, gc=False):
    type: LinkType
    id: str | None = None
    outward: LinkedIssue | None = wire(default=None, name="outwardIssue")
    inward: LinkedIssue | None = wire(default=None, name="inwardIssue")


class Fields(Struct, gc=False):
    """System fields of an issue. Status, type and project are on every issue: without them the answer is not whole."""

    status: IssueStatus
    issuetype: IssueType
    project: IssueProject
    created: str
    updated: str | None = None
    summary: str | None = None
    resolution: Named | None = None
    resolutiondate: str | None = None
    priority: Named | None = None
    assignee: Person | None = None
    reporter: Person | None = None
    creator: Person | None = None
    parent: Named | None = None
    timeoriginalestimate: int | None = None
    timeestimate: int | None = None
    timespent: int | None = None
    labels: list[str] | None = None
    fix_versions: list[Named] | None = wire(default=None, name="fixVersions")
    components: list[Named] | None = None
    duedate: str | None = None
    issuelinks: list[IssueLink] | None = None
    comment: Raw = NOTHING


class Issue(Struct, gc=False):
    id: str
    key: str
    fields: Fields


class Comments(Struct):
    """The comments of an issue, for their number's sake."""

    total: int | None = None


class Worklog(Struct):
    id: str
    issue_id: str | None = wire(default=None, name="issueId")
    started: str | int | None = None
    created: str | int | None = None
    updated: str | int | None = None
    spent_seconds: int | None = wire(default=None, name="timeSpentSeconds")
    author: Person | None = None


class WorklogPage(Struct):
    """The worklogs of one issue."""

    worklogs: list[Raw]
    total: int


class ChangedWorklog(Struct):
    id: int = wire(name="worklogId")


class ChangedWorklogs(Struct):
    """worklog/updated and worklog/deleted: up to 1,000 ids; `until` is where the next page begins."""

    values: list[ChangedWorklog]
    until: int
    last_page: bool = wire(default=True, name="lastPage")


class Page(Struct):
    """A page of a list: `values` as sent."""

    values: list[Raw]
    is_last: bool | None = wire(default=None, name="isLast")
    total: int | None = None
    start_at: int = wire(default=0, name="startAt")


class ApproximateCount(Struct):
    count: int
