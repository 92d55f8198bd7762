"""What a token or its account needs for an address, in the words of Atlassian's published description.

Jira refuses a token that lacks a scope with "scope does not match" and does not say which one.
"""

from __future__ import annotations

import re

from extractors.errors import AccessDenied, AuthError, ExtractError

WORK = "read:jira-work"
# Path → the scope of the classic kind (or the only one there is), and those of the granular kind.
_NEEDED = (
    (r"/agile/1\.0/board/[^/]+/configuration", "read:board-scope.admin:jira-software", ("read:project:jira",)),
    (r"/agile/1\.0/(board/[^/]+/)?sprint", "read:sprint:jira-software", ()),
    (r"/agile/1\.0/board", "read:board-scope:jira-software", ("read:project:jira",)),
    (r"/myself", "read:jira-user", ("read:user:jira",)),
    (r"/project/[^/ ]+/version", WORK, ("read:project-version:jira",)),
    (r"/project", WORK, ("read:project:jira",)),
    (r"/field", WORK, ("read:field:jira",)),
    (r"/filter/", WORK, ("read:filter:jira", "read:jql:jira")),
    (r"/changelog", WORK, ("read:issue-meta:jira", "read:issue.changelog:jira", "read:avatar:jira")),
    (r"/worklog", WORK, ("read:issue-worklog:jira", "read:issue-worklog.property:jira")),
    (r"/issue/bulkfetch", WORK, ("read:issue:jira", "read:issue-meta:jira", "read:issue.changelog:jira")),
    (r"/search|/approximate-count", WORK, ("read:issue-details:jira", "read:field:jira")),
    (r"/(status|resolution|issuetype)", WORK, ("read:status:jira", "read:resolution:jira", "read:issue-type:jira")),
)


def needed_for(error: ExtractError) -> str:
    """The scope that a refused call needs, as a sentence; empty if it was not refused for the lack of one."""
    is_refusal = isinstance(error, AccessDenied | AuthError) and error.status in (401, 403)
    if not is_refusal or "scope" not in error.detail.lower():
        return ""
    for path, scope, granular in _NEEDED:
        if re.search(path, error.subject):
            others = " and ".join(granular)
            more = f" (or, of the granular ones, {others})" if scope == WORK else f" and {others}" if others else ""
            return f"The token needs the scope {scope}{more}."
    return "The token lacks a scope."
