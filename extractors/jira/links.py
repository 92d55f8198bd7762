"""Links of issues that are gone: no history, no feed and no issue that is left says that they went, too."""

from __future__ import annotations

import pyarrow.compute as pc

from extractors.writing import Writer

STREAM = "jira/issue_links"


def delete_orphans(writer: Writer) -> None:
    """Delete the links with a deleted issue at either end. What the issues are has to be visible by now.

    A link to an issue that was never landed stays: it belongs to another project.
    """
    landing, connection_id = writer.landing, writer.connection.id
    issues = landing.latest("jira/issues", connection_id, ["record_id", "is_deleted"])
    gone = issues.filter(issues["is_deleted"])["record_id"].combine_chunks()
    if not len(gone):
        return
    links = landing.latest(STREAM, connection_id, ["record_id", "source_issue_id", "target_issue_id", "is_deleted"])
    links = links.filter(pc.invert(links["is_deleted"]))
    is_orphan = pc.or_(pc.is_in(links["source_issue_id"], gone), pc.is_in(links["target_issue_id"], gone))
    writer.delete(STREAM, links.filter(is_orphan)["record_id"].to_pylist())
